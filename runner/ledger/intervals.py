"""How sure a median is: 95 % percentile bootstrap of a small sample."""

from collections.abc import Sequence

import numpy

RESAMPLES = 10_000
FEWEST = 3  # below that an interval would look surer than anyone can be
_SEED = 1
_AT_ONCE = 1_000_000  # numbers drawn at a time: bounds the memory


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Low and high end of the median's 95 % interval, in the values' unit.

    The same values give the same interval on every machine. None for fewer than 3 values.
    """
    if len(values) < FEWEST:
        return None
    sample = numpy.sort(numpy.asarray(values, dtype=float))
    # RandomState's stream is frozen for good; default_rng's may change between versions.
    random = numpy.random.RandomState(_SEED)
    rows = max(1, _AT_ONCE // len(sample))
    medians = [
        numpy.median(sample[random.randint(0, len(sample), (count, len(sample)))], axis=1)
        for count in _batches(RESAMPLES, rows)
    ]
    low, high = numpy.percentile(numpy.concatenate(medians), (2.5, 97.5))
    return float(low), float(high)


def _batches(total: int, size: int) -> list[int]:
    whole, rest = divmod(total, size)
    return [size] * whole + ([rest] if rest else [])
