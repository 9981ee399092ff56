"""All statistics of a set of trials in one structure: what reports, screens and tests read."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy

from analysis.stats.comparison import Comparison, compare, with_holm
from analysis.stats.estimates import Estimate, median, quartiles, wilson
from analysis.stats.pareto import AXES, Pareto, pareto
from analysis.stats.samples import METRICS, Cell, Metric, TrialRow, cells
from analysis.stats.spending import Draws, Retry, per_solved, ratio, resample, retry
from runner.types import ProviderKind

RETRIES = (3, None)  # tries shown for every cell; None is "until success"


@dataclass(frozen=True)
class Spread:
    """One metric over the successes that ended by themselves. Quartiles are None where n < 3."""

    median: Estimate
    quartiles: tuple[float, float] | None


@dataclass(frozen=True)
class CellAnswer:
    """One arm on one task.

    `trials` are results; `void` ones (infra, failed starts) are only counted, and `void_usd` is
    what they spent. `censored` trials met a cap; `censored_solved` of them were successes all
    the same. `usd_per_rate` is the published experiment's "cost / success rate".
    """

    arm: str
    task: str
    trials: int
    solved: int
    censored: int
    censored_solved: int
    void: int
    void_usd: float | None
    success: Estimate
    total_usd: float | None
    usd_per_solved: Estimate
    wall_s_per_solved: Estimate
    usd_per_rate: float | None
    metrics: Mapping[Metric, Spread]
    retries: tuple[Retry, ...]

    @property
    def failed(self) -> int:
        """Trials that were results and no successes."""
        return self.trials - self.solved


@dataclass(frozen=True)
class Ratio:
    """How many times as much USD per solved task `over` costs as `under`."""

    over: str
    under: str
    ratio: Estimate

    @property
    def settled(self) -> bool:
        """Whether the interval leaves out 1, on either side."""
        low, high = self.ratio.low, self.ratio.high
        return low is not None and high is not None and (low > 1 or high < 1)


@dataclass(frozen=True)
class Rank:
    """A place in the order of USD per solved task.

    `cheapest` is the share of resamples in which the arm is the cheapest that solved anything
    (ties are shared) and whose cost is known. None where one of them has no interval: `note` says
    which and why.
    """

    arm: str
    usd_per_solved: Estimate
    cheapest: float | None
    note: str = ""


@dataclass(frozen=True)
class TaskAnswer:
    """All about one task. Arms without USD per solved task come last in `ranking`."""

    task: str
    cells: tuple[CellAnswer, ...]
    ranking: tuple[Rank, ...]
    ratios: tuple[Ratio, ...]
    comparisons: tuple[Comparison, ...]
    paretos: tuple[Pareto, ...]

    def cell(self, arm: str) -> CellAnswer:
        """The arm's cell; KeyError when the arm did not try this task."""
        for found in self.cells:
            if found.arm == arm:
                return found
        raise KeyError(arm)

    def comparison(self, metric: Metric, left: str, right: str) -> Comparison:
        """The comparison of two arms in their alphabetical order; KeyError when there is none."""
        for found in self.comparisons:
            if (found.metric, found.left, found.right) == (metric, left, right):
                return found
        raise KeyError((metric, left, right))


@dataclass(frozen=True)
class Answers:
    """All tasks, and where the trials came from."""

    tasks: tuple[TaskAnswer, ...]
    kinds: tuple[ProviderKind, ...]
    trials: int
    total_usd: float | None

    def task(self, name: str) -> TaskAnswer:
        """The task's answers; KeyError when nobody tried it."""
        for found in self.tasks:
            if found.task == name:
                return found
        raise KeyError(name)


