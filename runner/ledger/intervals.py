"""How sure a median is: 95 % percentile bootstrap."""

from collections.abc import Sequence
from typing import Any

from runner.ledger.arrays import numpy

RESAMPLES = 10_000
FEWEST = 3  # below that an interval would look surer than anyone can be
LARGE = 200  # above this many values the resamples' medians are drawn without the resamples
_SEED = 1
_AT_ONCE = 1_000_000  # numbers drawn at a time: bounds the memory


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Low and high end of the median's 95 % interval, in the values' unit.

    The same values give the same interval on every machine. None for fewer than 3 values.
    """
    if len(values) < FEWEST:
        return None
    sample = numpy().sort(numpy().asarray(values, dtype=float))
    # RandomState's stream is frozen for good; default_rng's may change between versions.
    random = numpy().random.RandomState(_SEED)
    draw = drawn_medians if len(sample) > LARGE else resampled_medians
    low, high = numpy().percentile(draw(sample, random), (2.5, 97.5))
    return float(low), float(high)


def resampled_medians(sample: Any, random: Any) -> Any:
    """Medians of resamples of a sorted sample, each resample really made: O(resamples x n)."""
    rows = max(1, _AT_ONCE // len(sample))
    medians = [
        numpy().median(sample[random.randint(0, len(sample), (count, len(sample)))], axis=1)
        for count in _batches(RESAMPLES, rows)
    ]
    return numpy().concatenate(medians)


def drawn_medians(sample: Any, random: Any) -> Any:
    """Medians of resamples of a sorted sample, by their exact distribution: O(resamples).

    A resample's values are `sample[floor(n * u)]` for n uniform numbers u, and since the sample
    is sorted its k-th smallest value belongs to the k-th smallest of them, U(k). So only that
    one has to be drawn: U(k) has the distribution Beta(k, n - k + 1), and given U(k) the
    n - k numbers above it are uniform on (U(k), 1), whose smallest is U(k + 1) (David and
    Nagaraja, Order Statistics, 3rd edition, sections 2.1 to 2.5).
    """
    n = len(sample)
    k = (n + 1) // 2
    lower = random.beta(k, n - k + 1, RESAMPLES)
    medians = sample[_indices(lower, n)]
    if n % 2:
        return medians
    smallest = 1 - random.random_sample(RESAMPLES) ** (1 / (n - k))
    upper = lower + (1 - lower) * smallest
    return (medians + sample[_indices(upper, n)]) / 2


def _indices(uniforms: Any, n: int) -> Any:
    return numpy().minimum((uniforms * n).astype(int), n - 1)


def _batches(total: int, size: int) -> list[int]:
    whole, rest = divmod(total, size)
    return [size] * whole + ([rest] if rest else [])
