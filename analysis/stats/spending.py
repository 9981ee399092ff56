"""What a solved task costs, the failures' money in it: one cell's resampled sums."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy

from analysis.stats.comparison import quotients
from analysis.stats.estimates import (
    FEWEST,
    NO_DATA,
    TOO_SMALL,
    Estimate,
    bounded,
    short,
    unknown,
    wilson,
)
from analysis.stats.resampling import stream, sum_draws
from analysis.stats.samples import Cell, Floats
from runner.errors import UsageError

Spent = Literal["usd", "wall_s"]
_IN_THE_LONG_RUN = "in the long run, if tries are alike"
_FEW_FAILURES = 30  # trials below which "no failure seen" says little


@dataclass(frozen=True, eq=False)
class Draws:
    """A cell's resamples: successes and the sums of USD and wall seconds over all trials.

    Sums are NaN where a trial's number is not known.
    """

    cell: Cell
    solved: Floats
    usd: Floats
    wall_s: Floats

    def per_solved(self, what: Spent) -> Floats:
        """The sum over all trials by solved task; infinite in a resample without a success."""
        spent = self.usd if what == "usd" else self.wall_s
        return numpy.where(self.solved > 0, quotients(spent, self.solved), math.inf)


@dataclass(frozen=True)
class Retry:
    """What trying again until success, at most `tries` times, leads to (None: no limit).

    `usd` is the money that is expected to be spent on a task, `solved` the chance that it is
    solved in the end, `attempts` the expected number of tries.
    """

    tries: int | None
    usd: Estimate
    solved: Estimate
    attempts: float | None


def resample(cell: Cell) -> Draws:
    """The cell's resamples of whole trials."""
    if not cell.trials:
        return Draws(cell, *(numpy.empty(0) for _ in range(3)))
    columns = numpy.vstack([cell.values["usd"], cell.values["wall_s"]])
    random = stream("trials", cell.task, cell.arm)
    sums = sum_draws(cell.success, numpy.nan_to_num(columns), random)
    sums[:, 1:][:, numpy.isnan(columns).any(axis=1)] = math.nan
    return Draws(cell, *sums.T)


def per_solved(draws: Draws, what: Spent) -> Estimate:
    """USD or wall seconds by solved task: all that was spent over the number of successes."""
    cell = draws.cell
    found = _spendable(cell, what)
    if found.note:
        return found
    total = math.fsum(cell.values[what])
    if not cell.solved:
        unit = f"${total:.2f}" if what == "usd" else f"{total:.0f} s"
        return found.noted(f"no success in {cell.trials}, {unit} spent")
    found = Estimate(total / cell.solved, n=cell.trials)
    if cell.trials < FEWEST:
        return found.noted(f"{TOO_SMALL} ({cell.trials})")
    return bounded(found, draws.per_solved(what)).noted(
        short(cell.trials), _unseen_failure(cell), _no_success(draws)
    )


def ratio(over: Draws, under: Draws) -> Estimate:
    """USD per solved task of one arm by that of another; the arms are resampled apart."""
    n = min(over.cell.trials, under.cell.trials)
    sides = (per_solved(over, "usd"), per_solved(under, "usd"))
    for draws, side in zip((over, under), sides, strict=True):
        if side.value is None:
            return Estimate(None, n=n, note=f"{draws.cell.arm}: {side.note}")
    top, bottom = (side.value or 0.0 for side in sides)
    if not bottom:
        return Estimate(None, n=n, note=f"{under.cell.arm} costs nothing")
    found = Estimate(top / bottom, n=n)
    if n < FEWEST:
        return found.noted(f"{TOO_SMALL} ({over.cell.trials} and {under.cell.trials})")
    drawn = quotients(over.per_solved("usd"), under.per_solved("usd"))
    return bounded(found, drawn).noted(short(n))


def retry(draws: Draws, tries: int | None) -> Retry:
    """Money and chance of success when a failed trial is tried again.

    Tries are taken as independent and alike. Without a limit the expected money is USD per
    solved task, by the geometric series.

    Raises:
        UsageError: fewer than one try.
    """
    cell = draws.cell
    if tries is not None and tries < 1:
        raise UsageError(f"at least one try is needed, not {tries}")
    if tries is None:
        sure = Estimate(1.0 if cell.solved else None, n=cell.trials, note=_IN_THE_LONG_RUN)
        attempts = cell.trials / cell.solved if cell.solved else None
        return Retry(None, per_solved(draws, "usd"), sure, attempts)
    rate = wilson(cell.solved, cell.trials)
    attempts = None if rate.value is None else float(_rounds(numpy.float64(rate.value), tries))
    return Retry(tries, _usd_within(draws, tries), _within(rate, tries), attempts)


def _usd_within(draws: Draws, tries: int) -> Estimate:
    cell = draws.cell
    found = _spendable(cell, "usd")
    if found.note:
        return found
    each = math.fsum(cell.values["usd"]) / cell.trials
    rounds = float(_rounds(numpy.float64(cell.solved / cell.trials), tries))
    found = Estimate(each * rounds, n=cell.trials)
    if cell.trials < FEWEST:
        return found.noted(f"{TOO_SMALL} ({cell.trials})")
    drawn = draws.usd / cell.trials * _rounds(draws.solved / cell.trials, tries)
    return bounded(found, drawn).noted(short(cell.trials), _unseen_failure(cell))


def _rounds(share: Floats | numpy.float64, tries: int) -> Floats:
    """Expected number of tries: 1 + q + ... + q**(tries - 1), with q the chance of a failure."""
    none = share == 0
    series = (1 - (1 - share) ** tries) / numpy.where(none, 1, share)
    return numpy.asarray(numpy.where(none, tries, series), dtype=numpy.float64)


def _within(rate: Estimate, tries: int) -> Estimate:
    """The chance of a success within so many tries; it grows with the rate, so its ends do too."""
    value, low, high = (
        None if share is None else 1 - (1 - share) ** tries
        for share in (rate.value, rate.low, rate.high)
    )
    return Estimate(value, low, high, rate.n, rate.note)


def _spendable(cell: Cell, what: Spent) -> Estimate:
    return unknown(cell.values[what]) if cell.trials else Estimate(None, note=NO_DATA)


def _unseen_failure(cell: Cell) -> str:
    if cell.solved < cell.trials or cell.trials >= _FEW_FAILURES:
        return ""
    hidden = 1 - (wilson(cell.solved, cell.trials).low or 0)
    return f"no failure seen: a failure rate of up to {hidden:.0%} is not in the interval"


def _no_success(draws: Draws) -> str:
    without = float((draws.solved == 0).mean())
    return f"{without:.1%} of resamples have no success: taken as infinite" if without else ""
