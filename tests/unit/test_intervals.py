import numpy
import pytest
from scipy import stats

from runner.ledger.intervals import (
    LARGE,
    RESAMPLES,
    drawn_medians,
    median_interval,
    resampled_medians,
)

SKEWED = numpy.sort(numpy.random.RandomState(5).lognormal(size=401))


@pytest.mark.parametrize("sample", [[], [1.0], [1.0, 2.0]])
def test_fewer_than_three_values_have_no_interval(sample: list[float]) -> None:
    assert median_interval(sample) is None


def test_an_interval_is_the_bootstraps_whatever_the_order() -> None:
    # Of nine values the resampled median is at most the second smallest with p = 0.033, at most
    # the smallest with p = 0.001 (binomial): the 2.5 % point is the second.
    assert median_interval([5, 1, 9, 3, 7, 2, 8, 4, 6]) == (2.0, 8.0)
    assert median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9]) == (2.0, 8.0)
    assert median_interval([4, 4, 4]) == (4.0, 4.0)


@pytest.mark.parametrize("n", [3, 4, 9, 10, 200, 201, 400, 401])
def test_drawing_a_median_is_the_same_as_resampling(n: int) -> None:
    """Two samples of 10,000 of one distribution differ by less than the 0.1 % limit."""
    sample = SKEWED[:: len(SKEWED) // n][:n]
    drawn = drawn_medians(sample, numpy.random.RandomState(3))
    resampled = resampled_medians(sample, numpy.random.RandomState(4))
    limit = 1.95 * (2 / RESAMPLES) ** 0.5
    assert stats.ks_2samp(drawn, resampled).statistic < limit


@pytest.mark.parametrize("n", [9, 10])
def test_a_median_drawn_of_the_wrong_size_would_be_noticed(n: int) -> None:
    limit = 1.95 * (2 / RESAMPLES) ** 0.5
    drawn = drawn_medians(SKEWED[:n], numpy.random.RandomState(3))
    resampled = resampled_medians(SKEWED[: n + 1], numpy.random.RandomState(4))
    assert stats.ks_2samp(drawn, resampled).statistic > limit


@pytest.mark.parametrize("n", [LARGE + 1, LARGE + 2, 1001, 100_000])
def test_a_large_samples_interval_is_as_wide_as_theory_says(n: int) -> None:
    found = median_interval([float(value) for value in range(n)])
    assert found
    half = 1.96 * n**0.5 / 2  # standard errors of a uniform sample's median
    assert found[0] == pytest.approx((n - 1) / 2 - half, abs=0.05 * half + 1)
    assert found[1] == pytest.approx((n - 1) / 2 + half, abs=0.05 * half + 1)
