"""An answer with its doubt: a value, its interval, the n it rests on, and what to beware of."""

import math
from dataclasses import dataclass, replace

import numpy
from scipy import stats

from analysis.stats.resampling import interval, median_draws, stream
from analysis.stats.samples import Floats

FEWEST = 3  # below that an interval would look surer than anyone can be
COVERED = 6  # from here on the range of n values covers the median at least 95 % of the time
HONEST = 10  # from here on a resampled interval of a sum covers some 90 % or more
TOO_SMALL = "n too small"
NO_DATA = "no data"
ALL_EQUAL = "all values are equal"


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval, in the unit of what is estimated.

    `value` is None where there is none (`note` says why), `low` and `high` are None where no
    interval can be given, and `high` is infinite where there is no upper limit.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""

    def noted(self, *notes: str) -> "Estimate":
        """The same with more notes."""
        return replace(self, note="; ".join(note for note in (self.note, *notes) if note))


def wilson(successes: int, trials: int) -> Estimate:
    """A share (0 to 1) with its Wilson score interval."""
    if not trials:
        return Estimate(None, note=NO_DATA)
    share = successes / trials
    if trials < FEWEST:
        return Estimate(share, n=trials, note=f"{TOO_SMALL} ({trials})")
    limits = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    return Estimate(share, float(limits.low), float(limits.high), trials)


def median(values: Floats, *names: str) -> Estimate:
    """The median with its percentile bootstrap interval; `names` pick the random stream."""
    missing = unknown(values)
    if missing.note:
        return missing
    found = Estimate(float(numpy.median(values)), n=len(values))
    if len(values) < FEWEST:
        return found.noted(f"{TOO_SMALL} ({len(values)})")
    return bounded(found, median_draws(numpy.sort(values), stream("median", *names))).noted(
        coverage(len(values))
    )


def quartiles(values: Floats) -> tuple[float, float] | None:
    """Lower and upper quartile (linear interpolation); None where n < 3 or a value is unknown."""
    if len(values) < FEWEST or unknown(values).note:
        return None
    low, high = numpy.percentile(values, (25, 75))
    return float(low), float(high)


def unknown(values: Floats) -> Estimate:
    """An `Estimate` without a value; its note is empty if all values are there and known."""
    missing = int(numpy.isnan(values).sum())
    if not len(values):
        return Estimate(None, note=NO_DATA)
    return Estimate(
        None, n=len(values), note=f"not known for {missing} of {len(values)}" if missing else ""
    )


def bounded(found: Estimate, draws: Floats) -> Estimate:
    """`found` with the interval that its resampled values give, if they say anything.

    NaN draws are undetermined: they count as below the low end and as above the high end.
    """
    low, high = interval(draws)
    if low == high and found.n < COVERED:
        return found.noted(f"{ALL_EQUAL}: resampling can't show a spread")
    return replace(found, low=low, high=high)


def coverage(n: int) -> str:
    """The warning that goes with a median's interval over `n` values, if one is due."""
    if n >= COVERED:
        return ""
    # Both ends miss the median when all n values lie on one side of it: 2 in 2**n.
    return f"n = {n}: the range of {n} values covers the median {1 - 2 ** (1 - n):.0%} of the time"


def short(n: int) -> str:
    """The warning that goes with any other resampled interval over `n` trials, if one is due."""
    return f"n = {n}: covers less than 95% (docs/statistics.md)" if n < HONEST else ""


def finite(number: float) -> float | None:
    """The number, or None for NaN and infinities."""
    return number if math.isfinite(number) else None
