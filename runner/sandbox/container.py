"""A sandbox in a fresh, sealed container: what a model's commands run in."""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runner.errors import EnvironmentProblem, SandboxFailure, ToolError
from runner.sandbox import engine as docker
from runner.sandbox.channel import Channel, ChannelLost
from runner.sandbox.engine import Engine
from runner.sandbox.fate import lost as lost_container
from runner.sandbox.fate import runs, was_killed
from runner.sandbox.limits import AGENT, JUDGE, KEEPER, Limits, container_settings, host_settings
from runner.sandbox.programs import open_exec
from runner.sandbox.readback import check_engine, check_inside
from runner.sandbox.reaper import OWNER_LABEL, RUN_LABEL, TRIAL_LABEL, owner
from runner.sandbox.served import (
    ENTRIES_BYTES_CAP,
    ENTRIES_CAP,
    Interrupted,
    ServedSandbox,
)
from runner.types import JsonObject, TreeEntry

_SERVER = ("python3", "-I", "-B", "/opt/runner/toolserver.py")
_SWEEP = ("/bin/bash", "--noprofile", "--norc", "-c", "kill -9 -1")
_HELLO_WAIT_S = 60.0
_SWEEP_WAIT_S = 10.0
_QUIET_WAIT_S = 30.0
_BIRTH_WAIT_S = 1.0
# A model that goes on killing its own tool server gets no further commands.
_LOSSES_CAP = 20
_LOG = logging.getLogger(__name__)


