import math
from collections.abc import Sequence

import numpy
import pytest
from scipy import stats
from stats_samples import cell, only, row

from analysis.stats.samples import Cell, Floats
from analysis.stats.spending import per_solved, ratio, resample, retry
from runner.errors import UsageError

VOID = only([row(1, void=True)])
COSTS = numpy.random.RandomState(4).lognormal(size=24).tolist()


def tried(cell: Cell, tries: int | None) -> tuple[float | None, float | None, float | None]:
    found = retry(resample(cell), tries)
    return found.usd.value, found.solved.value, found.attempts


# ---- too little -------------------------------------------------------------------------


def test_without_a_result_nothing_is_known() -> None:
    draws = resample(VOID)
    for found in (per_solved(draws, "usd"), per_solved(draws, "wall_s"), retry(draws, 3).usd):
        assert (found.value, found.low, found.note) == (None, None, "no data")
    assert tried(VOID, None) == tried(VOID, 3) == (None, None, None)


def test_without_a_success_there_is_no_cost_per_solved_task_but_money_is_gone() -> None:
    found = per_solved(resample(cell([1, 2, 3], 0)), "usd")
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.note == "no success in 3, $6.00 spent"


def test_an_unknown_cost_is_not_left_out_of_the_sum() -> None:
    draws = resample(cell([1, None, 3, 4]))
    for found in (per_solved(draws, "usd"), retry(draws, 2).usd):
        assert (found.value, found.note) == (None, "not known for 1 of 4")
    assert per_solved(draws, "wall_s").value == 10


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_trials_have_no_interval(n: int) -> None:
    draws = resample(cell([1.0] * n))
    for found in (per_solved(draws, "usd"), retry(draws, 2).usd, retry(draws, 2).solved):
        assert found.value == 1
        assert (found.low, found.high) == (None, None)
        assert "n too small" in found.note


def test_equal_costs_have_no_interval_that_looks_sure() -> None:
    found = per_solved(resample(cell([2, 2, 2])), "usd")
    assert (found.value, found.low) == (2, None)
    assert "all values are equal" in found.note


# ---- USD per solved task ----------------------------------------------------------------


def test_the_failures_money_is_in_it() -> None:
    found = per_solved(resample(cell([1, 2, 3, 10], 3)), "usd")
    assert found.value == pytest.approx(16 / 3)


def test_a_success_at_the_cap_counts_in_money_and_number() -> None:
    rows = [row(1), row(2), row(9, status="cap", success=True)]
    assert per_solved(resample(only(rows)), "usd").value == 4


def test_resamples_without_a_success_leave_no_upper_limit_and_say_so() -> None:
    found = per_solved(resample(cell([1, 2, 3], 1)), "usd")
    assert found.value == 6
    assert found.low is not None
    assert found.high == math.inf
    share = float(found.note.split("%")[1].split()[-1])
    assert share == pytest.approx(100 * (2 / 3) ** 3, abs=1.5)


def test_where_no_failure_was_seen_the_hidden_rate_is_named() -> None:
    """Wilson's limit for 3 of 3 is 0.4385."""
    found = per_solved(resample(cell([1, 2, 3])), "usd")
    assert "no failure seen: a failure rate of up to 56%" in found.note


def test_the_interval_is_that_of_scipys_bootstrap_of_trials() -> None:
    solved = numpy.arange(24) < 18

    def statistic(usd: Floats, good: Floats, axis: int) -> Floats:
        return numpy.asarray(usd.sum(axis=axis) / good.sum(axis=axis))

    theirs = stats.bootstrap(
        (COSTS, solved), statistic, paired=True, method="percentile", rng=1
    ).confidence_interval
    found = per_solved(resample(cell(COSTS, 18)), "usd")
    assert found.low == pytest.approx(theirs.low, rel=0.02)
    assert found.high == pytest.approx(theirs.high, rel=0.02)


# ---- ratios -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("costs", "solved", "note"),
    [((1, 2, 3), 0, "B: no success"), ((1, None, 2), 3, "B: not known"), ((0, 0, 0), 3, "B costs")],
)
def test_a_ratio_over_nothing_is_none(
    costs: Sequence[float | None], solved: int, note: str
) -> None:
    found = ratio(resample(cell([1, 2, 3])), resample(cell(costs, solved, arm="B")))
    assert found.value is None
    assert found.note.startswith(note)


def test_a_ratio_of_two_trials_has_no_interval() -> None:
    found = ratio(resample(cell([2, 4])), resample(cell([1, 2, 3], arm="B")))
    assert (found.value, found.low, found.high) == (1.5, None, None)


def test_if_both_arms_may_fail_wholly_their_ratio_has_no_limits() -> None:
    found = ratio(resample(cell([1, 2, 3], 1)), resample(cell([1, 2, 3], 1, arm="B")))
    assert (found.value, found.low, found.high) == (1, 0, math.inf)


def test_arms_are_resampled_apart() -> None:
    """Drawn alike, equal arms would have a ratio of exactly 1 in every resample."""
    found = ratio(resample(cell(COSTS)), resample(cell(COSTS, arm="B")))
    assert found.value == 1
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.9
    assert found.high > 1.1


# ---- trying again -----------------------------------------------------------------------


@pytest.mark.parametrize("tries", [0, -1])
def test_at_least_one_try_is_needed(tries: int) -> None:
    with pytest.raises(UsageError):
        retry(resample(cell([1, 2, 3])), tries)


def test_without_a_limit_the_expected_money_is_that_per_solved_task() -> None:
    usd, solved, attempts = tried(cell([1, 2, 3, 10], 3), None)
    assert (usd, solved, attempts) == (pytest.approx(16 / 3), 1, pytest.approx(4 / 3))


def test_with_a_limit_it_is_the_sum_over_all_ways_it_can_go() -> None:
    """Successes cost 2 on average, failures 10; one trial in four fails."""
    ways = [(0.75, 2), (0.25 * 0.75, 10 + 2), (0.25**2 * 0.75, 20 + 2), (0.25**3, 30)]
    usd, solved, attempts = tried(cell([1, 2, 3, 10], 3), 3)
    assert usd == pytest.approx(sum(chance * money for chance, money in ways))
    assert solved == pytest.approx(1 - 0.25**3)
    assert attempts == pytest.approx(0.75 + 2 * 0.25 * 0.75 + 3 * 0.25**2)


def test_where_nothing_succeeds_every_try_is_paid() -> None:
    usd, solved, attempts = tried(cell([1, 2, 3], 0), 4)
    assert (usd, solved, attempts) == (8, 0, 4)


def test_the_chance_of_success_has_the_ends_of_its_rate() -> None:
    limits = stats.binomtest(3, 4).proportion_ci(method="wilson")
    found = retry(resample(cell([1, 2, 3, 10], 3)), 2).solved
    assert found.low == pytest.approx(1 - (1 - limits.low) ** 2)
    assert found.high == pytest.approx(1 - (1 - limits.high) ** 2)
