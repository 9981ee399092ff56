"""What a run will take, before a cent is spent: pure arithmetic over what was seen so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

from runner.config.arms import Arm
from runner.matrix.engine import Cell
from runner.matrix.schedule import Goal


@dataclass(frozen=True)
class Seen:
    """Earlier results of a cell: how many, how many solved, and their means.

    `usd` includes failures; `own_s` is seconds of the trials' own time, waits left out.
    """

    results: int
    successes: int
    usd: float
    own_s: float


@dataclass(frozen=True)
class CellPlan:
    """One cell's part. What is expected is None where nothing was seen of it yet."""

    cell: Cell
    least: int  # attempts, if each goes well
    most: int
    worst_usd: float  # every attempt spends all that its arm's limit allows
    attempts: float | None
    usd: float | None
    own_s: float | None


@dataclass(frozen=True)
class Plan:
    """A run's cells and their sums; seconds are of the clock, with `jobs` side by side."""

    cells: tuple[CellPlan, ...]
    worst_usd: float
    usd: float | None
    seconds: float | None


def expected_attempts(goal: Goal, rate: float) -> float:
    """How many results a cell takes on average when each is solved with probability `rate`.

    With T the trial of the n-th success, E[min(T, most)] is the sum of P(T > k) over k < most,
    and T > k when k trials hold fewer than n successes (the negative binomial distribution).
    """
    if goal.fixed:
        return float(goal.n)
    return sum(
        sum(comb(k, s) * rate**s * (1 - rate) ** (k - s) for s in range(min(goal.n, k + 1)))
        for k in range(goal.most)
    )


def plan(
    goal: Goal,
    arms: Mapping[str, Arm],
    seen: Mapping[Cell, Seen],
    *,
    jobs: int,
    local_places: int,
    budget_usd: float | None,
) -> Plan:
    """The plan of a run from its beginning; `seen` holds the cells of which there are results."""
    cells = tuple(_cell(goal, arms[cell.arm], cell, seen.get(cell)) for cell in goal.cells)
    worst = sum(each.worst_usd for each in cells)
    return Plan(
        cells,
        worst if budget_usd is None else min(worst, budget_usd),
        _total([each.usd for each in cells]),
        _seconds(cells, arms, jobs, local_places),
    )


def _cell(goal: Goal, arm: Arm, cell: Cell, seen: Seen | None) -> CellPlan:
    worst = goal.most * arm.limits.usd
    if seen is None or not seen.results:
        return CellPlan(cell, goal.n, goal.most, worst, None, None, None)
    attempts = expected_attempts(goal, seen.successes / seen.results)
    return CellPlan(
        cell, goal.n, goal.most, worst, attempts, attempts * seen.usd, attempts * seen.own_s
    )


def _seconds(
    cells: tuple[CellPlan, ...], arms: Mapping[str, Arm], jobs: int, local_places: int
) -> float | None:
    """At best evenly spread over the jobs; those with a local model take turns on its places."""
    whole = _total([each.own_s for each in cells])
    local = _total([each.own_s for each in cells if arms[each.cell.arm].local_models])
    if whole is None or local is None:
        return None
    return max(whole / jobs, local / local_places)


def _total(amounts: list[float | None]) -> float | None:
    known = [each for each in amounts if each is not None]
    return sum(known) if len(known) == len(amounts) else None
