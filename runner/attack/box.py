"""The naive side: a container as most harnesses make it, and commands run the obvious way.

No cap, no sweep, no end to a command that will not end: what an attack does here it does to
whoever takes no care. The limits it does have protect this machine only, and lie far above ours.
"""

import base64
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from runner.errors import SandboxFailure, ToolError
from runner.sandbox import engine as docker
from runner.sandbox.engine import Engine
from runner.sandbox.reaper import OWNER_LABEL, RUN_LABEL, TRIAL_LABEL, owner
from runner.types import ExecResult

_ROOT = "/work/repo"
# For this machine's sake only; see the module's first lines.
_PIDS = 1_500
_MEMORY = 2 * 1024**3
_WAIT_S = 120.0


@dataclass(frozen=True)
class BoxPlan:
    """A naive container: docker's defaults, and what a careless harness adds to them."""

    user: str = "10001:10001"
    network: str = "none"
    host: Mapping[str, object] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    setup: str = ""  # run as root before the agent comes
    image: str | None = None


class NaiveBox:
    """Implements `runner.types.Shell` and `Files` by one `docker exec` a call."""

    def __init__(self, engine: Engine, container: str, plan: BoxPlan) -> None:
        self.container = container
        self._engine = engine
        self._plan = plan
        self._own: frozenset[str] = frozenset()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        output_cap: int = 0,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        folder: str | None = _ROOT,
    ) -> ExecResult:
        """Run `argv` and wait for it; after `timeout_s` only SIGTERM is sent, and to it alone.

        Raises `SandboxFailure` when the container does not take the command.
        """
        began = time.monotonic()
        limited = ["timeout", f"{timeout_s:g}", *argv] if timeout_s < _WAIT_S else list(argv)
        with self._engine.translated("run a command"):
            api = self._engine.client.api
            made = api.exec_create(
                self.container,
                limited,
                user=user or self._plan.user,
                environment={"HOME": "/work/home", **self._plan.env, **(env or {})},
                workdir=folder,
            )
            output = bytes(api.exec_start(made["Id"]))
            code = api.exec_inspect(made["Id"])["ExitCode"]
        spent = time.monotonic() - began
        late = timeout_s < _WAIT_S and code == 124
        return ExecResult(code, None, output, len(output), spent, late)

    def read(self, path: str, *, cap: int = 0) -> bytes:
        """The file's bytes, wherever a link leads."""
        result = self.run(("cat", path), timeout_s=30)
        if result.exit_code != 0:
            raise ToolError(result.output.decode("utf-8", "replace"))
        return result.output

    def write(self, path: str, data: bytes) -> None:
        """Create or replace the file."""
        text = base64.b64encode(data).decode()
        script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" | base64 -d > "$1"'
        result = self.run(("sh", "-c", script, "sh", path, text), timeout_s=30)
        if result.exit_code != 0:
            raise ToolError(result.output.decode("utf-8", "replace"))

    def listing(self, path: str, *, cap: int = 0) -> tuple[str, ...]:
        """Names in a directory."""
        result = self.run(("ls", "-1", path), timeout_s=30)
        return tuple(result.output.decode("utf-8", "replace").splitlines())

    def ready(self) -> None:
        """The agent comes now: what runs already is the container's own."""
        self._own = frozenset(row["pid"] for row in self.processes())

    def processes(self) -> list[Mapping[str, str]]:
        """What was started in it since the agent came, and lives."""
        rows = docker.container_processes(self._engine, self.container)
        return [row for row in rows if row["pid"] not in self._own]

    def alive(self) -> bool:
        """Whether the container runs."""
        state = docker.inspect_container(self._engine, self.container)
        return bool(state and state["State"]["Running"])


@contextmanager
def open_box(
    engine: Engine, image: str, plan: BoxPlan, *, run_id: str, trial_id: str
) -> Iterator[NaiveBox]:
    """A naive container with the task's tree in it; removed when the block ends.

    Raises `SandboxFailure` when it cannot be made.
    """
    name = f"runner-naive-{uuid.uuid4().hex[:12]}"
    labels = {RUN_LABEL: run_id, TRIAL_LABEL: trial_id, OWNER_LABEL: owner()}
    host: dict[str, object] = {
        "network_mode": plan.network,
        "init": True,
        "pids_limit": _PIDS,
        "mem_limit": _MEMORY,
        "memswap_limit": _MEMORY,
        **plan.host,
    }
    settings: dict[str, Any] = {
        "user": plan.user,
        "entrypoint": ["/usr/bin/sleep"],
        "command": ["infinity"],
        "labels": labels,
        "environment": dict(plan.env),
    }
    try:
        docker.create_container(engine, plan.image or image, name, host, **settings)
        docker.start_container(engine, name)
        box = NaiveBox(engine, name, plan)
        _lay_out(box, plan)
        box.ready()
        yield box
    finally:
        docker.remove_container(engine, name)


def _lay_out(box: NaiveBox, plan: BoxPlan) -> None:
    user = plan.user.partition(":")[0]
    script = (
        "mkdir -p /work/home; "
        "if [ -f /opt/task/tree.tar ]; then tar -xf /opt/task/tree.tar -C /work; fi; "
        f"mkdir -p /work/repo; chown -R {user}:{user} /work"
    )
    done = box.run(("sh", "-c", script), timeout_s=60, user="0:0", folder="/")
    if done.exit_code == 0 and plan.setup:
        done = box.run(("sh", "-ec", plan.setup), timeout_s=60, user="0:0", folder="/")
    if done.exit_code != 0:
        raise SandboxFailure(f"the naive container: {done.output[-2000:].decode(errors='replace')}")
