"""A run's journal read for going on with it: what was tried, how it ended, what it cost."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path

from runner.config.rates import MEASURED, RateCard
from runner.errors import EnvironmentProblem
from runner.events import (
    AttemptIssued,
    CallReserved,
    CallSettled,
    Event,
    RunStarted,
    SessionEnded,
    SessionStarted,
    TrialEnded,
    TrialStarted,
)
from runner.ledger.journal_format import Writer, record
from runner.ledger.journal_lines import JournalLines
from runner.ledger.shapes import any_of, shape
from runner.types import JsonObject, ProviderKind, Usage

_NO_MATTER = r'\{"kind":"(ToolUsed|Phase|Waited|CheckDone)".*'
# What a call's `detail` is looked through for.
_TOLD = (b"usage_missing", *(name.encode() for name in MEASURED))
_KEPT = ("limit", "failure", "kind")  # of a trial's `detail`: the rest is long, trials are many


@dataclass(frozen=True)
class AttemptRecord:
    """An attempt on record. `usd` is what it counts for in its arm's spending.

    Of `ended.detail` only `limit`, `failure` and `kind` are kept.
    An attempt that has no end and is not under way in a live process was broken off: it is on
    record, with what it spent, and is no result.
    """

    trial_id: str
    arm: str
    task: str
    trial: int
    attempt: int
    started: bool
    ended: TrialEnded | None
    usd: float


@dataclass(frozen=True)
class RunRecord:
    """A run as its journal has it.

    `n`, `fixed`, `seed` and `budget_usd` are the last session's (0, False, 0, None before the
    first), `ended` is its end, None when it has none. `attempts` come in the order they were issued
    or, where that is not on record, began. `spent_usd` is by arm.
    """

    run_id: str
    provider_kind: ProviderKind
    lock: JsonObject
    n: int
    fixed: bool
    seed: int
    budget_usd: float | None
    sessions: int
    ended: SessionEnded | None
    attempts: Sequence[AttemptRecord]
    spent_usd: Mapping[str, float]


def read_run(path: Path, card: RateCard) -> RunRecord:
    """Read a run's journal as a stream, priced by `card`, in USD.

    A settled call counts by its tokens; one that is lost, never settled, or came without its
    tokens counts by its reserve. What was set aside for an attempt as a whole counts until the
    attempt's end is on record.

    Raises:
        EnvironmentProblem: the file cannot be read, is damaged (naming the line), from a newer
            program, or not a run's.
        UsageError: the card has no price for a model that was called.
    """
    reading = RunReading(card)
    reading.read(JournalLines(path))
    return reading.record(path)


@dataclass
class _Attempt:
    """An attempt while its events come in."""

    arm: str
    task: str
    trial: int
    attempt: int
    issued_usd: float = 0.0
    began: bool = False
    ended: TrialEnded | None = None
    settled_usd: float = 0.0
    reserves: dict[int, float] = field(default_factory=dict)  # of calls not settled, by seq

    @property
    def usd(self) -> float:
        aside = 0.0 if self.ended else self.issued_usd
        return aside + self.settled_usd + sum(self.reserves.values())


class RunReading:
    """Takes a run's events in order; trials under way are by their id as JSON text."""

    def __init__(self, card: RateCard) -> None:
        self.started: RunStarted | None = None
        self._card = card
        self._sessions = 0
        self._session: SessionStarted | None = None
        self._ended: SessionEnded | None = None
        self._attempts: dict[str, _Attempt] = {}
        self._open: dict[bytes, _Attempt] = {}

    def read(self, lines: JournalLines) -> set[str]:
        """Take all of these lines; gives the ids of the trials that have begun.

        Raises what `read_run` raises.
        """
        for _, _, text, *found in lines.matched(_texts()):
            asked, ask, usd, told, *settled, no_matter = found
            try:
                if asked:
                    self._open[asked].reserves[int(ask)] = float(usd)
                elif told:
                    self._told(self._open[told], *settled)
                elif not no_matter or lines.lines == 1:
                    self.add(record(lines.path, lines.lines, text))
            except KeyError as error:
                raise EnvironmentProblem(
                    f"journal {lines.path}, line {lines.lines}: trial "
                    f"{json.loads(error.args[0])} has not begun, or has ended"
                ) from None
        return {trial_id for trial_id, each in self._attempts.items() if each.began}

    def _told(self, attempt: _Attempt, seq: bytes, model: bytes, *more: bytes) -> None:
        """A call's end, without decoding it."""
        *tokens, took, lost, text = more
        told = any(word in text for word in _TOLD)
        detail: JsonObject = json.loads(text) if told else {}
        if lost != b"true" and not _missing(detail):  # else its reserve stays
            seconds = None if took == b"null" else float(took)
            used = (Usage(*map(int, tokens)), seconds, detail)
            self._settle(attempt, int(seq), self._card.usd(json.loads(model), *used))

    def add(self, event: Event | Writer) -> None:
        """Raises `KeyError` for a trial that has not begun or has ended."""
        match event:
            case CallReserved():
                self._open[_key(event.trial_id)].reserves[event.seq] = event.usd
            case CallSettled():
                attempt = self._open[_key(event.trial_id)]
                if not (event.lost or _missing(event.detail)):  # else its reserve stays
                    self._settle(attempt, event.seq, self._card.settled_usd(event))
            case AttemptIssued() | TrialStarted():
                self._begin(event)
            case TrialEnded():
                detail = {key: event.detail[key] for key in _KEPT if key in event.detail}
                self._open.pop(_key(event.trial_id)).ended = replace(event, detail=detail)
            case RunStarted():
                self.started = event
            case SessionStarted():
                self._sessions += 1
                self._session, self._ended = event, None
            case SessionEnded():
                self._ended = event

    def _begin(self, event: AttemptIssued | TrialStarted) -> None:
        attempt = self._attempts.get(event.trial_id)
        if attempt is None:
            attempt = _Attempt(event.arm, event.task, event.trial, event.attempt)
            self._attempts[event.trial_id] = attempt
        if isinstance(event, AttemptIssued):
            attempt.issued_usd += event.usd
        else:
            attempt.began = True
            self._open[_key(event.trial_id)] = attempt

    def _settle(self, attempt: _Attempt, seq: int, usd: float) -> None:
        attempt.reserves.pop(seq, None)
        attempt.settled_usd += usd

    def record(self, path: Path) -> RunRecord:
        """All that came in. Raises `EnvironmentProblem` when it was not a run."""
        if (started := self.started) is None:
            raise EnvironmentProblem(f"journal {path} is not a matrix run's: it names no run")
        spent: dict[str, float] = {}
        for attempt in self._attempts.values():
            spent[attempt.arm] = spent.get(attempt.arm, 0.0) + attempt.usd
        session = self._session
        return RunRecord(
            run_id=started.run_id,
            provider_kind=started.provider_kind,
            lock=started.lock,
            n=session.n if session else 0,
            fixed=session.fixed if session else False,
            seed=session.seed if session else 0,
            budget_usd=session.budget_usd if session else None,
            sessions=self._sessions,
            ended=self._ended,
            attempts=tuple(
                AttemptRecord(
                    trial_id=trial_id,
                    arm=each.arm,
                    task=each.task,
                    trial=each.trial,
                    attempt=each.attempt,
                    started=each.began,
                    ended=each.ended,
                    usd=each.usd,
                )
                for trial_id, each in self._attempts.items()
            ),
            spent_usd=spent,
        )


@cache
def _texts() -> str:
    """The pattern of a line's text."""
    tokens = (f"usage.{each.name}" for each in fields(Usage))
    wanted = ("trial_id", "seq", "model", *tokens, "latency_s", "lost", "detail")
    return any_of(
        shape(CallReserved, "trial_id", "seq", "usd"), shape(CallSettled, *wanted), _NO_MATTER
    )


def _key(trial_id: str) -> bytes:
    return json.dumps(trial_id).encode("ascii")


def _missing(detail: JsonObject) -> bool:
    """Whether the vendor did not say what a call used."""
    return bool(detail.get("usage_missing"))
