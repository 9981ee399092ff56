"""What trials elsewhere do now, in a file that `runner status` reads: for the eye, no record.

Beside the run's journal lies `<run>.glimpses`: a line for each event that still matters to how
a trial in flight looks, `<seconds since the epoch> <event as JSON>`, made anew as a whole.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event as Signal
from threading import Lock, Thread

from runner.events import Event, Phase, ToolUsed, TrialStarted, Waited
from runner.ledger.codec import CodecError
from runner.ledger.journal_format import from_json, to_json
from runner.matrix.board import Board, Glimpse

EVERY_S = 1.0  # at 8,000 trials in flight the file has some 8 MB


class Glimpses:
    """Shows the board what it is called with, from any thread, and keeps it in the file.

    A disk that refuses is told once, by `told`; the next writing tries again. Use as a
    context manager: at its end the file goes.
    """

    def __init__(self, journal: Path, board: Board, told: Callable[[str], None]) -> None:
        self._path, self._board, self._told = glimpses_path(journal), board, told
        self._latest: dict[str, dict[tuple[object, ...], str]] = {}  # by trial, in their order
        self._mutex = Lock()
        self._changed = self._silent = False
        self._over = Signal()
        self._thread = Thread(target=self._work, name="glimpses", daemon=True)

    def __enter__(self) -> "Glimpses":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        with suppress(OSError):  # who reads it looks at the trials in flight: there are none
            self._path.unlink()

    def __call__(self, event: Event) -> None:
        """Take in one event of a trial; most are of no matter here."""
        self._board.glimpse(event)
        if not isinstance(event, Glimpse):
            return
        line = f"{time.time():.3f} {to_json(_slim(event))}\n"
        with self._mutex:
            lines = self._latest.setdefault(event.trial_id, {})
            lines.pop(_sort(event), None)
            lines[_sort(event)] = line
            self._changed = True

    def write(self) -> None:
        """Make the file anew if anything changed. Raises `OSError`."""
        flying = self._board.flying()
        with self._mutex:
            gone = [trial_id for trial_id in self._latest if trial_id not in flying]
            if not self._changed and not gone:
                return
            for trial_id in gone:
                del self._latest[trial_id]
            lines = [line for latest in self._latest.values() for line in latest.values()]
            self._changed = False
        new = self._path.with_suffix(".glimpses-new")
        try:
            new.write_text("".join(lines), encoding="ascii")
            new.replace(self._path)
        except OSError:
            self._changed = True
            with suppress(OSError):
                new.unlink()
            raise

    def _work(self) -> None:
        while not self._over.wait(EVERY_S):
            try:
                self.write()
                self._silent = False
            except OSError as error:
                if not self._silent:
                    self._told(
                        f"{self._path}: {error.strerror or error}: `runner status` does not "
                        "show what remote trials do (the run goes on)"
                    )
                self._silent = True


def glimpsed(journal: Path) -> Iterator[tuple[float, Event]]:
    """The events in the file beside a journal, each with its seconds since the epoch.

    None when there is no such file; a line that cannot be read is passed over.
    """
    try:
        lines = glimpses_path(journal).read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        at, _, event = line.partition(" ")
        with suppress(CodecError, ValueError):
            yield float(at), from_json(event)


def glimpses_path(journal: Path) -> Path:
    """Where the glimpses of a journal's run are."""
    return journal.with_suffix(".glimpses")


def _sort(event: Glimpse) -> tuple[object, ...]:
    """What an event shares with those that it makes immaterial when it comes after them."""
    match event:
        case Phase(seconds=seconds) | Waited(seconds=seconds):
            return type(event), seconds is None
        case ToolUsed(role=role):
            return type(event), role
    return (type(event),)


def _slim(event: Glimpse) -> Glimpse:
    """Without what no board shows: a manifest is long."""
    if isinstance(event, TrialStarted):
        shown = {key: event.manifest[key] for key in ("max_turns",) if key in event.manifest}
        return replace(event, manifest=shown)
    return event
