"""A run whose attempts end as a test says, without containers or models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from runner.budget import Account
from runner.errors import Status
from runner.events import Event, TrialEnded
from runner.matrix.driver import Ending, Session, drive
from runner.matrix.engine import Attempt, Capacity, Cell, Done, Need, Outcome, StopAsked
from runner.matrix.schedule import Goal, Past, tallies

A, B = Cell("A", "T1"), Cell("B", "T1")


def end(trial_id: str, status: Status = "solved", **detail: object) -> TrialEnded:
    """A trial's end with this status."""
    solved = status == "solved"
    numbers = (1.0, 1.0, 0.0, 0.0, 0.0)
    return TrialEnded(trial_id, status, solved, solved, 1, *numbers, "later", status, detail)


@dataclass
class PlayedEngine:
    """A `TrialEngine` whose attempts end as soon as `hold` are in flight, or none can be added."""

    play: Callable[[Attempt], Outcome | None]  # None: it goes on
    room: Capacity = field(default_factory=lambda: Capacity(1, 1))
    usd: float = 0.0
    outcomes: "SimpleQueue[Outcome | StopAsked]" = field(default_factory=SimpleQueue)
    submitted: list[Attempt] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    stopped: str | None = None
    before: Callable[[Attempt], None] = lambda attempt: None

    def capacity(self) -> Capacity:
        return self.room

    def reserve_usd(self, attempt: Attempt) -> float:
        return self.usd

    def submit(self, attempt: Attempt, need: Need) -> None:
        self.before(attempt)
        self.submitted.append(attempt)
        self.needs.append(need)
        if (outcome := self.play(attempt)) is not None:
            self.outcomes.put(outcome)

    def request_stop(self, reason: str) -> None:
        self.stopped = reason

    def close(self) -> None:
        pass


def solved(attempt: Attempt) -> Outcome:
    """Every attempt solves its task, for 50 cents."""
    return Done(attempt, end(attempt.trial_id), 0.5)


def ends(statuses: Sequence[Status]) -> Callable[[Attempt], Outcome]:
    """Attempts end with these statuses, in this order, the last one for ever."""
    left = list(statuses)

    def play(attempt: Attempt) -> Outcome:
        status = left.pop(0) if len(left) > 1 else left[0]
        return Done(attempt, end(attempt.trial_id, status), 0.5)

    return play


@dataclass
class PlayedRun:
    """A session around a played engine."""

    engine: PlayedEngine
    goal: Goal = field(default_factory=lambda: Goal((A, B), 2, False, 1))
    needs: Mapping[str, Need] = field(default_factory=lambda: {"A": Need(), "B": Need()})
    past: Sequence[Past] = ()
    limit_usd: float | None = None
    arm_limit_usd: float | None = None
    events: list[Event] = field(default_factory=list)

    def __call__(self) -> Ending:
        run = Account("run", self.limit_usd)
        self.accounts = {arm: Account("arm", self.arm_limit_usd, run) for arm in ("A", "B")}
        self.run_account = run
        self.state = tallies(self.goal, self.past)
        self.session = Session(
            "r1",
            self.goal,
            self.state,
            self.accounts,
            self.needs,
            self.engine,
            self.events.append,
        )
        return drive(self.session)

    @property
    def names(self) -> list[str]:
        """What was submitted, as arm-trial-attempt."""
        return [f"{a.cell.arm}{a.trial}.{a.attempt}" for a in self.engine.submitted]
