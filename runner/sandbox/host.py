"""A sandbox without walls, for tests of the layers above: the tool server as a subprocess.

It runs the very program that runs in containers, in a folder of this machine and as this
user. Nothing is sealed off: only commands written by ourselves may run in it.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runner.errors import SandboxFailure
from runner.sandbox.channel import Channel, ChannelLost, Wire
from runner.sandbox.served import Interrupted, ServedSandbox
from runner.types import JsonObject

PROGRAM = Path(__file__).parents[2] / "images" / "typer-base" / "toolserver.py"
_START_WAIT_S = 30.0


class HostSandbox(ServedSandbox):
    """Runs commands in `work`/repo. Use `open_host_sandbox`, which also ends it."""

    def __init__(self, work: Path, tree_tar: Path | None) -> None:
        self._work = work.resolve()
        self._tar = tree_tar
        self._process, self._channel = self._start()

    def exchange(
        self, request: JsonObject, body: bytes, wait_s: float
    ) -> tuple[dict[str, object], bytes]:
        """See `ServedSandbox.exchange`; a killed tool server is started anew."""
        try:
            return self._channel.call(request, body, wait_s=wait_s)
        except ChannelLost as lost:
            self.close()
            self._process, self._channel = self._start()
            raise Interrupted(f"the tool server ended: {lost}", timed_out=lost.timed_out) from None

    def quiesce(self) -> None:
        """Nothing to do: what a command started ends with it."""

    def close(self) -> None:
        """End the tool server and all it started."""
        self._channel.close()
        try:
            self._process.wait(_START_WAIT_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _start(self) -> tuple[subprocess.Popen[bytes], Channel]:
        ours, theirs = socket.socketpair()
        argv = [sys.executable, "-I", "-B", str(PROGRAM), str(self._work)]
        if self._tar is not None:
            argv.append(str(self._tar))
        env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}
        with theirs:
            process = subprocess.Popen(
                argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                env=env,
                start_new_session=True,
            )
        channel = Channel(Wire(ours, multiplexed=False, close=ours.close))
        try:
            reply, _ = channel.call(
                {"op": "hello", "unpack": self._tar is not None}, wait_s=_START_WAIT_S
            )
        except ChannelLost as lost:
            channel.close()
            process.wait()
            raise SandboxFailure(f"the tool server did not start: {lost}") from None
        if not reply.get("ready"):
            channel.close()
            process.wait()
            raise SandboxFailure(f"the tool server is not ready: {reply.get('message')}")
        return process, channel


@contextmanager
def open_host_sandbox(work: Path, tree_tar: Path | None = None) -> Iterator[HostSandbox]:
    """A sandbox in the existing folder `work`, with `tree_tar` unpacked into it if given."""
    sandbox = HostSandbox(work, tree_tar)
    try:
        yield sandbox
    finally:
        sandbox.close()
