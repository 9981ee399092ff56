"""The events of a made-up run, one helper for each thing that can happen, and its board."""

from collections.abc import Iterable, Iterator

from fakes import CARD

from runner.errors import Status
from runner.events import (
    AttemptIssued,
    CallReserved,
    CallSettled,
    Event,
    Phase,
    RunStarted,
    SessionEnded,
    SessionStarted,
    ToolUsed,
    TrialEnded,
    TrialStarted,
    Waited,
)
from runner.matrix.board import Board
from runner.matrix.board_view import FlightView
from runner.matrix.engine import Attempt, Cell
from runner.types import ProviderKind, Role, Usage

RUN = "scripted-3f2a91c07b"
OPUS, HAIKU = "claude-opus-4-7", "claude-haiku-4-5-20251001"
HOSTILE = "echo [bold red]hi[/] \x1b[2J\x1b]0;title\x07\nrm -rf \u202e/ \r\t[/nothing]"
AT = "2026-11-23T10:00:00.000+00:00"


def run_started(*arms: str, tasks: str = "T1 T2 T3", kind: ProviderKind = "scripted") -> RunStarted:
    named = {arm: {"title": arm} for arm in arms or "ABCD"}
    lock = {"arms": named, "tasks": dict.fromkeys(tasks.split(), "sha"), "card": {"id": "test"}}
    return RunStarted(RUN, kind, lock, AT)


def session(
    n: int = 2, *, fixed: bool = False, jobs: int = 4, budget: float | None = 5.0, at: str = AT
) -> SessionStarted:
    return SessionStarted(RUN, n, fixed, 1, jobs, budget, 2.0, "host", at)


def paused(reason: str = "interrupted") -> SessionEnded:
    return SessionEnded(RUN, "paused", reason, AT)


class Trial:
    """One attempt's events, called for as they happen."""

    def __init__(self, name: str, kind: ProviderKind = "scripted") -> None:
        """`name` is as the board labels it: `A T1 0.1`."""
        arm, task, numbers = name.split()
        trial, attempt = map(int, numbers.split("."))
        self.attempt = Attempt(RUN, Cell(arm, task), trial, attempt)
        self.id, self.kind, self.seq = self.attempt.trial_id, kind, 0

    def issued(self, usd: float = 0.0) -> AttemptIssued:
        a = self.attempt
        return AttemptIssued(RUN, self.id, a.cell.arm, a.cell.task, a.trial, a.attempt, usd)

    def started(self, at: str = AT) -> TrialStarted:
        a = self.attempt
        made_of = {"max_turns": 40}
        return TrialStarted(
            self.id, RUN, a.cell.arm, a.cell.task, a.trial, a.attempt, self.kind, at, made_of
        )

    def begin(self) -> Iterator[Event]:
        yield from (self.issued(), self.started(), self.phase("sandbox"))
        yield from (self.phase("sandbox", 0.4), self.phase("agent"))

    def phase(self, name: str, seconds: float | None = None) -> Phase:
        return Phase(self.id, name, seconds)

    def asks(
        self, turn: int = 1, role: Role = "solo", model: str = "big", usd: float = 0.25
    ) -> CallReserved:
        self.seq += 1
        return CallReserved(self.id, self.seq, turn, role, model, usd)

    def hears(
        self, role: Role = "solo", model: str = "big", output: int = 2_000, lost: bool = False
    ) -> CallSettled:
        """At the test card's price of `big`, 2,000 tokens are 5 cents."""
        usage = Usage() if lost else Usage(output_tokens=output)
        error = "connection_lost: no reply" if lost else None
        return CallSettled(
            self.id, self.seq, 1, role, model, usage, 2.0, "end_turn", None, error, lost
        )

    def used(
        self,
        tool: str = "bash",
        summary: str = "harness --quick",
        code: int = 0,
        *,
        turn: int = 1,
        role: Role = "solo",
    ) -> ToolUsed:
        return ToolUsed(
            self.id, self.seq, turn, role, tool, 1.0, code, False, False, 10, False, summary
        )

    def waits(self, what: str, seconds: float | None = None) -> Waited:
        return Waited(self.id, what, seconds)

    def ends(
        self,
        status: Status = "solved",
        *,
        own_s: float = 60.0,
        wait_s: float = 0.0,
        reason: str = "every check passed",
        limit: str | None = None,
    ) -> TrialEnded:
        won = status == "solved"
        detail = {"limit": limit} if limit else {}
        return TrialEnded(
            self.id, status, won, won, 12, own_s, 30.0, 5.0, 20.0, wait_s, AT, reason, detail
        )

    def whole(self, status: Status = "solved", **end: object) -> Iterator[Event]:
        """From its issue to its end, one call of 5 cents."""
        yield from self.begin()
        yield from (self.asks(), self.hears(), self.used())
        yield self.ends(status, **end)  # type: ignore[arg-type]


