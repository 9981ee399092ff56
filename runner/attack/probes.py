"""Escape and leak probes: what a command inside a container can see of what is not its own.

The probes run inside (`probes_calls`, `_files`, `_around`, `_network`), as any command of an
agent's would, and only look. What they look for is laid out by `laid_bait`: a secret in the
runner's environment and in a file of the host, a port on the host's loopback.
"""

import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.attack import probes_around, probes_calls, probes_files, probes_network
from runner.sandbox.container import DockerSandbox
from runner.types import Shell

BAIT_VARIABLE = "BAIT_API_KEY"
NAMES = (
    *probes_calls.names(),
    *probes_files.PROBES,
    *probes_around.PROBES,
    *probes_network.PROBES,
)
IN_RECORDS = "secrets in records"
# Where a command may write: all of its own, and in the judge's container only what is scratch.
OWN_PLACES = ("/work", "/tmp")
TESTS_PLACES = ("/work/home", "/tmp")

_PROGRAMS = (probes_calls, probes_files, probes_around, probes_network)
_TIMEOUT_S = 120.0
_CLOCK_SLACK_S = 60.0  # the engine may run on another machine
_OUTPUT_CAP = 1_048_576
_NAMESPACES = ("pid", "mnt", "net", "ipc", "uts")


@dataclass(frozen=True)
class ProbeResult:
    """A probe's name, whether the wall held, and in a few words what stood open if not."""

    name: str
    held: bool
    said: str


@dataclass(frozen=True)
class Bait:
    """What lies on the host for the taking and must never be seen in a container or a record."""

    secret: str
    path: Path
    port: int
    made_at: float  # seconds since 1970, as the host's clock says


@contextmanager
def laid_bait() -> Iterator[Bait]:
    """A secret in this process's environment (`BAIT_VARIABLE`), in a file, and an open port.

    All of it is gone when the block ends.
    """
    secret = f"bait-{secrets.token_hex(16)}"
    before = os.environ.get(BAIT_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="runner-bait-") as folder, socket.socket() as door:
        path = Path(folder, "bait.env")
        path.write_text(f"{BAIT_VARIABLE}={secret}\n", encoding="utf-8")
        door.bind(("127.0.0.1", 0))
        door.listen()
        os.environ[BAIT_VARIABLE] = secret
        try:
            yield Bait(secret, path, int(door.getsockname()[1]), time.time())
        finally:
            os.environ.pop(BAIT_VARIABLE)
            if before is not None:
                os.environ[BAIT_VARIABLE] = before


def run_probes(
    sandbox: Shell, bait: Bait, writable: Sequence[str] = OWN_PLACES
) -> tuple[ProbeResult, ...]:
    """Run every probe as a command of `sandbox`; `writable` is where it may write.

    A probe that gives no answer does not hold. Raises `SandboxFailure` when the container is
    gone.
    """
    told = json.dumps(
        {
            "backwards": [bait.secret[::-1]],
            "since": [str(bait.made_at - _CLOCK_SLACK_S)],
            "files": [str(bait.path)],
            "ports": [str(bait.port)],
            "namespaces": [str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in _NAMESPACES],
            "writable": list(writable),
        }
    )
    found: dict[str, list[str]] = {}
    silent = []
    for program in _PROGRAMS:
        argv = ["/usr/bin/python3", "-I", "-B", "-c", _text(program.__file__), told]
        done = sandbox.run(argv, timeout_s=_TIMEOUT_S, output_cap=_OUTPUT_CAP)
        try:
            found.update(json.loads(done.output))
        except ValueError:
            silent.append(done.output[-200:].decode("utf-8", "replace"))
    return tuple(_result(name, found, silent) for name in NAMES)


def probe_records(bait: Bait, *folders: Path) -> ProbeResult:
    """Whether any file below `folders` (transcripts, journals, results) holds the secret."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    met = [str(path) for path in files if bait.secret.encode() in path.read_bytes()]
    said = ", ".join(met) or f"not in {len(files)} files"
    # Nothing to look at proves nothing.
    return ProbeResult(IN_RECORDS, bool(files) and not met, said)


def probe_containers(
    open_sandbox: Callable[[str], AbstractContextManager[DockerSandbox]],
) -> tuple[ProbeResult, ...]:
    """Every probe in the agent's container, and in the judge's as each of its two users.

    `open_sandbox` opens a fresh container for a purpose, `agent` or `judge`. Names begin with
    the user. Raises what it raises.
    """
    with laid_bait() as bait:
        with open_sandbox("agent") as sandbox:
            agent = run_probes(sandbox, bait)
        with open_sandbox("judge") as sandbox:
            judge = run_probes(sandbox, bait)
            with sandbox.as_agent() as inside:
                tests = run_probes(inside, bait, TESTS_PLACES)
    return tuple(
        ProbeResult(f"{user}: {result.name}", result.held, result.said)
        for user, results in (("agent", agent), ("judge", judge), ("tests", tests))
        for result in results
    )


def _text(path: str | None) -> str:
    if path is None:
        raise FileNotFoundError("a program of the probes has no source")
    return Path(path).read_text("utf-8")


def _result(name: str, found: Mapping[str, Sequence[str]], silent: Sequence[str]) -> ProbeResult:
    if name not in found:
        return ProbeResult(name, False, f"no answer: {'; '.join(silent)}")
    return ProbeResult(name, not found[name], "; ".join(found[name]) or "nothing stands open")
