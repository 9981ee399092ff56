"""A run at one moment, ready to be drawn: values only. Seconds end in `_s`, money is USD."""

from dataclasses import dataclass
from typing import Literal

from runner.errors import Status
from runner.events import ToolUsed
from runner.matrix.engine import Attempt, Cell
from runner.matrix.schedule import Goal
from runner.types import ProviderKind, Role

State = Literal["running", "stopping", "complete", "paused"]


@dataclass(frozen=True)
class Money:
    """Spent for good, set aside for what is in flight, and the limit, if there is one."""

    spent: float = 0.0
    reserved: float = 0.0
    limit: float | None = None


@dataclass(frozen=True)
class CellView:
    """Where one cell stands; `infra` counts attempts that say nothing about the arm."""

    cell: Cell
    successes: int
    results: int
    infra: int
    in_flight: int
    done: bool


@dataclass(frozen=True)
class Asked:
    """The model that a trial waits for."""

    role: Role
    model: str


@dataclass(frozen=True)
class FlightView:
    """A trial in flight. `turn` and `cap` are the lead's; 0 is not known yet.

    `waits_for` is what it stands still for (`slot`, `money`, `rate limit`), or empty; `since_s`
    is how long it has been doing what it does now.
    """

    trial_id: str
    attempt: Attempt
    phase: str  # as in `Phase`; empty before it starts
    turn: int
    cap: int
    waits_for: str
    asked: Asked | None
    last: ToolUsed | None
    elapsed_s: float
    since_s: float
    usd: float


@dataclass(frozen=True)
class EndedView:
    """A trial that ended."""

    trial_id: str
    attempt: Attempt
    status: Status
    success: bool
    turns: int
    own_s: float  # without waits
    usd: float
    reason: str


@dataclass(frozen=True)
class SlotsView:
    """Places for what is heavy on the processors: `count` is 0 when nobody said how many."""

    taken: int
    count: int
    waiting: int


@dataclass(frozen=True)
class BoardView:
    """All of it. A trial that no session began has no `goal`; `session` counts from 1.

    `left_s` and `left_usd` are guesses at what is still to come; None before the first result.
    """

    run_id: str
    kind: ProviderKind
    state: State
    reason: str
    session: int
    goal: Goal | None
    jobs: int
    elapsed_s: float
    money: Money
    arms: tuple[tuple[str, Money], ...]
    cells: tuple[CellView, ...]
    in_flight: tuple[FlightView, ...]
    calls_in_flight: int
    slots: SlotsView
    ended: tuple[EndedView, ...]  # the last few, newest first
    left_s: float | None
    left_usd: float | None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in the order of the cells."""
        return tuple(dict.fromkeys(each.cell.task for each in self.cells))

    def waiting(self, what: str) -> tuple[FlightView, ...]:
        """The trials that stand still for `what`."""
        return tuple(flight for flight in self.in_flight if flight.waits_for == what)
