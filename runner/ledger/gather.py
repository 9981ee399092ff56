"""A journal's events gathered by trial, in steps of bounded size, none of them decoded.

Every text is checked against its class's shape. Only what does not fit is decoded, which says
what is wrong with it or puts it into the usual form.
"""

import json
from collections.abc import Callable, Iterator, Mapping
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
from runner.ledger.journal_lines import BEGINNING, JournalLines, Place, crc_before
from runner.ledger.pieces import Mark, Step, TrialTexts
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


class NotTheSame(EnvironmentProblem):
    """The journal does not go on where it was read last: it is another file by now."""


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
        act: Mapping[type, Callable[[bytes, Match[bytes]], None]] = {
            CallReserved: self._call_reserved,
            CallSettled: self._call_settled,
            ToolUsed: self._tool_used,
            CheckDone: self._check_done,
            TrialStarted: self._trial_started,
            TrialEnded: self._trial_ended,
            Phase: self._passing,
            Waited: self._passing,
        }
        self._acts = {
            each.__name__.encode(): (shape(each, *keys).fullmatch, act[each])
            for each, keys in _KEYS.items()
        }

    def steps(self) -> Iterator[Step]:
        """What is new, in order; the last step has the mark of the whole reading.

        Raises:
            NotTheSame: it is not the file that the mark is of.
            EnvironmentProblem: the journal cannot be read, is damaged (naming the line), from
                a newer program, or has events of a trial that is not under way.
        """
        if (
            not self._fresh
            and self._mark
            and self._mark.again_crc != crc_before(self.path, self._start)
        ):
            raise NotTheSame(f"journal {self.path} is another file than it was")
        while True:
            size, mtime_ns = stamp(self.path)
            for text in self._lines:
                self._take(text)
                if self._size > self._step_bytes:
                    yield self._step(-1, -1, closed=False)
            if self._lines.lines < self._known:
                raise NotTheSame(f"journal {self.path} is shorter than it was")
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

    def _step(self, size: int, mtime_ns: int, *, closed: bool) -> Step:
        read = self._lines.place
        again = next(iter(self._open.values())).began if self._open else read
        after = Mark(size, mtime_ns, read, again, crc_before(self.path, again), closed)
        step = Step(self.path, self._mark, after, self._fresh, self._done, self._events, self._over)
        self._mark, self._fresh, self._done, self._events, self._size = after, False, [], [], 0
        return step

    def _take(self, text: bytes) -> None:
        act = self._acts.get(text[9 : text.find(b'"', 9)])
        if act is None or not (found := act[0](text)) or self._lines.lines == 1:
            self._odd(text)
            return
        try:
            act[1](text, found)
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
            self._take(usual)

    def _nobody_left(self, line: int) -> None:
        """Whoever wrote what comes before `line` is gone."""
        if line > self._known:
            for trial in self._open.values():
                self._finished(trial)
            self._over = line
        self._open.clear()

    def _trial_started(self, text: bytes, found: Match[bytes]) -> None:
        if found[1] in self._open:
            raise self._stray(found[1])
        began = Place(self._lines.lines - 1, self._lines.before)
        self._open[found[1]] = TrialTexts(found[1], began, text)

    def _call_reserved(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]].reserved[found[2]] = text

    def _call_settled(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]].settled[found[2]] = text

    def _tool_used(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]].tools.append(text)

    def _check_done(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]].checks[found[2]] = text

    def _passing(self, text: bytes, found: Match[bytes]) -> None:
        self._open[found[1]]  # only its order is checked: no table holds it

    def _trial_ended(self, text: bytes, found: Match[bytes]) -> None:
        trial = self._open.pop(found[1])
        trial.ended = text
        if self._lines.lines > self._known:
            self._finished(trial)

    def _finished(self, trial: TrialTexts) -> None:
        self._done.append(trial)
        self._size += trial.size

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
