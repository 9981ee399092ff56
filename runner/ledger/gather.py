"""A journal's events gathered by trial, in steps of bounded size, none of them decoded.

Every text is checked against its class's shape. Only what does not fit is decoded, which says
what is wrong with it or puts it into the usual form.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from runner.errors import EnvironmentProblem
from runner.events import (
    AttemptIssued,
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
from runner.ledger.shapes import any_of, compiled, shape

STEP_BYTES = 64_000_000  # of events that are handed on together


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
            for number, _, text, *found in self._lines.matched(_texts()):
                if number == b"1":
                    self._odd(text)
                else:
                    self._take(text, found)
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

    def _take(self, text: bytes, found: Sequence[bytes]) -> None:
        """A text, and what `_texts` found in it."""
        asked, ask, told, tell, tool, phase, check, name, waited, started, ended, usd = found
        try:
            if asked:
                self._open[asked].reserved[ask] = text
            elif told:
                self._open[told].settled[tell] = text
            elif tool:
                self._open[tool].tools.append(text)
            elif check:
                self._open[check].checks[name] = text
            elif started or ended:
                self._first_or_last(started, ended, text)
            elif passing := phase or waited:
                self._open[passing]  # only its order is checked: no table holds it
            elif not usd or float(usd) > 0:
                self._odd(text)
        except KeyError as stray:
            if self._lines.lines > self._known:
                raise self._stray(stray.args[0]) from None

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
            parts = compiled(_texts()).fullmatch(usual)
            if usual == text or parts is None:
                raise AssertionError(f"no shape for {kind_of(text)}")
            self._take(usual, parts.groups(b""))

    def _nobody_left(self, line: int) -> None:
        """Whoever wrote what comes before `line` is gone."""
        if line > self._known:
            for trial in self._open.values():
                self._finished(trial)
            self._over = line
        self._open.clear()

    def _first_or_last(self, started: bytes, ended: bytes, text: bytes) -> None:
        """A trial's beginning or end, with the trial's id."""
        if started in self._open:
            raise self._stray(started)
        if started:
            began = Place(self._lines.lines - 1, self._lines.before)
            self._open[started] = TrialTexts(started, began, text)
            return
        trial = self._open.pop(ended)
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


@cache
def _texts() -> str:
    """The pattern of a line's text, the most frequent kinds first.

    Its groups are a trial's id and the key of which the last event counts, if there is one.
    """
    return any_of(
        shape(CallReserved, "trial_id", "seq"),
        shape(CallSettled, "trial_id", "seq"),
        shape(ToolUsed, "trial_id"),
        shape(Phase, "trial_id"),
        shape(CheckDone, "trial_id", "name"),
        shape(Waited, "trial_id"),
        shape(TrialStarted, "trial_id"),
        shape(TrialEnded, "trial_id"),
        shape(AttemptIssued, "usd"),
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
