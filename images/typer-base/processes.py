"""Runs one command at a time and leaves nothing of it behind."""

import ctypes
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 256 * 1024
_KILL_WAIT_S = 8.0
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_RESET = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores them; its children must not


@dataclass(frozen=True)
class Command:
    """What to run: `cap` is the most bytes of output to keep, `source` watched for hang-up."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    stdin: bytes
    timeout_s: float
    cap: int
    source: int


@dataclass(frozen=True)
class Ended:
    """How it went: a wait status as the kernel gives it, and the kept output."""

    exit_code: int | None
    signal: int | None
    output: bytes
    total: int
    seconds: float
    timed_out: bool


class Capture:
    """Keeps the first half and the last half of `cap` bytes of a stream and counts it all."""

    def __init__(self, cap: int) -> None:
        self.total = 0
        self._head = bytearray()
        self._tail = bytearray()
        self._head_cap = cap // 2
        self._tail_cap = cap - cap // 2

    def add(self, data: bytes) -> None:
        """Count `data` and keep what belongs to the head or, for now, to the tail."""
        self.total += len(data)
        room = self._head_cap - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > 2 * self._tail_cap + _CHUNK:
            del self._tail[: len(self._tail) - self._tail_cap]

    def kept(self) -> bytes:
        """Head and tail; the whole stream when it was no longer than `cap`."""
        start = max(0, len(self._tail) - self._tail_cap)
        return bytes(self._head + self._tail[start:])


class Launcher:
    """Starts commands. With `by_uid` their end kills every other process of this uid.

    `expendable` ones are the first to go when memory runs out.
    """

    def __init__(self, by_uid: bool, expendable: bool = True) -> None:
        self.by_uid = by_uid
        self.expendable = expendable
        # Opened before the process turns undumpable: then its /proc files belong to root.
        self._oom_score = os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
        self._own_score = os.pread(self._oom_score, 16, 0).strip()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # A command has the same uid: it must not reach the protocol through /proc/PID/fd.
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

    def run(self, command: Command) -> Ended:
        """Run it to its end or deadline, then kill all it started."""
        capture = Capture(command.cap)
        began = time.monotonic()
        out_r, out_w = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(out_r, False)
        in_r, in_w = _stdin(command.stdin)
        try:
            leader = self._spawn(command, in_r, out_w)
        except OSError as problem:
            # As a shell says it: 127 for what is not there, 126 for what cannot be run.
            capture.add(os.fsencode(f"{command.argv[0]}: {problem.strerror}\n"))
            _close(out_r, out_w, in_r, in_w)
            code = 127 if isinstance(problem, FileNotFoundError) else 126
            spent = time.monotonic() - began
            return Ended(code, None, capture.kept(), capture.total, spent, False)
        _close(out_w, in_r)
        try:
            timed_out = _pump(command, leader, out_r, in_w, began, capture)
        finally:
            status = self.kill_all(leader)
            _drain(out_r, capture)
            _close(out_r)
        spent = time.monotonic() - began
        code = os.waitstatus_to_exitcode(status)
        exit_code, ended_by = (code, None) if code >= 0 else (None, -code)
        return Ended(exit_code, ended_by, capture.kept(), capture.total, spent, timed_out)

    def _spawn(self, command: Command, in_r: int, out_w: int) -> int:
        Path(command.cwd).mkdir(parents=True, exist_ok=True)
        os.chdir(command.cwd)
        if self.expendable:
            # When memory runs out the command is to die, not this server.
            os.pwrite(self._oom_score, b"1000", 0)
        try:
            return os.posix_spawnp(
                command.argv[0],
                command.argv,
                command.env,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, in_r, 0),
                    (os.POSIX_SPAWN_DUP2, out_w, 1),
                    (os.POSIX_SPAWN_DUP2, out_w, 2),
                ],
                setsid=True,
                setsigdef=_RESET,
            )
        finally:
            if self.expendable:
                os.pwrite(self._oom_score, self._own_score, 0)

    def kill_all(self, leader: int = -1) -> int:
        """Kill and reap until no descendant is left; the leader's wait status (0 without)."""
        status = 0
        deadline = time.monotonic() + _KILL_WAIT_S
        while time.monotonic() < deadline:
            if self.by_uid:
                # One system call kills all, atomically: no fork slips through between two looks.
                _kill(-1, signal.SIGKILL)
            try:
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] == leader:
                        status = ended[1]
            except ChildProcessError:  # this process is the subreaper: so none is left at all
                break
            if not self.by_uid:
                for number in (signal.SIGSTOP, signal.SIGKILL):
                    for pid in _descendants():
                        _kill(pid, number)
            time.sleep(0.001)
        return status


def _pump(
    command: Command, leader: int, out_r: int, in_w: int, began: float, capture: Capture
) -> bool:
    """Feed and read the command until it ends (False) or its time is up (True)."""
    deadline = began + command.timeout_s
    ended = os.pidfd_open(leader)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(out_r, select.POLLIN)
    poll.register(command.source, 0)
    left = memoryview(command.stdin)
    if in_w >= 0:
        poll.register(in_w, select.POLLOUT)
    try:
        while (wait := deadline - time.monotonic()) > 0:
            for fd, _ in poll.poll(wait * 1000 + 1):
                if fd in (ended, command.source):
                    return fd != ended
                if fd == in_w:
                    left = _feed(in_w, left)
                    if not left:
                        poll.unregister(in_w)
                        _close(in_w)
                        in_w = -1
                elif data := os.read(out_r, _CHUNK):
                    capture.add(data)
                else:  # closed or sent elsewhere: the command is still waited for
                    poll.unregister(out_r)
        return True
    finally:
        _close(ended, in_w)


def _stdin(data: bytes) -> tuple[int, int]:
    """The end for the command and ours (-1 when there is nothing to feed)."""
    if not data:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), -1
    in_r, in_w = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(in_w, False)
    return in_r, in_w


def _feed(in_w: int, left: memoryview) -> memoryview:
    try:
        return left[os.write(in_w, left[:_CHUNK]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:  # the command does not want the rest
        return left[:0]


def _drain(out_r: int, capture: Capture) -> None:
    # All writers are dead, so the pipe holds at most its capacity.
    for _ in range(64):
        try:
            data = os.read(out_r, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            return
        capture.add(data)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _descendants() -> list[int]:
    """Every process below this one, by /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found = list(children.get(os.getpid(), []))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _close(*fds: int) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
