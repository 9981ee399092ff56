"""The file under a journal: its lock, its folder, and what to say when the disk refuses."""

import contextlib
import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.errors import EnvironmentProblem

_LOCK_WAIT_S = 0.5  # longer than any reader's glance at the lock
_LOOK_BACK = 1 << 20
_WRITER = re.compile(
    rb'\n\{"n":[0-9]+,"crc":"[0-9a-f]{8}","event":\{"kind":"Writer","schema":[0-9]+,"pid":([0-9]+)\}'
)
_WRITER_LENGTH = 200  # more than any such line takes


@dataclass(frozen=True)
class Holder:
    """A live writer of a journal."""

    pid: int | None


def holder(path: Path) -> Holder | None:
    """Who writes this journal right now, in this process or another; None when nobody does.

    Raises `EnvironmentProblem` when the file cannot be opened.
    """
    if not is_held(path):
        return None
    with contextlib.suppress(OSError):
        return Holder(_last_pid(path))
    return Holder(None)


def is_held(path: Path) -> bool:
    """Whether someone writes this journal right now, in this process or another.

    Raises `EnvironmentProblem` when the file cannot be opened.
    """
    with reported(path):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _last_pid(path: Path) -> int | None:
    """The last writer's, found from the file's end: a long run's journal is gigabytes."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        after = b""
        while end > 0:
            begin = max(0, end - _LOOK_BACK)
            file.seek(begin)
            data = file.read(end - begin) + after
            if found := _WRITER.findall(data if begin else b"\n" + data):
                return int(found[-1])
            after, end = data[:_WRITER_LENGTH], begin
    return None


def lock(fd: int, path: Path) -> None:
    """Take the writer's lock on `fd`, which is open on `path`.

    A reader's glance holds it for microseconds: that is waited out. Raises
    `EnvironmentProblem` when another writer has it.
    """
    deadline = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    f"journal {path} is being written by process {_last_pid(path) or '?'}: "
                    "wait for that run to end, or stop it"
                ) from None
        time.sleep(0.01)


def write_all(fd: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`; raises `OSError`."""
    done = 0
    while done < len(data):
        done += os.pwrite(fd, data[done:], offset + done)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents so that they outlive a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's list of names on disk; raises `OSError`."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn any `OSError` inside into an `EnvironmentProblem` about `path`."""
    try:
        yield
    except OSError as error:
        raise problem(path, error) from error


def problem(path: Path, error: OSError) -> EnvironmentProblem:
    """What to tell when the disk or the folder of `path` refuses."""
    fix = {
        errno.ENOSPC: "free some space there, or set RUNNER_RESULTS to a disk that has room",
        errno.EDQUOT: "free some of your quota, or set RUNNER_RESULTS to another disk",
        errno.EROFS: "set RUNNER_RESULTS to a folder that can be written",
        errno.EACCES: "make the folder writable for you, or set RUNNER_RESULTS to another",
        errno.EPERM: "make the folder writable for you, or set RUNNER_RESULTS to another",
        errno.ENOENT: "check the run id and RUNNER_RESULTS",
    }.get(error.errno or 0, "check that disk, or set RUNNER_RESULTS to another folder")
    return EnvironmentProblem(f"cannot write {path}: {error.strerror or error}: {fix}")
