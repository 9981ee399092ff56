"""What sets out to wear the machine down: each bomb ends, is told as what it was, and is over.

Fork bombs, a full disk, trapped signals and daemons are in `test_sandbox.py` and the suite of
`sandbox_conformance.py`.
"""

import base64
import platform
import struct
import time
from collections.abc import Callable

import pytest
from plain_image_parts import Opener
from sandbox_conformance import sh

from runner.errors import SandboxFailure
from runner.sandbox.container import DockerSandbox
from runner.sandbox.engine import Engine, container_processes, inspect_container
from runner.sandbox.limits import Limits
from runner.types import ExecResult

pytestmark = pytest.mark.docker

MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=192 * MIB, pids=64, work_inodes=2_000, tmp_inodes=2_000)
NEXT_START_S = 5.0
KEPT = 64 * 1024


def stopped(result: ExecResult) -> bool:
    return result.timed_out and result.signal == 9


def died(result: ExecResult) -> bool:
    return result.exit_code not in (0, None) or result.signal is not None


def told_no_room(result: ExecResult) -> bool:
    return b"No space left" in result.output


BOMBS: dict[str, tuple[str, Callable[[ExecResult], bool]]] = {
    "flood of both outputs": ("yes >&2 & exec yes", stopped),
    "memory in one process": ("exec tail /dev/zero", died),
    "memory in many": ("for i in $(seq 20); do tail /dev/zero & done; wait", lambda _: True),
    "files as memory": (
        "cat /dev/zero > /work/a; cat /dev/zero > /tmp/b; exec tail /dev/zero",
        died,
    ),
    "inodes": ("cd /tmp; for i in $(seq 3000); do : > f$i || exit 1; done", told_no_room),
    "folders in folders": ("while mkdir d && cd d; do :; done", stopped),
    "files that are open": (
        "python3 -c 'import socket; x = [socket.socketpair() for i in range(9999)]'",
        lambda result: b"Too many open files" in result.output,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_as_what_it_was_and_the_next_container_starts_in_time(
    engine: Engine, open_plain: Opener, name: str
) -> None:
    script, as_it_was = BOMBS[name]
    with open_plain(LIMITS) as sandbox:
        result = sh(sandbox, script, timeout_s=2, output_cap=KEPT)
        assert as_it_was(result), result
        assert len(result.output) <= KEPT
        assert sh(sandbox, "echo well").output == b"well\n"
        sandbox.quiesce()
        assert len(container_processes(engine, sandbox.container)) == 2
        began = time.monotonic()
        with open_plain(LIMITS) as following:
            assert time.monotonic() - began < NEXT_START_S
            assert sh(following, "echo well").output == b"well\n"
    assert inspect_container(engine, sandbox.container) is None


def test_files_leave_room_to_start_a_program_in_whatever_the_memory_is(open_plain: Opener) -> None:
    with open_plain(Limits(memory_bytes=96 * MIB)) as small:
        filled = "cat /dev/zero > /work/a; cat /dev/zero > /tmp/b; du -sm /work /tmp"
        sizes = [int(line.split()[0]) for line in sh(small, filled).output.splitlines()[-2:]]
        assert sizes == [48, 24]
        small.quiesce()
        assert sh(small, "echo well").output == b"well\n"


# Takes memory that is no process's own, from a process smaller than any other: by what the
# kernel goes by when memory runs out, everything else is killed first.
_CODE = bytes.fromhex(
    "b83f010000 488d3d40000000 31f6 0f05 89c3"  # memfd_create of no name
    "b801000000 89df 488d3500000000 ba00100000 0f05 ebe9"  # write a page to it, again and again
)
_BASE, _AT = 0x400000, 0x78


def hungry() -> bytes:
    """A program of two pages for Linux on amd64."""
    form = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _BASE + _AT, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    part = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, 8192, 8192, 4096)
    return (form + head + part + _CODE).ljust(8192, b"\0")


def again_and_again(sandbox: DockerSandbox, script: str) -> None:
    for _ in range(3):
        sh(sandbox, script, timeout_s=10)
        sandbox.quiesce()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the program is one for amd64")
def test_a_container_that_commands_starved_is_the_trial_s_own_failure(open_plain: Opener) -> None:
    program = base64.b64encode(hungry()).decode()
    script = f"echo {program} | base64 -d > b; chmod +x b; echo 0 > /proc/self/oom_score_adj; ./b"
    with open_plain(LIMITS) as sandbox:
        with pytest.raises(SandboxFailure, match="used up the container's memory") as failure:
            again_and_again(sandbox, script)
        assert failure.value.status == "failed"
        began = time.monotonic()
        with open_plain(LIMITS):
            assert time.monotonic() - began < NEXT_START_S