class DockerSandbox(ServedSandbox):
    """Implements `runner.types.Sandbox` in a running container. For one thread.

    Made by `open_sandbox`. A command may kill or stop its tool server: that call says so and
    the next one gets a new server; after 20 times no more commands are run. A dead container
    is `SandboxFailure`.
    """

    def __init__(
        self, engine: Engine, container: str, image: str, user: str = AGENT, *, unpack: bool = True
    ) -> None:
        self.container = container
        self.image = image
        self.user = user
        self._engine = engine
        self._losses = 0
        self._channel: Channel | None = self._open(unpack=unpack)

    def exchange(
        self, request: JsonObject, body: bytes, wait_s: float
    ) -> tuple[dict[str, object], bytes]:
        """See `ServedSandbox.exchange`."""
        # Files stay readable: they are what is judged, whatever the commands did.
        if self._losses >= _LOSSES_CAP and request.get("op") == "run":
            raise ToolError("commands ended the tool server too often; no more of them are run")
        if self._channel is None:
            self._channel = self._open(unpack=False, again=True)
        try:
            return self._channel.call(request, body, wait_s=wait_s)
        except ChannelLost as lost:
            self._recover(lost)
            what = "stopped" if lost.timed_out else "ended"
            raise Interrupted(
                f"the command {what} the sandbox's tool server; all processes were killed",
                timed_out=lost.timed_out,
            ) from None
        except BaseException:  # interrupted half way: what comes next would be an old answer
            self._hang_up()
            raise

    def quiesce(self) -> None:
        """Kill every process of the agent and make sure that none is left.

        Only the container's own keep-alive remains until the next call. Raises
        `SandboxFailure` when that cannot be had (the trial's own failure) or the container is
        gone.
        """
        self._hang_up()
        deadline = time.monotonic() + _QUIET_WAIT_S
        while True:
            self._sweep()
            left = self._agent_processes()
            if not left:
                return
            if time.monotonic() > deadline:
                said = f"processes outlive every kill: {', '.join(left[:8])}"
                raise SandboxFailure(said, "failed")  # nobody but the agent started them

    def entries(
        self, cap_count: int = ENTRIES_CAP, cap_bytes: int = ENTRIES_BYTES_CAP
    ) -> tuple[TreeEntry, ...]:
        """See `ServedSandbox.entries`; always by a new tool server in a quiesced container."""
        if self._channel is not None:
            self.quiesce()
        return super().entries(cap_count, cap_bytes)

    @contextmanager
    def as_agent(self) -> Iterator["DockerSandbox"]:
        """The same container as the agent's user, by a tool server of its own.

        It may be used by another thread than this one. Raises `SandboxFailure`.
        """
        other = DockerSandbox(self._engine, self.container, self.image, AGENT, unpack=False)
        try:
            yield other
        finally:
            other.close()

    def close(self) -> None:
        """Hang up. The container goes on until `open_sandbox` removes it."""
        self._hang_up()

    def _open(self, *, unpack: bool, again: bool = False) -> Channel:
        try:
            channel = Channel(open_exec(self._engine, self.container, _SERVER, self.user, {}))
        except (ChannelLost, SandboxFailure) as problem:
            raise self._lost(f"the tool server did not start: {problem}") from None
        try:
            reply, _ = channel.call({"op": "hello", "unpack": unpack}, wait_s=_HELLO_WAIT_S)
            # What becomes of the folders later is the agent's doing, and no reason to begin
            # anew: a tool server that cannot make them says so of each thing it is asked.
            if reply.get("ready") or again:
                return channel
            raise SandboxFailure(f"the tool server is not ready: {reply.get('message')}")
        except ChannelLost as problem:
            channel.close()
            raise self._lost(f"the tool server did not start: {problem}") from None
        except BaseException:
            channel.close()
            raise

    def _hang_up(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _recover(self, lost: ChannelLost) -> None:
        """After a lost channel: nothing of the agent's runs on, or the sandbox is gone."""
        program = self._channel.program if self._channel else ""
        self._hang_up()
        if not runs(self._engine, self.container):
            raise self._lost(str(lost)) from None
        if lost.hung_up and not was_killed(self._engine, program):
            raise SandboxFailure(f"the engine lost its line to the container: {lost}") from None
        self._losses += 1
        self.quiesce()

    def _lost(self, why: str) -> SandboxFailure:
        return lost_container(self._engine, self.container, why)

    def _sweep(self) -> None:
        """One `kill -9 -1` as its user; what it could not do shows in the process list."""
        try:
            channel = Channel(open_exec(self._engine, self.container, _SWEEP, self.user, {}))
        except (ChannelLost, SandboxFailure):  # say, no process id left: tried again
            return
        try:
            channel.read_to_end(wait_s=_SWEEP_WAIT_S)
        except ChannelLost:
            return
        finally:
            channel.close()

    def _agent_processes(self) -> list[str]:
        state = docker.inspect_container(self._engine, self.container)
        if state is None or not state["State"]["Running"]:
            raise self._lost("its processes are to be listed")
        try:
            rows = docker.container_processes(self._engine, self.container)
        except SandboxFailure as problem:  # it may have died at this moment
            raise self._lost(str(problem)) from None
        # The keep-alive's uid as the host sees it: with user namespaces it is another number.
        keeper = {row["uid"] for row in rows if row["pid"] == str(state["State"]["Pid"])}
        others = keeper | {_beside(uid, self.user) for uid in keeper}
        return [
            f"{row['comm']} ({row['pid']})"
            for row in rows
            if row["uid"] not in others and not row["stat"].startswith("Z")
        ]


@contextmanager
def open_sandbox(
    engine: Engine,
    image: str,
    *,
    run_id: str,
    trial_id: str,
    limits: Limits | None = None,
    labels: Mapping[str, str] | None = None,
) -> Iterator[DockerSandbox]:
    """A fresh container of `image` (a tag or an id), its task's tree unpacked and ready.

    The container is removed when the block ends, however it ends. Raises
    `EnvironmentProblem` for an image that is not there, `SandboxFailure` when the container
    cannot be made, is not held by every setting that was asked for, or its tool server does
    not start.
    """
    limits = limits or Limits()
    digest = docker.image_id(engine, image)
    if digest is None:
        raise EnvironmentProblem(f"the image {image} is missing; `make image` builds it")
    own = {RUN_LABEL: run_id, TRIAL_LABEL: trial_id, OWNER_LABEL: owner()}
    # Named by us, so that it can be removed even if the engine's answer never arrives.
    name = f"runner-{uuid.uuid4().hex[:16]}"
    sandbox = None
    made = False
    try:
        settings = container_settings({**(labels or {}), **own})
        docker.create_container(engine, digest, name, host_settings(limits), **settings)
        made = True
        check_engine(engine, name, limits)
        docker.start_container(engine, name)
        sandbox = DockerSandbox(engine, name, digest, limits.user)
        check_inside(sandbox, limits)
        yield sandbox
    finally:
        if sandbox is not None:
            sandbox.close()
        _remove(engine, name, made)


def _beside(keeper: str, user: str) -> str:
    """The uid, as the host sees it, of who else may be in the container than `user`."""
    other = JUDGE if user == AGENT else AGENT
    apart = int(other.partition(":")[0]) - int(KEEPER.partition(":")[0])
    return str(int(keeper) + apart)


def _remove(engine: Engine, name: str, made: bool) -> None:
    try:
        # Broken off while it was being made, it may appear a moment later.
        deadline = time.monotonic() + (0 if made else _BIRTH_WAIT_S)
        while not docker.remove_container(engine, name) and time.monotonic() < deadline:
            time.sleep(0.05)
    except KeyboardInterrupt:  # the second Ctrl-C: finish this, it takes half a second
        docker.remove_container(engine, name)
        raise
    except (SandboxFailure, EnvironmentProblem) as problem:
        # The trial's own outcome matters more; the reaper gets it at the next start.
        _LOG.warning("container %s is left for the reaper: %s", name, problem)
