"""Who runs attempts: threads here, or an engine of many machines; the driver sees no difference.

An attempt may be executed more than once (a machine dies, another starts it again); it is
counted once, under its own id, by the driver alone.
"""

from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from runner.events import TrialEnded, now


@dataclass(frozen=True)
class Cell:
    """An arm on a task."""

    arm: str
    task: str


@dataclass(frozen=True)
class Attempt:
    """The `attempt`-th go (from 1) at the `trial`-th trial (from 0) of a cell of a run."""

    run_id: str
    cell: Cell
    trial: int
    attempt: int

    @property
    def trial_id(self) -> str:
        """The id under which all of it is on record."""
        return f"{self.run_id}-{self.cell.arm}-{self.cell.task}-{self.trial}-{self.attempt}"


@dataclass(frozen=True)
class Need:
    """What an attempt takes besides a trial slot: `gpu` counts places on a local model."""

    gpu: int = 0


@dataclass(frozen=True)
class Capacity:
    """How many attempts can run at once, and how many of them with a local model."""

    trials: int
    gpus: int


@dataclass(frozen=True)
class Done:
    """An attempt that ended; all its events are in the journal by now."""

    attempt: Attempt
    ended: TrialEnded
    spent_usd: float


@dataclass(frozen=True)
class Lost:
    """The engine lost the attempt: nobody knows what it spent, so all set aside counts."""

    attempt: Attempt
    reason: str


@dataclass(frozen=True)
class Broken:
    """An error that no attempt can mend (a full disk, a bug): the run has to pause."""

    attempt: Attempt
    error: BaseException


Outcome = Done | Lost | Broken


@dataclass(frozen=True)
class StopAsked:
    """Somebody asked for the run to stop; it comes through `outcomes` to wake the driver.

    With `at_once` nothing in flight is waited for.
    """

    reason: str
    at_once: bool = False


class TrialEngine(Protocol):
    """Runs attempts and says how they ended, in whatever order, through `outcomes`."""

    @property
    def outcomes(self) -> "SimpleQueue[Outcome | StopAsked]":
        """One outcome for each attempt submitted; a wish to stop is put in by others."""
        ...

    def capacity(self) -> Capacity:
        """What there is at this moment, free or not."""
        ...

    def reserve_usd(self, attempt: Attempt) -> float:
        """What the driver must set aside for the whole attempt; 0 when its calls do so here."""
        ...

    def submit(self, attempt: Attempt, need: Need) -> None:
        """Start it as soon as there is room; never blocks for long."""
        ...

    def request_stop(self, reason: str) -> None:
        """Let no attempt send another call; those in flight are finished and come back."""
        ...

    def close(self) -> None:
        """Free everything; attempts still running are given up."""
        ...


def unplayed(trial_id: str, reason: str, failure: str) -> TrialEnded:
    """The last line on record of an attempt that brought none of its own."""
    return TrialEnded(
        trial_id=trial_id,
        status="infra",
        success=False,
        harness_green=False,
        iterations=0,
        wall_s=0.0,
        model_s=0.0,
        tool_s=0.0,
        judge_s=0.0,
        wait_s=0.0,
        ended_at=now(),
        reason=reason,
        detail={"failure": failure},
    )
