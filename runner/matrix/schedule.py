"""What to run next: pure, so that the same record always leads to the same order.

Trials of all cells are interleaved round by round, each round in a seeded random order: what
drifts over hours (a vendor's load, a machine's heat) then falls on all cells alike.
"""

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from runner.errors import Status
from runner.events import TrialEnded
from runner.matrix.engine import Attempt, Cell

# How often one trial is begun again in a session when it failed for no fault of the arm's.
INFRA_TRIES = 3
# The `failure` of an attempt whose local model could not be loaded: other arms do without it.
NOT_LOADED = "NotLoaded"


@dataclass(frozen=True)
class Goal:
    """How far a run goes: `n` successes in each cell with at most 2 n results, the published
    way, or, when `fixed`, exactly `n` results in each cell, which biases nothing."""

    cells: tuple[Cell, ...]
    n: int
    fixed: bool
    seed: int

    @property
    def most(self) -> int:
        """The most results of a cell."""
        return self.n if self.fixed else 2 * self.n


@dataclass
class Tally:
    """Where one cell stands."""

    results: int = 0  # attempts that say something about the arm
    successes: int = 0
    infra: int = 0  # attempts that do not
    in_flight: int = 0
    attempts: dict[int, int] = field(default_factory=dict)  # how many were issued, by trial
    tries: dict[int, int] = field(default_factory=dict)  # of this session without a result
    again: list[int] = field(default_factory=list)  # heap of trials to begin again
    fresh: int = 0  # the first trial never begun


def is_result(status: Status, limit: object = None) -> bool:
    """Whether an attempt's end says something about the arm.

    `limit` is the scope of the limit that ended it: one that others used up says nothing.
    """
    return status != "infra" and limit not in ("arm", "run")


def counts(ended: TrialEnded) -> bool:
    """Whether the attempt is a result."""
    return is_result(ended.status, ended.detail.get("limit"))


@dataclass(frozen=True)
class Past:
    """An attempt that earlier sessions put on record; `ended` None: its runner died."""

    cell: Cell
    trial: int
    attempt: int
    ended: TrialEnded | None


def tallies(goal: Goal, past: Sequence[Past]) -> dict[Cell, Tally]:
    """Where each cell of the goal stands after earlier sessions."""
    found = {cell: Tally() for cell in goal.cells}
    with_result: dict[Cell, set[int]] = {cell: set() for cell in goal.cells}
    for each in past:
        if (tally := found.get(each.cell)) is None:
            continue
        tally.attempts[each.trial] = max(tally.attempts.get(each.trial, 0), each.attempt)
        if each.ended is not None and counts(each.ended):
            with_result[each.cell].add(each.trial)
            tally.results += 1
            tally.successes += each.ended.success
        else:
            tally.infra += 1
    for cell, tally in found.items():
        tally.fresh = max(tally.attempts, default=-1) + 1
        tally.again = sorted(set(range(tally.fresh)) - with_result[cell])
    return found


def reached(goal: Goal, tally: Tally) -> bool:
    """Whether the cell needs nothing more."""
    return tally.results >= goal.most or (not goal.fixed and tally.successes >= goal.n)


def wants(goal: Goal, tally: Tally) -> bool:
    """Whether one more attempt of the cell may begin beside those in flight.

    Never more than could be needed: if all in flight succeed, the cell has its successes.
    """
    sure = tally.results if goal.fixed else tally.successes
    return (
        not reached(goal, tally)
        and sure + tally.in_flight < goal.n
        and tally.results + tally.in_flight < goal.most
    )


def next_attempt(
    run_id: str, goal: Goal, state: Mapping[Cell, Tally], fits: Callable[[Cell], bool]
) -> Attempt | None:
    """The attempt that is next in order among the cells that `fits` lets begin."""
    open_cells = [cell for cell in goal.cells if wants(goal, state[cell]) and fits(cell)]
    if not open_cells:
        return None
    cell = min(open_cells, key=lambda each: _place(goal, each, _next_trial(state[each])))
    trial = _next_trial(state[cell])
    return Attempt(run_id, cell, trial, state[cell].attempts.get(trial, 0) + 1)


def issued(tally: Tally, attempt: Attempt) -> None:
    """Count an attempt as begun."""
    if tally.again and tally.again[0] == attempt.trial:
        heapq.heappop(tally.again)
    else:
        tally.fresh = attempt.trial + 1
    tally.attempts[attempt.trial] = attempt.attempt
    tally.in_flight += 1


def came_back(tally: Tally, attempt: Attempt, ended: TrialEnded | None) -> None:
    """Count an attempt as over; without a result its trial is to begin again."""
    tally.in_flight -= 1
    if ended is not None and counts(ended):
        tally.results += 1
        tally.successes += ended.success
        return
    tally.infra += 1
    tally.tries[attempt.trial] = tally.tries.get(attempt.trial, 0) + 1
    heapq.heappush(tally.again, attempt.trial)


def _next_trial(tally: Tally) -> int:
    return tally.again[0] if tally.again else tally.fresh


def _place(goal: Goal, cell: Cell, trial: int) -> tuple[int, int]:
    return trial, _round(goal.cells, goal.seed, trial)[cell]


@cache
def _round(cells: tuple[Cell, ...], seed: int, trial: int) -> Mapping[Cell, int]:
    """The cells' places in one round."""
    shuffled = list(cells)
    random.Random(f"{seed}/{trial}").shuffle(shuffled)
    return {cell: place for place, cell in enumerate(shuffled)}
