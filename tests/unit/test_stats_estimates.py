import math

import numpy
import pytest
from scipy import stats

from analysis.stats.estimates import coverage, median, quartiles, wilson
from analysis.stats.resampling import DIRECT, interval, median_draws, stream, sum_draws
from runner.ledger.intervals import median_interval

SKEWED = numpy.sort(numpy.random.RandomState(7).lognormal(size=40))


def array(*values: float) -> numpy.ndarray[tuple[int], numpy.dtype[numpy.float64]]:
    return numpy.array(values, dtype=numpy.float64)


# ---- too little -------------------------------------------------------------------------


def test_nothing_gives_no_data() -> None:
    for found in (median(array()), wilson(0, 0)):
        assert (found.value, found.low, found.high, found.note) == (None, None, None, "no data")
    assert quartiles(array()) is None


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_values_have_no_interval(n: int) -> None:
    for found in (median(array(*range(n))), wilson(n, n)):
        assert found.value is not None
        assert (found.low, found.high) == (None, None)
        assert f"n too small ({n})" in found.note
    assert quartiles(array(*range(n))) is None


def test_an_unknown_value_makes_the_median_unknown() -> None:
    found = median(array(1, 2, math.nan, 3))
    assert (found.value, found.note) == (None, "not known for 1 of 4")
    assert quartiles(array(1, 2, math.nan, 3)) is None


def test_a_few_equal_values_have_no_interval_that_looks_sure() -> None:
    found = median(array(2, 2, 2))
    assert (found.value, found.low, found.high) == (2, None, None)
    assert "all values are equal" in found.note


def test_many_equal_values_have_one() -> None:
    found = median(array(*[2] * 6))
    assert (found.low, found.high) == (2, 2)


# ---- the median -------------------------------------------------------------------------


def test_the_interval_of_three_values_is_their_range_and_says_what_it_covers() -> None:
    found = median(array(5, 1, 2))
    assert (found.value, found.low, found.high) == (2, 1, 5)
    assert "75%" in found.note
    assert "75%" in coverage(3)
    assert coverage(6) == ""


@pytest.mark.parametrize("n", [3, 4, 5, 9, 10, 40])
def test_the_interval_is_that_of_drawing_every_value(n: int) -> None:
    """The ledger's intervals draw all n values of every resample."""
    sample = SKEWED[:n]
    low, high = median_interval(sample) or (0, 0)
    found = median(sample)
    assert found.low == pytest.approx(low, rel=0.02)
    assert found.high == pytest.approx(high, rel=0.02)


@pytest.mark.parametrize("n", [3, 4, 9, 10])
def test_medians_follow_the_binomial_law_of_resampling(n: int) -> None:
    """For odd n the middle is at most rank k if at least (n + 1) / 2 draws are."""
    draws = median_draws(numpy.arange(1.0, n + 1), stream("law"))
    for rank in range(1, n):
        share = stats.binom.sf(n // 2, n, rank / n)
        if n % 2:
            assert (draws <= rank).mean() == pytest.approx(share, abs=0.02)
        else:  # both middle ranks are at most k
            assert (draws <= rank).mean() >= share - 0.02
    assert draws.mean() == pytest.approx((n + 1) / 2, abs=0.05)


def test_medians_of_even_samples_agree_with_scipys_bootstrap() -> None:
    sample = SKEWED[10:20]
    theirs = stats.bootstrap(
        (sample,), numpy.median, n_resamples=20_000, method="percentile", rng=1
    )
    ours = median_draws(sample, stream("even"))
    for share in (10, 25, 50, 75, 90):
        expected = numpy.percentile(theirs.bootstrap_distribution, share)
        assert numpy.percentile(ours, share) == pytest.approx(expected, rel=0.03)


def test_the_same_values_have_the_same_interval_and_names_pick_the_draws() -> None:
    assert median(SKEWED, "A") == median(SKEWED[::-1].copy(), "A")
    one, other = (median_draws(SKEWED, stream(name)) for name in "AB")
    assert (one != other).any()


def test_quartiles_are_linear() -> None:
    assert quartiles(array(1, 2, 3, 4)) == (1.75, 3.25)


# ---- success rates ----------------------------------------------------------------------


def test_wilson_is_the_published_example() -> None:
    """Newcombe 1998, table I: 81 of 263, and 0 of 20, by the score method."""
    found = wilson(81, 263)
    assert (f"{found.low:.4f}", f"{found.high:.4f}") == ("0.2553", "0.3662")
    found = wilson(0, 20)
    assert (f"{found.low:.4f}", f"{found.high:.4f}") == ("0.0000", "0.1611")


# ---- sums -------------------------------------------------------------------------------


def test_percentiles_go_outwards_and_take_the_undetermined_against_us() -> None:
    draws = numpy.arange(1.0, 101.0)
    assert interval(draws) == (3, 98)
    assert interval(numpy.where(draws > 50, math.nan, draws)) == (0, math.inf)
    assert interval(numpy.where(draws > 90, math.inf, draws)) == (3, math.inf)


def test_sums_have_the_mean_and_spread_of_resampling() -> None:
    success = numpy.arange(40) % 4 > 0
    draws = sum_draws(success, SKEWED[None, :], stream("sums"))
    assert draws.shape == (10_000, 2)
    assert draws[:, 0].mean() == pytest.approx(30, rel=0.01)
    assert draws[:, 0].std() == pytest.approx(math.sqrt(40 * 0.75 * 0.25), rel=0.03)
    assert draws[:, 1].mean() == pytest.approx(SKEWED.sum(), rel=0.02)
    assert draws[:, 1].std() == pytest.approx(SKEWED.std() * math.sqrt(40), rel=0.03)


def test_beyond_the_direct_limit_the_intervals_are_still_those_of_scipys_bootstrap() -> None:
    random = numpy.random.RandomState(3)
    usd, success = random.lognormal(size=DIRECT + 100), random.random_sample(DIRECT + 100) < 0.8
    draws = sum_draws(success, usd[None, :], stream("many"))

    def ratio(costs: numpy.ndarray, good: numpy.ndarray, axis: int) -> numpy.ndarray:
        return numpy.asarray(costs.sum(axis=axis) / good.sum(axis=axis))

    theirs = stats.bootstrap(
        (usd, success), ratio, paired=True, vectorized=True, batch=500, method="percentile", rng=1
    ).confidence_interval
    low, high = interval(draws[:, 1] / draws[:, 0])
    width = theirs.high - theirs.low
    assert low == pytest.approx(theirs.low, abs=0.05 * width)
    assert high == pytest.approx(theirs.high, abs=0.05 * width)


def test_a_column_without_spread_and_a_cell_without_success_have_sums_too() -> None:
    n = DIRECT + 1
    for success in (numpy.zeros(n, dtype=bool), numpy.ones(n, dtype=bool)):
        draws = sum_draws(success, numpy.ones((2, n)), stream("flat"))
        assert numpy.allclose(draws[:, 1:], n)
        assert (draws[:, 0] == success.sum()).all()
