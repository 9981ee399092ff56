"""What a run will take, before a cent is spent: pure arithmetic over what was seen so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, lgamma, log, log1p

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
    worst_usd: float  # every result costs all that its arm's limit allows
    attempts: float | None
    usd: float | None
    own_s: float | None


@dataclass(frozen=True)
class Plan:
    """A run's cells and their sums; seconds are of the clock, with `jobs` side by side.

    `results_usd` is every result at its arm's limit. Attempts that are no result, such as those
    that a kill cut off, come on top, in every session: no sum bounds them, only a budget does.
    """

    cells: tuple[CellPlan, ...]
    results_usd: float
    worst_usd: float | None
    usd: float | None
    seconds: float | None


def expected_attempts(goal: Goal, rate: float) -> float:
    """How many results a cell takes on average when each is solved with probability `rate`.

    The trial T of the n-th success has the negative binomial distribution,
    P(T = t) = C(t - 1, n - 1) rate^n (1 - rate)^(t - n); this is E[min(T, most)].
    """
    if goal.fixed or rate >= 1:
        return float(goal.n)
    if rate <= 0:
        return float(goal.most)
    chances = {t: _chance(t, goal.n, rate) for t in range(goal.n, goal.most + 1)}
    reached = sum(chances.values())
    return sum(t * chance for t, chance in chances.items()) + goal.most * (1 - reached)


def _chance(t: int, n: int, rate: float) -> float:
    """P(T = t), by logarithms: the powers alone would vanish for large n."""
    ways = lgamma(t) - lgamma(n) - lgamma(t - n + 1)
    return exp(ways + n * log(rate) + (t - n) * log1p(-rate))


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
    return Plan(
        cells,
        sum(each.worst_usd for each in cells),
        budget_usd,
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