def analyse(rows: Iterable[TrialRow]) -> Answers:
    """Everything that is reckoned from trials; the order of the rows does not matter.

    Holm's family is all comparisons of one metric, over all tasks.
    """
    taken = tuple(rows)
    by_task: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell in cells(taken):
        by_task[cell.task].append(cell)
    compared = _comparisons(by_task)
    spent = [row.usd for row in taken]
    return Answers(
        tuple(_task(task, found, compared[task]) for task, found in by_task.items()),
        tuple(sorted({row.provider_kind for row in taken})),
        len(taken),
        None if None in spent else math.fsum(usd or 0 for usd in spent),
    )


def _comparisons(by_task: Mapping[str, Sequence[Cell]]) -> Mapping[str, list[Comparison]]:
    grouped: defaultdict[str, list[Comparison]] = defaultdict(list)
    for metric in METRICS:
        family = [
            compare(task, metric, (a.arm, a.completed(metric)), (b.arm, b.completed(metric)))
            for task, found in by_task.items()
            for a, b in combinations(found, 2)
        ]
        for comparison in with_holm(family):
            grouped[comparison.task].append(comparison)
    return grouped


def _task(task: str, found: Sequence[Cell], compared: Sequence[Comparison]) -> TaskAnswer:
    drawn = {cell.arm: resample(cell) for cell in found}
    answers = tuple(_cell(draws) for draws in drawn.values())
    ranking = _ranking(answers, drawn)
    priced = [drawn[rank.arm] for rank in ranking if rank.usd_per_solved.value is not None]
    return TaskAnswer(
        task,
        answers,
        ranking,
        tuple(
            Ratio(over.cell.arm, under.cell.arm, ratio(over, under))
            for under, over in combinations(priced, 2)
        ),
        tuple(compared),
        tuple(pareto(task, axes, tuple(drawn.values())) for axes in AXES),
    )


def _cell(draws: Draws) -> CellAnswer:
    cell = draws.cell
    usd = cell.values["usd"]
    metrics = {metric: _spread(cell, metric) for metric in METRICS}
    middle = metrics["usd"].median.value
    return CellAnswer(
        cell.arm,
        cell.task,
        trials=cell.trials,
        solved=cell.solved,
        censored=int(cell.censored.sum()),
        censored_solved=int((cell.censored & cell.success).sum()),
        void=cell.void,
        void_usd=cell.void_usd,
        success=wilson(cell.solved, cell.trials),
        total_usd=None if numpy.isnan(usd).any() else math.fsum(usd),
        usd_per_solved=per_solved(draws, "usd"),
        wall_s_per_solved=per_solved(draws, "wall_s"),
        usd_per_rate=None if middle is None else middle * cell.trials / cell.solved,
        metrics=metrics,
        retries=tuple(retry(draws, tries) for tries in RETRIES),
    )


def _spread(cell: Cell, metric: Metric) -> Spread:
    values = cell.completed(metric)
    return Spread(median(values, cell.task, cell.arm, metric), quartiles(values))


def _ranking(found: Sequence[CellAnswer], drawn: Mapping[str, Draws]) -> tuple[Rank, ...]:
    def place(cell: CellAnswer) -> tuple[float, str]:
        value = cell.usd_per_solved.value
        return (math.inf if value is None else value, cell.arm)

    ordered = sorted(found, key=place)
    priced = [c for c in ordered if c.usd_per_solved.value is not None]
    usable = [c.arm for c in priced if c.usd_per_solved.low is not None]
    without = [f"{c.arm}: {c.usd_per_solved.note}" for c in priced if c.arm not in usable]
    note = "; ".join(without)
    shares: dict[str, float] = {}
    if usable and not without:
        table = numpy.stack([drawn[arm].per_solved("usd") for arm in usable])
        best = (table == table.min(axis=0)) & numpy.isfinite(table)
        won = best / numpy.maximum(best.sum(axis=0), 1)
        shares = dict(zip(usable, (float(share) for share in won.mean(axis=1)), strict=True))
    return tuple(Rank(c.arm, c.usd_per_solved, shares.get(c.arm), note) for c in ordered)
