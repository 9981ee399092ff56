"""Seeded bootstrap draws in bounded memory, whatever the number of trials.

All draws come from streams that are picked by name, so a cell's figures do not depend on which
other cells are looked at, and two cells never share their draws (that would pair their trials).
"""

import math
import zlib
from collections.abc import Iterator

import numpy

from analysis.stats.samples import Flags, Floats

RESAMPLES = 10_000
SEED = 1
DIRECT = 300  # more trials than this in a cell: sums come from their normal limit
_AT_ONCE = 1_000_000  # numbers drawn at a time: bounds the memory


def stream(*names: str) -> numpy.random.RandomState:
    """The random numbers that belong to these names, the same on every machine."""
    # RandomState's streams are frozen for good; default_rng's may change between versions.
    return numpy.random.RandomState([SEED, zlib.crc32("\0".join(names).encode())])


def median_draws(ordered: Floats, random: numpy.random.RandomState) -> Floats:
    """Medians of `RESAMPLES` resamples of a sorted sample.

    Resampling means drawing n ranks, each floor(n * uniform); the middle one of n uniform
    numbers has a Beta distribution, so it is drawn itself, not the n numbers: the same law at a
    cost that does not grow with n.
    """
    n = len(ordered)
    middle = (n + 1) // 2
    lower = random.beta(middle, n - middle + 1, RESAMPLES)
    if n % 2:
        return ordered[_ranks(lower, n)]
    # The next one up is the smallest of the n/2 uniform numbers that lie above the middle one.
    upper = 1 - (1 - lower) * random.random_sample(RESAMPLES) ** (1 / (n - middle))
    return (ordered[_ranks(lower, n)] + ordered[_ranks(upper, n)]) / 2


def sum_draws(success: Flags, columns: Floats, random: numpy.random.RandomState) -> Floats:
    """Sums over resampled trials: rows are resamples; successes first, then each column.

    `columns` has one row per quantity and one place per trial.
    """
    n = len(success)
    table = numpy.vstack([success.astype(numpy.float64), columns])
    if n > DIRECT:
        return _normal_limit(success, columns, random)
    parts = []
    for count in _batches(max(1, _AT_ONCE // n)):
        picked = random.randint(0, n, (count, n), dtype=numpy.uint16)
        parts.append(numpy.stack([column[picked].sum(axis=1) for column in table], axis=1))
    return numpy.concatenate(parts)


def interval(draws: Floats, share: float = 0.95) -> tuple[float, float]:
    """Low and high percentile of a quantity that is never negative, rounded outwards to a draw.

    NaN is undetermined and counts against both ends: as 0 for the low, as infinite for the high.
    """
    tail = (1 - share) / 2 * (len(draws) - 1)
    first, last = math.floor(tail), math.ceil(len(draws) - 1 - tail)
    low = numpy.partition(numpy.where(numpy.isnan(draws), 0, draws), first)[first]
    high = numpy.partition(numpy.where(numpy.isnan(draws), math.inf, draws), last)[last]
    return float(low), float(high)


def _normal_limit(success: Flags, columns: Floats, random: numpy.random.RandomState) -> Floats:
    """As `sum_draws`, with the number of successes exact and the sums given it normal.

    Past 300 trials the limit moves an interval's end by a few percent of its half width even
    for very skewed costs (skewness / sqrt(n)), about what the luck of 10,000 draws does.
    """
    n = len(success)
    solved = random.binomial(n, success.mean(), RESAMPLES).astype(numpy.float64)
    sums = numpy.zeros((RESAMPLES, len(columns)))
    for group, count in ((success, solved), (~success, n - solved)):
        if group.any():
            values = columns[:, group]
            root = _root(numpy.atleast_2d(numpy.cov(values, bias=True)))
            noise = random.standard_normal((RESAMPLES, len(columns))) @ root.T
            sums += count[:, None] * values.mean(axis=1) + numpy.sqrt(count)[:, None] * noise
    return numpy.column_stack([solved, numpy.maximum(sums, 0)])


def _root(covariance: Floats) -> Floats:
    # By eigenvalues, because a column without spread has no Cholesky factor.
    sizes, directions = numpy.linalg.eigh(covariance)
    return numpy.asarray(directions * numpy.sqrt(numpy.maximum(sizes, 0)), dtype=numpy.float64)


def _ranks(uniform: Floats, n: int) -> numpy.typing.NDArray[numpy.int64]:
    return numpy.minimum((uniform * n).astype(numpy.int64), n - 1)


def _batches(size: int) -> Iterator[int]:
    for start in range(0, RESAMPLES, size):
        yield min(size, RESAMPLES - start)
