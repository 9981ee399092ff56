"""A run as it stands: a pure fold over its events, live or read from a journal."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import RLock

from runner.config.rates import RateCard
from runner.events import (
    AttemptIssued,
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
from runner.matrix.board_view import BoardView, CellView, EndedView, Money, SlotsView, State
from runner.matrix.engine import Attempt, Cell
from runner.matrix.flight import Flight
from runner.matrix.history import LAST_ENDED, History
from runner.matrix.outlook import Outlook, Record, outlook
from runner.matrix.schedule import Goal, Tally, counts, reached
from runner.types import JsonObject, ProviderKind

Glimpse = TrialStarted | Phase | ToolUsed | Waited


class Board:
    """Call it with each event of one run, from any thread; `view` says how things stand.

    Cells are those given, else those that the run's lock names, and any that events name.
    `slots` is how many there are (0: not known); `clock` gives seconds. What was before may be
    folded in the same way, or taken in whole: a session's beginning ends what was left open.
    """

    def __init__(
        self,
        card: RateCard,
        cells: Sequence[Cell] = (),
        slots: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._card, self._slots, self._clock = card, slots, clock
        self._lock = RLock()
        self._run_id = ""
        self._kind: ProviderKind = "live"
        self._session: SessionStarted | None = None
        self._sessions = 0
        self._began: float | None = None
        self._state: State = "running"
        self._reason = ""
        self._records: dict[Cell, Record] = {cell: Record() for cell in cells}
        self._spent: dict[str, float] = {}  # by arm
        self._flights: dict[str, Flight] = {}
        self._ended: deque[EndedView] = deque(maxlen=LAST_ENDED)

    def __call__(self, event: Event, at: float | None = None) -> None:
        """Take in one event that happened at `at` on the board's clock, by default now."""
        with self._lock:
            moment = self._clock() if at is None else at
            match event:
                case RunStarted():
                    self._run_started(event)
                case SessionStarted():
                    self._session_started(event, moment)
                case AttemptIssued():
                    self._issued(event, moment)
                case SessionEnded(state=state, reason=reason):
                    self._state, self._reason = state, reason
                case TrialStarted():
                    self._trial_started(event, moment)
                case TrialEnded():
                    self._trial_ended(event)
                case _:
                    if flight := self._flights.get(event.trial_id):
                        flight.fold(event, moment)

    def glimpse(self, event: Event, at: float | None = None) -> None:
        """Take in what a trial elsewhere does now, for the eye only: all of it comes again.

        What costs money is counted then, and what has been given up stays so.
        """
        with self._lock:
            if isinstance(event, Glimpse) and (flight := self._flights.get(event.trial_id)):
                flight.fold(event, self._clock() if at is None else at)

    def flying(self) -> frozenset[str]:
        """The trials in flight."""
        with self._lock:
            return frozenset(self._flights)

    def begin_after(self, past: History) -> None:
        """Take in what was before; to be called before any session or attempt."""
        with self._lock:
            self._run_id, self._kind, self._sessions = past.run_id, past.kind, past.sessions
            self._records |= {cell: replace(record) for cell, record in past.records.items()}
            self._spent = dict(past.spent)
            self._ended.extend(past.ended)

    @property
    def kind(self) -> ProviderKind:
        """Who plays: only `live` and `imported` are of real models at work."""
        return self._kind

    def stopping(self, reason: str) -> None:
        """The session was asked to stop and finishes the calls in flight."""
        with self._lock:
            self._state, self._reason = "stopping", reason

    def lost(self, trial_id: str) -> None:
        """The attempt will never end: it is no result, and all set aside for it is spent."""
        with self._lock:
            if flight := self._flights.pop(trial_id, None):
                self._give_up(flight)

    def view(self, at: float | None = None) -> BoardView:
        """How things stand at `at`, by default now."""
        with self._lock:
            moment = self._clock() if at is None else at
            session, flights = self._session, list(self._flights.values())
            goal = self._goal()
            ahead = self._outlook(goal, flights, moment)
            return BoardView(
                run_id=self._run_id,
                kind=self._kind,
                state=self._state,
                reason=self._reason,
                session=self._sessions,
                goal=goal,
                jobs=session.jobs if session else 0,
                elapsed_s=max(0.0, moment - self._began) if self._began is not None else 0.0,
                money=self._money(None, session.budget_usd if session else None),
                arms=tuple(
                    (arm, self._money(arm, session.arm_budget_usd if session else None))
                    for arm in dict.fromkeys(cell.arm for cell in self._records)
                ),
                cells=tuple(self._cell(cell, goal) for cell in self._records),
                in_flight=tuple(flight.view(moment) for flight in flights),
                calls_in_flight=sum(len(flight.calls) for flight in flights),
                slots=self._slots_view(flights),
                ended=tuple(reversed(self._ended)),
                left_s=ahead.seconds if ahead else None,
                left_usd=ahead.usd if ahead else None,
            )

    # ---- what events do -----------------------------------------------------------------

    def _run_started(self, event: RunStarted) -> None:
        self._run_id, self._kind = event.run_id, event.provider_kind
        for cell in () if self._records else cells_of(event.lock):
            self._records[cell] = Record()

    def _session_started(self, event: SessionStarted, at: float) -> None:
        self._slots = event.slots or self._slots
        for flight in self._flights.values():
            self._give_up(flight)
        self._flights.clear()
        self._session, self._sessions, self._began = event, self._sessions + 1, at
        self._state, self._reason = "running", ""

    def _issued(self, event: AttemptIssued, at: float) -> None:
        cell = Cell(event.arm, event.task)
        self._begin(Attempt(event.run_id, cell, event.trial, event.attempt), event.trial_id, at)
        self._flights[event.trial_id].set_aside = event.usd

    def _trial_started(self, event: TrialStarted, at: float) -> None:
        if not self._session:  # a trial that was run by itself
            self._run_id, self._kind = event.run_id, event.provider_kind
        cell = Cell(event.arm, event.task)
        self._begin(Attempt(event.run_id, cell, event.trial, event.attempt), event.trial_id, at)
        self._flights[event.trial_id].fold(event, at)

    def _begin(self, attempt: Attempt, trial_id: str, at: float) -> None:
        self._records.setdefault(attempt.cell, Record())
        place = (attempt.cell, attempt.trial)
        for other, flight in list(self._flights.items()):
            # Another attempt at the same trial is only issued when this one is known to be lost.
            if (flight.attempt.cell, flight.attempt.trial) == place and other != trial_id:
                self._give_up(self._flights.pop(other))
        self._flights.setdefault(trial_id, Flight(trial_id, attempt, self._card, at))

    def _trial_ended(self, event: TrialEnded) -> None:
        flight = self._flights.pop(event.trial_id, None)
        if flight is None:
            return
        ended = flight.ended(event)
        self._ended.append(ended)
        self._spend(flight, ended.usd)
        record = self._records[flight.attempt.cell]
        if not counts(event):
            record.infra += 1
            return
        record.results += 1
        record.successes += event.success
        record.busy_s += event.wall_s + (event.wait_s or 0.0)
        record.usd += ended.usd

    def _give_up(self, flight: Flight) -> None:
        self._records[flight.attempt.cell].infra += 1
        self._spend(flight, flight.spent + flight.reserved)

    def _spend(self, flight: Flight, usd: float) -> None:
        arm = flight.attempt.cell.arm
        self._spent[arm] = self._spent.get(arm, 0.0) + usd

    # ---- what is shown ------------------------------------------------------------------

    def _goal(self) -> Goal | None:
        if not (session := self._session):
            return None
        return Goal(tuple(self._records), session.n, session.fixed, session.seed)

    def _cell(self, cell: Cell, goal: Goal | None) -> CellView:
        record = self._records[cell]
        tally = Tally(record.results, record.successes)
        flying = sum(flight.attempt.cell == cell for flight in self._flights.values())
        done = goal is not None and reached(goal, tally)
        return CellView(cell, record.successes, record.results, record.infra, flying, done)

    def _money(self, arm: str | None, limit: float | None) -> Money:
        """Of an arm, or with None of the run."""
        flights = [f for f in self._flights.values() if arm in (None, f.attempt.cell.arm)]
        ended = self._spent.get(arm, 0.0) if arm else sum(self._spent.values())
        return Money(
            spent=ended + sum(flight.spent for flight in flights),
            reserved=sum(flight.reserved for flight in flights),
            limit=limit,
        )

    def _slots_view(self, flights: Sequence[Flight]) -> SlotsView:
        waiting = sum(flight.waits_for == "slot" for flight in flights)
        taken = sum(flight.holds_slot for flight in flights)
        if self._slots:  # light events of a holder may go unseen: who waits proves all are taken
            taken = self._slots if waiting else min(taken, self._slots)
        return SlotsView(taken, self._slots, waiting)

    def _outlook(self, goal: Goal | None, flights: Sequence[Flight], at: float) -> Outlook | None:
        if goal is None or self._session is None:
            return None
        ran: dict[Cell, float] = {}
        for flight in flights:
            if flight.began is not None:
                cell = flight.attempt.cell
                ran[cell] = ran.get(cell, 0.0) + at - flight.began
        jobs = max(self._session.jobs, len(flights))  # machines may have joined since it began
        return outlook(goal, self._records, ran, jobs)


def cells_of(lock: JsonObject) -> list[Cell]:
    """The cells that a run's lock names with its `arms` and `tasks`; none if it does not."""
    arms, tasks = lock.get("arms"), lock.get("tasks")
    if not isinstance(arms, list | tuple | dict) or not isinstance(tasks, list | tuple | dict):
        return []
    return [Cell(str(arm), str(task)) for arm in arms for task in tasks]
