"""The append-only record of a run: what is not in here did not happen.

One line per event: `{"n":<line number>,"crc":"<crc32 of the event's text>","event":{...}}`.
The first line, and one more for each later writer, names the writer and the format's version.
A line counts once it is on disk; a torn last line was never confirmed to anyone.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from runner.errors import EnvironmentProblem, UsageError
from runner.events import Event, TrialStarted
from runner.ledger.codec import encode
from runner.ledger.journal_file import holder as holder
from runner.ledger.journal_file import (
    lock,
    make_folder,
    problem,
    reported,
    sync_folder,
    write_all,
)
from runner.ledger.journal_format import SCHEMA, Writer, check
from runner.ledger.journal_lines import JournalLines, line

Reader = Callable[[JournalLines], set[str]]


def begun(lines: JournalLines) -> set[str]:
    """The ids of the trials that have begun.

    Raises:
        EnvironmentProblem: the journal is damaged or from a newer program.
    """
    return {event.trial_id for event in check(lines)}


class Journal:
    """The one writer of a journal file. Thread-safe; use as a context manager.

    `torn_bytes` is what `resume` cut off: a last line that was never confirmed to anyone.
    """

    def __init__(self, path: Path, fd: int, next_line: int = 1, started: set[str] | None = None):
        """Take over `fd`, which stands at the end of whole lines and is locked."""
        self.path = path
        self.torn_bytes = 0
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
        with reported(path):
            make_folder(path.parent)
            try:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            except FileExistsError:
                raise UsageError(_taken(path)) from None
        try:
            lock(fd, path)
            journal = cls(path, fd)
            journal._write((Writer(SCHEMA, os.getpid()),))
            with reported(path):
                sync_folder(path.parent)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return journal

    @classmethod
    def resume(cls, path: Path, read: Reader = begun) -> Self:
        """Go on with an existing journal; a torn last line is cut off first.

        `read` goes through all its lines and gives the ids of the trials that have begun.
        Raises what `read` does, and `EnvironmentProblem` when another writer has it (naming its
        process), when it is damaged or newer than this program, or cannot be written.
        """
        with reported(path):
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            lock(fd, path)
            lines = JournalLines(path)
            started = read(lines)
            with reported(path):
                os.ftruncate(fd, lines.offset)
            journal = cls(path, fd, lines.lines + 1, started)
            journal.torn_bytes = len(lines.torn or b"")
            journal._write((Writer(SCHEMA, os.getpid()),))
        except BaseException:
            os.close(fd)
            raise
        return journal

    def append(self, event: Event) -> None:
        """Put an event on disk; it is safe there when this returns.

        Raises `UsageError` when a trial of that id has already begun in this journal, and
        `EnvironmentProblem` when the disk refuses. After that every append is refused.
        """
        self.append_all((event,))

    def append_all(self, events: Sequence[Event]) -> None:
        """Put events on disk in this order, waiting for the disk once; nothing if one is refused.

        Raises what `append` raises.
        """
        begun = [event.trial_id for event in events if isinstance(event, TrialStarted)]
        with self._mutex:
            for number, trial_id in enumerate(begun):
                if trial_id in self._started or trial_id in begun[:number]:
                    raise UsageError(f"trial {trial_id} is already in {self.path}")
            self._write(events)
            self._started.update(begun)

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

    def _write(self, records: Sequence[Event | Writer]) -> None:
        if self._fd < 0:
            raise EnvironmentProblem(f"journal {self.path} is closed")
        if self._broken:
            raise EnvironmentProblem(
                f"journal {self.path} takes no more events since an earlier write failed "
                f"({self._broken})"
            )
        texts = [encode(record) for record in records]
        try:
            self._heal()
            data = b"".join(line(number, text) for number, text in enumerate(texts, self._next))
            write_all(self._fd, data, self._end)
            os.fsync(self._fd)
        except OSError as error:
            self._broken = error.strerror or str(error)
            raise problem(self.path, error) from error
        self._end += len(data)
        self._next += len(texts)

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


def _taken(path: Path) -> str:
    writer = holder(path)
    if writer is None:
        return f"run {path.stem} exists already ({path}): choose another run id"
    return f"run {path.stem} is under way in process {writer.pid or '?'} ({path})"
