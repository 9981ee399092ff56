"""A journal's events gathered by trial, in steps of bounded size, none of them decoded.

Every text is checked against its class's shape. Only what does not fit is decoded, which says
what is wrong with it or puts it into the usual form.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import Match

from runner.errors import EnvironmentProblem
from runner.events import (
    CallReserved,
    CallSettled,
    CheckDone,
    Phase,
    RunEvent,
    ToolUsed,
    TrialEnded,
    TrialStarted,
    Waited,
)
from runner.ledger.codec import encode
from runner.ledger.journal_file import is_held
from runner.ledger.journal_format import Writer, kind_of, record
from runner.ledger.journal_lines import BEGINNING, JournalLines, Place
from runner.ledger.shapes import shape

STEP_BYTES = 32_000_000  # of events that are handed on together

# By class: the trial's id, and the key of which the last one counts, if there is one.
_KEYS: Mapping[type, tuple[str, ...]] = {
    TrialStarted: ("trial_id",),
    CallReserved: ("trial_id", "seq"),
    CallSettled: ("trial_id", "seq"),
    ToolUsed: ("trial_id",),
    CheckDone: ("trial_id", "name"),
    TrialEnded: ("trial_id",),
    Phase: ("trial_id",),
    Waited: ("trial_id",),
}


@dataclass
class TrialTexts:
    """One trial's events as JSON texts, sorted by what they are about.

    `trial_id` is a JSON text too. Calls are by `seq`, checks by name: the last one counts.
    """

    trial_id: bytes
    began: Place
    started: bytes
    ended: bytes | None = None
    reserved: dict[bytes, bytes] = field(default_factory=dict)
    settled: dict[bytes, bytes] = field(default_factory=dict)
    checks: dict[bytes, bytes] = field(default_factory=dict)
    tools: list[bytes] = field(default_factory=list)
    size: int = 0  # bytes

    @property
    def name(self) -> str:
        """The trial's id."""
        return str(json.loads(self.trial_id))


@dataclass(frozen=True)
class Mark:
    """How far a journal is in the database.

    `size` (bytes) and `mtime_ns` are the file's as it was when it was read to its end, -1 while
    that is still to come. What is before `read` is in, but for trials still running, which all
    began after `again`: from there the next reading goes on. `closed` is False while the
    journal has a writer.
    """

    size: int
    mtime_ns: int
    read: Place
    again: Place
    closed: bool


NEW = Mark(-1, -1, BEGINNING, BEGINNING, False)


class NotTheSame(EnvironmentProblem):
    """The journal does not go on where it was read last: it is another file by now."""


@dataclass(frozen=True)
class Step:
    """What a journal brings to the database at once, and its mark before and after.

    With `fresh`, whatever the database has of the journal goes first. `over` is the line before
    which whatever has no end will never have one.
    """

    path: Path
    before: Mark | None
    after: Mark
    fresh: bool
    trials: Sequence[TrialTexts]
    events: Sequence[tuple[int, RunEvent]]
    over: int


