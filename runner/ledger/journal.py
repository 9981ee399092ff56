"""The append-only record of a run: what is not in here did not happen.

One line per event: `{"n":<line number>,"crc":"<crc32 of the event's text>","event":{...}}`.
The first line, and one more for each later writer, names the writer and the format's version.
A line counts once it is on disk; a torn last line was never confirmed to anyone.
"""

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from runner.errors import EnvironmentProblem, UsageError
from runner.events import Event, TrialStarted
from runner.ledger.codec import encode
from runner.ledger.journal_format import SCHEMA, Writer, read_journal
from runner.ledger.journal_lines import line

_LOCK_WAIT_S = 0.5  # longer than any reader's glance at the lock


class Journal:
    """The one writer of a journal file. Thread-safe; use as a context manager."""

    def __init__(self, path: Path, fd: int, next_line: int = 1, started: set[str] | None = None):
        """Take over `fd`, which stands at the end of whole lines and is locked."""
        self.path = path
        self._fd = fd
        self._end = os.fstat(fd).st_size
        self._next = next_line
        self._started = started or set()
        self._broken: str | None = None
        self._mutex = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> Self:
        """Claim a run: make the file, which must not exist, and its folders.

        Raises `UsageError` when the file exists, `EnvironmentProblem` when it cannot be made.
        """
        with _reported(path):
            _make_folder(path.parent)
            try:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            except FileExistsError:
                raise UsageError(_taken(path)) from None
        try:
            _lock(fd, path)
            journal = cls(path, fd)
            journal._write(Writer(SCHEMA, os.getpid()))
            with _reported(path):
                _sync_folder(path.parent)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return journal

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Go on with an existing journal; a torn last line is cut off first.

        Raises `EnvironmentProblem` when another writer has it (naming its process), when it
        is damaged or newer than this program, or when it cannot be written.
        """
        with _reported(path):
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            _lock(fd, path)
            content = read_journal(path)
            with _reported(path):
                os.ftruncate(fd, content.size)
            started = {e.trial_id for e in content.events if isinstance(e, TrialStarted)}
            journal = cls(path, fd, content.lines + 1, started)
            journal._write(Writer(SCHEMA, os.getpid()))
        except BaseException:
            os.close(fd)
            raise
        return journal

    def append(self, event: Event) -> None:
        """Put an event on disk; it is safe there when this returns.

        Raises `UsageError` when a trial of that id has already begun in this journal, and
        `EnvironmentProblem` when the disk refuses. After that every append is refused.
        """
        with self._mutex:
            if isinstance(event, TrialStarted) and event.trial_id in self._started:
                raise UsageError(f"trial {event.trial_id} is already in {self.path}")
            self._write(event)
            if isinstance(event, TrialStarted):
                self._started.add(event.trial_id)

    def close(self) -> None:
        """Let go of the file and its lock. Nothing is left to write: appends are complete."""
        with self._mutex:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, record: Event | Writer) -> None:
        if self._fd < 0:
            raise EnvironmentProblem(f"journal {self.path} is closed")
        if self._broken:
            raise EnvironmentProblem(
                f"journal {self.path} takes no more events since an earlier write failed "
                f"({self._broken})"
            )
        text = encode(record)
        try:
            self._heal()
            data = line(self._next, text)
            _write_all(self._fd, data, self._end)
            os.fsync(self._fd)
        except OSError as error:
            self._broken = error.strerror or str(error)
            raise _problem(self.path, error) from error
        self._end += len(data)
        self._next += 1

    def _heal(self) -> None:
        """Settle what an append left that Ctrl-C broke off: keep whole lines, cut the rest."""
        surplus = os.fstat(self._fd).st_size - self._end
        if surplus <= 0:
            return
        tail = os.pread(self._fd, surplus, self._end)
        whole = tail.rfind(b"\n") + 1
        os.ftruncate(self._fd, self._end + whole)
        self._end += whole
        self._next += tail.count(b"\n")


@dataclass(frozen=True)
class Holder:
    """A live writer of a journal."""

    pid: int | None


def holder(path: Path) -> Holder | None:
    """Who writes this journal right now, in this process or another; None when nobody does.

    Raises `EnvironmentProblem` when the file cannot be opened.
    """
    with _reported(path):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Holder(_last_pid(path))
    finally:
        os.close(fd)
    return None


def _last_pid(path: Path) -> int | None:
    try:
        return read_journal(path).pid
    except EnvironmentProblem:
        return None


def _lock(fd: int, path: Path) -> None:
    """Take the writer's lock. A reader's glance holds it for microseconds: wait that out."""
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


def _taken(path: Path) -> str:
    writer = holder(path)
    if writer is None:
        return f"run {path.stem} exists already ({path}): choose another run id"
    return f"run {path.stem} is under way in process {writer.pid or '?'} ({path})"


def _write_all(fd: int, data: bytes, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(fd, data[done:], offset + done)


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents so that they outlive a power cut."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _problem(path, error) from error


def _problem(path: Path, error: OSError) -> EnvironmentProblem:
    fix = {
        errno.ENOSPC: "free some space there, or set RUNNER_RESULTS to a disk that has room",
        errno.EDQUOT: "free some of your quota, or set RUNNER_RESULTS to another disk",
        errno.EROFS: "set RUNNER_RESULTS to a folder that can be written",
        errno.EACCES: "make the folder writable for you, or set RUNNER_RESULTS to another",
        errno.EPERM: "make the folder writable for you, or set RUNNER_RESULTS to another",
        errno.ENOENT: "check the run id and RUNNER_RESULTS",
    }.get(error.errno or 0, "check that disk, or set RUNNER_RESULTS to another folder")
    return EnvironmentProblem(f"cannot write {path}: {error.strerror or error}: {fix}")
