"""One attempt between its issue and its end: what it does at this moment and what it spent."""

from dataclasses import dataclass, field

from runner.config.rates import RateCard
from runner.errors import UsageError
from runner.events import (
    CallReserved,
    CallSettled,
    Event,
    Phase,
    ToolUsed,
    TrialEnded,
    TrialStarted,
    Waited,
)
from runner.matrix.board_view import Asked, EndedView, FlightView
from runner.matrix.engine import Attempt

_HEAVY_PHASES = ("harness", "judge")  # each holds a slot from its beginning to its end


@dataclass
class Flight:
    """A fold over one trial's events. Times are seconds on the board's clock, money is USD."""

    trial_id: str
    attempt: Attempt
    card: RateCard
    since: float  # when it began to do what it does
    set_aside: float = 0.0  # for the whole attempt, where its calls do not reserve here
    began: float | None = None
    spent: float = 0.0
    calls: dict[int, CallReserved] = field(default_factory=dict)  # not settled yet
    phase: str = ""
    turn: int = 0
    cap: int = 0
    waits_for: str = ""
    last: ToolUsed | None = None
    holds_slot: bool = False

    @property
    def reserved(self) -> float:
        """What is set aside for it; if it never ends properly, this is spent."""
        return max(self.set_aside - self.spent, self._open_usd)

    @property
    def _open_usd(self) -> float:
        return sum(call.usd for call in self.calls.values())

    def fold(self, event: Event, at: float) -> None:
        """Take in one event of this trial."""
        self.since = at
        match event:
            case TrialStarted(manifest=manifest):
                cap = manifest.get("max_turns")
                self.began, self.cap = at, cap if isinstance(cap, int) else 0
            case Phase(name=name, seconds=None):
                self.phase, self.holds_slot = name, name in _HEAVY_PHASES
            case Phase():
                self.holds_slot = False
            case Waited(what=what, seconds=None):
                self.waits_for = what
            case Waited(what=what):
                self.waits_for, self.holds_slot = "", what == "slot"
            case CallReserved():
                self.calls[event.seq] = event
                self.turn = self.turn if event.role == "executor" else event.iteration
            case CallSettled():
                self._settle(event)
            case ToolUsed():
                self.last, self.holds_slot = event, False
                if event.role != "executor":  # all that shows it where no calls are seen
                    self.turn = max(self.turn, event.iteration)

    def _settle(self, event: CallSettled) -> None:
        reserve = self.calls.pop(event.seq, None)
        self.waits_for = ""
        if event.lost:
            self.spent += reserve.usd if reserve else 0.0
            return
        try:
            self.spent += self.card.settled_usd(event)
        except UsageError:  # a display does not end a run: the worst case stands in
            self.spent += reserve.usd if reserve else 0.0

    def view(self, at: float) -> FlightView:
        """How it stands at a moment."""
        call = next(reversed(self.calls.values()), None)
        return FlightView(
            trial_id=self.trial_id,
            attempt=self.attempt,
            phase=self.phase,
            turn=self.turn,
            cap=self.cap,
            waits_for=self.waits_for,
            asked=Asked(call.role, call.model) if call else None,
            last=self.last,
            elapsed_s=max(0.0, at - self.began) if self.began is not None else 0.0,
            since_s=max(0.0, at - self.since),
            usd=self.spent,
        )

    def ended(self, event: TrialEnded) -> EndedView:
        """How it came out; a call that was never settled counts as spent."""
        return EndedView(
            trial_id=self.trial_id,
            attempt=self.attempt,
            status=event.status,
            success=event.success,
            turns=event.iterations,
            own_s=event.wall_s,
            usd=self.spent + self._open_usd,
            reason=event.reason,
        )