def busy_run() -> Iterator[tuple[float, Event]]:
    """Two sessions, the second with 64 trials in flight, and when each event happened."""
    yield 0.0, run_started()
    yield 0.0, session(jobs=4)
    yield from ((60.0, e) for e in Trial("A T1 0.1").whole(own_s=60))
    yield from ((90.0, e) for e in Trial("D T3 0.1").whole("failed", own_s=30, reason="mypy"))
    torn = Trial("B T2 0.1")
    yield from ((95.0, e) for e in (*torn.begin(), torn.asks(usd=0.5)))
    # Its runner dies here; a second one takes the run up.
    yield 200.0, session(jobs=64, budget=20.0)
    yield from ((230.0, e) for e in Trial("B T2 0.2").whole(own_s=30))
    gone = Trial("C T1 0.1")
    yield from ((240.0, e) for e in gone.whole("infra", reason="the container is gone"))
    poor = Trial("A T2 0.1")
    yield from ((250.0, e) for e in poor.whole("budget", reason="arm's limit", limit="arm"))
    yield from ((255.0, e) for e in Trial("A T1 1.1").whole(own_s=45))
    for number in range(64):
        yield from in_flight(number)


def in_flight(number: int) -> Iterator[tuple[float, Event]]:
    """One of many trials, each at something else."""
    trial, at = Trial(f"{'ABCD'[number % 4]} T{number % 3 + 1} {2 + number}.1"), 260.0 + number / 8
    yield from ((at, event) for event in trial.begin())
    lead: Role = "solo" if number % 4 in (0, 3) else "orchestrator"
    yield at, trial.asks(number + 1, lead, usd=0.05)
    match number % 8:
        case 0:
            yield at, trial.waits("rate limit")
        case 1:
            yield from ((at, e) for e in (trial.hears(lead), trial.used(summary=HOSTILE)))
            yield at, trial.asks(1, "executor", "small", usd=0.02)
        case 2:
            yield from ((at, e) for e in (trial.hears(lost=True), trial.waits("money")))
        case 3:
            yield at, trial.hears(lead)
            yield at, trial.used("str_replace_editor", "typer/models.py")
        case 4:
            yield from ((at, e) for e in (trial.hears(lead), trial.waits("slot")))
        case 5:
            yield at, trial.hears(lead)
            yield at, trial.used(summary="pytest -q tests/test_a_long_name.py", code=1)
            yield from ((at, e) for e in (trial.phase("agent", 9.0), trial.phase("judge")))


def folded(*events: Event | Iterable[Event], slots: int = 2) -> Board:
    """A board after these events, all at second 0."""
    board = Board(CARD, slots=slots, clock=lambda: 0.0)
    for one in events:
        for event in one if isinstance(one, Iterable) else (one,):
            board(event)
    return board


def begun(*events: Event | Iterable[Event], n: int = 2, fixed: bool = False) -> Board:
    """The same after a run and its session began."""
    return folded(run_started(), session(n, fixed=fixed), *events)


def only(board: Board) -> FlightView:
    (flight,) = board.view().in_flight
    return flight