class Gathering:
    """One journal, read on from a mark.

    After `steps` is exhausted, `running` holds the ids of trials under way in a live process,
    and `torn` tells whether a last line that nobody will complete was left out.
    """

    def __init__(
        self, path: Path, mark: Mark | None, *, fresh: bool, step_bytes: int = STEP_BYTES
    ) -> None:
        """`mark` is what the database has of the journal; with `fresh` it is read anew."""
        self.path = path
        self.running: tuple[str, ...] = ()
        self.torn = False
        self._mark = mark
        self._fresh = fresh or mark is None
        self._step_bytes = step_bytes
        self._start = mark.again if mark and not fresh else BEGINNING
        self._known = mark.read.lines if mark and not fresh else 0  # what is in already
        self._lines = JournalLines(path, self._start)
        self._open: dict[bytes, TrialTexts] = {}
        self._done: list[TrialTexts] = []
        self._events: list[tuple[int, RunEvent]] = []
        self._size = 0
        self._over = 0
        self._take: dict[bytes, Callable[[bytes, Match[bytes]], None]] = {
            b"CallReserved": self._call_reserved,
            b"CallSettled": self._call_settled,
            b"ToolUsed": self._tool_used,
            b"CheckDone": self._check_done,
            b"TrialStarted": self._trial_started,
            b"TrialEnded": self._trial_ended,
            b"Phase": self._passing,
            b"Waited": self._passing,
        }
        self._fits = {
            each.__name__.encode(): shape(each, *keys).fullmatch for each, keys in _KEYS.items()
        }

    def steps(self) -> Iterator[Step]:
        """What is new, in order; the last step has the mark of the whole reading.

        Raises:
            NotTheSame: it is not the file that the mark is of.
            EnvironmentProblem: the journal cannot be read, is damaged (naming the line), from
                a newer program, or has events of a trial that is not under way.
        """
        while True:
            size, mtime_ns = stamp(self.path)
            for text in self._texts():
                self._line(text)
                if self._size > self._step_bytes:
                    yield self._step(-1, -1, closed=False)
            held = is_held(self.path)
            whole = self._lines.offset + len(self._lines.torn or b"")
            if held or stamp(self.path)[0] <= whole:
                break
            self._lines = JournalLines(self.path, self._lines.place)  # it wrote more, and left
        if held:
            self.running = tuple(trial.name for trial in self._open.values())
        else:
            self.torn = self._lines.torn is not None
            self._nobody_left(self._lines.lines + 1)
        yield self._step(size, mtime_ns, closed=not held)

    def _texts(self) -> Iterator[bytes]:
        try:
            yield from self._lines
        except EnvironmentProblem as error:
            if self._start != BEGINNING and self._lines.place == self._start:
                raise NotTheSame(str(error)) from error
            raise
        if self._lines.lines < self._known:
            raise NotTheSame(f"journal {self.path} is shorter than it was")

    def _step(self, size: int, mtime_ns: int, *, closed: bool) -> Step:
        read = self._lines.place
        again = next(iter(self._open.values())).began if self._open else read
        after = Mark(size, mtime_ns, read, again, closed)
        step = Step(self.path, self._mark, after, self._fresh, self._done, self._events, self._over)
        self._mark, self._fresh, self._done, self._events, self._size = after, False, [], [], 0
        return step

    def _line(self, text: bytes) -> None:
        kind = text[9 : text.find(b'"', 9)]
        take = self._take.get(kind)
        found = self._fits[kind](text) if take else None
        if take is None or found is None or self._lines.lines == 1:
            self._odd(text)
            return
        try:
            take(text, found)
        except KeyError:
            if self._lines.lines > self._known:
                raise self._stray(found[1]) from None

    def _odd(self, text: bytes) -> None:
        """A text that is no event of a trial in its usual form."""
        event = record(self.path, self._lines.lines, text)
        if isinstance(event, Writer):
            self._nobody_left(self._lines.lines)
        elif isinstance(event, RunEvent):
            if self._lines.lines > self._known:
                self._events.append((self._lines.lines, event))
        else:
            usual = encode(event).encode("ascii")
            if usual == text:
                raise AssertionError(f"no shape for {kind_of(text)}")
            self._line(usual)

    def _nobody_left(self, line: int) -> None:
        """Whoever wrote what comes before `line` is gone."""
        if line > self._known:
            self._done += self._open.values()
            self._over = line
        self._open.clear()

    def _trial_started(self, text: bytes, found: Match[bytes]) -> None:
        if found[1] in self._open:
            raise self._stray(found[1])
        began = Place(self._lines.lines - 1, self._lines.before)
        self._open[found[1]] = TrialTexts(found[1], began, text, size=len(text))
        self._size += len(text)

    def _call_reserved(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]].reserved[found[2]] = text
        self._size += len(text)

    def _call_settled(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]].settled[found[2]] = text
        self._size += len(text)

    def _tool_used(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]].tools.append(text)
        self._size += len(text)

    def _check_done(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]].checks[found[2]] = text
        self._size += len(text)

    def _passing(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]]  # only its order is checked: no table holds it

    def _trial_ended(self, text: bytes, found: Match[bytes]) -> None:
        trial = self._open.pop(found[1])
        trial.ended = text
        if self._lines.lines > self._known:
            self._done.append(trial)

    def _stray(self, trial_id: bytes) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"journal {self.path}: trial {json.loads(trial_id)} has events but no beginning, or "
            f"more after its end (line {self._lines.lines}): was it put together by hand?"
        )


def stamp(path: Path) -> tuple[int, int]:
    """The file's size in bytes and the time of its last change in ns.

    Raises:
        EnvironmentProblem: there is no such file, or it is out of reach.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise EnvironmentProblem(f"cannot read journal {path}: {error.strerror}") from error
    return found.st_size, found.st_mtime_ns
