"""The one loop of a run: hand out attempts, count what comes back, stop when told or done.

It alone issues attempts, keeps the tallies and decides when the run pauses; whatever runs the
attempts (threads here, other machines) only says how they ended.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Literal

from runner.budget import Account
from runner.errors import LimitReached, OperatorError
from runner.events import AttemptIssued, Record, TrialEnded
from runner.matrix.engine import (
    Attempt,
    Broken,
    Cell,
    Done,
    Lost,
    Need,
    Outcome,
    StopAsked,
    TrialEngine,
)
from runner.matrix.schedule import (
    INFRA_TRIES,
    NOT_LOADED,
    Goal,
    Tally,
    came_back,
    counts,
    issued,
    next_attempt,
    reached,
)
from runner.models.failures import pauses_run

_LOOK_S = 0.5

Why = Literal["complete", "budget", "environment", "stopped"]


@dataclass(frozen=True)
class Ending:
    """Why a session ended, in one word for the exit code and one sentence for a person."""

    why: Why
    reason: str
    error: BaseException | None = None

    @property
    def at_once(self) -> bool:
        """Whether somebody wants the program to end now: nothing is waited for."""
        return isinstance(self.error, KeyboardInterrupt)


@dataclass
class Session:
    """What one session of a run works with. `accounts` are the arms' own, by id."""

    run_id: str
    goal: Goal
    state: Mapping[Cell, Tally]
    accounts: Mapping[str, Account]
    needs: Mapping[str, Need]  # by arm
    engine: TrialEngine
    record: Record
    stopping: Callable[[str], None] = lambda reason: None  # told when no more is handed out
    in_flight: dict[str, tuple[Attempt, float]] = field(default_factory=dict)
    spent_arms: set[str] = field(default_factory=set)  # arms whose own limit is reached
    closed_arms: dict[str, str] = field(default_factory=dict)  # arms that cannot go on, and why


def drive(session: Session) -> Ending:
    """Run until every cell has what it needs, or until something says stop.

    All that is in flight is waited for before this returns. Raises what `record` raises, and
    `KeyboardInterrupt` when it is to stop at once.
    """
    ending: Ending | None = None
    while True:
        if ending is None:
            ending = _issue(session)
        if not session.in_flight:
            return ending or _nothing_left(session)
        outcome = _next(session.engine.outcomes)
        if outcome is not None and (stop := _take(session, outcome)):
            ending = ending or stop
            if stop.why != "budget":  # there each trial meets the limit by itself, and says so
                session.engine.request_stop(stop.reason)
            if session.in_flight:
                session.stopping(stop.reason)


def _next(outcomes: "SimpleQueue[Outcome | StopAsked]") -> Outcome | StopAsked | None:
    """The next outcome; None when there is none yet and it is time to look around.

    A machine that joins tells nobody, and the kernel may hand a signal to any thread, which
    does not wake this one: Python's own handlers run here.
    """
    with suppress(Empty):
        return outcomes.get(timeout=_LOOK_S)
    return None


def _issue(session: Session) -> Ending | None:
    """Hand out attempts as long as there is room and money; says so when there is no money."""
    while True:
        room = session.engine.capacity()
        if len(session.in_flight) >= room.trials:
            return None
        gpus = sum(_need(session, attempt.cell).gpu for attempt, _ in session.in_flight.values())

        def fits(cell: Cell, free: int = room.gpus - gpus) -> bool:
            closed = cell.arm in session.spent_arms or cell.arm in session.closed_arms
            return not closed and _need(session, cell).gpu <= free

        attempt = next_attempt(session.run_id, session.goal, session.state, fits)
        if attempt is None:
            return None
        try:
            usd = session.engine.reserve_usd(attempt)
            if not session.accounts[attempt.cell.arm].try_reserve(usd):
                return None  # money of attempts in flight may come back
        except LimitReached as limit:
            if limit.scope != "arm":
                return Ending("budget", str(limit))
            session.spent_arms.add(attempt.cell.arm)
            continue
        _submit(session, attempt, usd)


def _submit(session: Session, attempt: Attempt, usd: float) -> None:
    cell = attempt.cell
    session.record(
        AttemptIssued(
            session.run_id,
            attempt.trial_id,
            cell.arm,
            cell.task,
            attempt.trial,
            attempt.attempt,
            usd,
        )
    )
    issued(session.state[cell], attempt)
    session.in_flight[attempt.trial_id] = (attempt, usd)
    session.engine.submit(attempt, _need(session, cell))


def _take(session: Session, outcome: Outcome | StopAsked) -> Ending | None:
    """Count one outcome; says why the run has to end, if it has."""
    if isinstance(outcome, StopAsked):
        if outcome.at_once:
            raise KeyboardInterrupt
        return Ending("stopped", outcome.reason)
    attempt, reserved = session.in_flight.pop(outcome.attempt.trial_id)
    tally = session.state[attempt.cell]
    account = session.accounts[attempt.cell.arm]
    match outcome:
        case Done(ended=ended, spent_usd=spent):
            if reserved:
                account.settle(reserved, spent)
            came_back(tally, attempt, ended)
            return _after(session, attempt, ended)
        case Lost(reason=reason):
            account.settle(reserved, reserved)
            came_back(tally, attempt, None)
            return _too_often(tally, attempt, reason)
        case Broken(error=error):
            expected = isinstance(error, OperatorError)
            account.settle(reserved, 0.0 if expected else reserved)
            came_back(tally, attempt, None)
            bug = f"{attempt.trial_id} met an error that nobody expected: {error!r}"
            return Ending("environment", str(error) if expected else bug, error)


def _after(session: Session, attempt: Attempt, ended: TrialEnded) -> Ending | None:
    """What an attempt's end means for the run."""
    limit = ended.detail.get("limit")
    if limit == "run":
        return Ending("budget", ended.reason)
    if limit == "arm":
        session.spent_arms.add(attempt.cell.arm)
        return None
    if counts(ended):
        return None
    kind = ended.detail.get("kind")
    if isinstance(kind, str) and pauses_run(kind):
        return Ending("environment", ended.reason)
    stop = _too_often(session.state[attempt.cell], attempt, ended.reason)
    if stop and ended.detail.get("failure") == NOT_LOADED:
        session.closed_arms[attempt.cell.arm] = stop.reason
        return None
    return stop


def _too_often(tally: Tally, attempt: Attempt, reason: str) -> Ending | None:
    if tally.tries.get(attempt.trial, 0) < INFRA_TRIES:
        return None
    return Ending(
        "environment",
        f"{attempt.trial_id} is the {INFRA_TRIES}rd attempt at its trial that failed for no fault "
        f"of the arm's: {reason}",
    )


def _nothing_left(session: Session) -> Ending:
    """Nothing is in flight and nothing more may begin: is it done, or is it the money?"""
    short = [cell for cell in session.goal.cells if not reached(session.goal, session.state[cell])]
    if not short:
        return Ending("complete", "every cell has what it needs")
    arms = sorted({cell.arm for cell in short})
    if closed := [session.closed_arms[arm] for arm in arms if arm in session.closed_arms]:
        return Ending("environment", "; ".join(closed))
    if set(arms) <= session.spent_arms:
        return Ending("budget", f"the limit of arm {', '.join(arms)} is reached")
    return Ending("environment", f"no room for arm {', '.join(arms)}: the engine offers no slot")


def _need(session: Session, cell: Cell) -> Need:
    return session.needs[cell.arm]
