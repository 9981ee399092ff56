import math

import numpy
import pytest
from scipy import stats
from stats_samples import arm, cell, only, row

from analysis.stats.power import MOST, Plan, plan, plans
from analysis.stats.samples import Cell
from runner.errors import UsageError

# Ten logarithms of a normal sample with the standard deviation 1.
SHAPE = stats.norm.ppf((numpy.arange(60) + 0.5) / 60)
SHAPE = SHAPE / SHAPE.std()


def spread(sigma: float, arm: str = "A", factor: float = 1) -> Cell:
    return cell((factor * numpy.exp(sigma * SHAPE)).tolist(), arm=arm)


def usd(detect: float, *cells: Cell, power: float = 0.8) -> Plan:
    return plan("T1", "usd", cells, detect, power)


# ---- too little -------------------------------------------------------------------------


@pytest.mark.parametrize(("detect", "power"), [(0, 0.8), (1, 0.8), (20, 0.8), (0.2, 0), (0.2, 1)])
def test_what_can_be_no_difference_or_power_is_refused(detect: float, power: float) -> None:
    with pytest.raises(UsageError):
        usd(detect, spread(0.3), power=power)


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        ((), "no data"),
        ((cell([1]),), "A left out: n too small; no data"),
        ((cell([1, 2, 3], 0),), "A left out: no data; no data"),
        ((cell([1, None, 3]),), "A left out: not known for 1 of 3; no data"),
        ((cell([0, 1, 2]),), "A left out: 0 has no spread in percent; no data"),
        ((cell([2, 2, 2]),), "all values are equal: no spread to plan with"),
    ],
)
def test_without_a_spread_there_is_no_number(cells: tuple[Cell, ...], note: str) -> None:
    found = usd(0.2, *cells)
    assert (found.successes, found.cautious, found.trials, found.spread) == (None, None, None, None)
    assert found.note == note


def test_an_arm_that_says_nothing_is_left_out_and_named() -> None:
    found = usd(0.5, spread(0.3), cell([1], arm="B"))
    assert found.successes is not None
    assert found.note == "B left out: n too small"


def test_more_than_anyone_would_run_is_no_number() -> None:
    found = usd(0.01, spread(0.5))
    assert (found.successes, found.trials) == (None, None)
    assert found.note == f"more than {MOST} successes per cell"


def test_an_arm_without_success_leaves_the_trials_open() -> None:
    found = usd(0.5, spread(0.3), cell([1, 2, 3], 0, arm="B"))
    assert found.successes is not None
    assert found.trials is None
    assert "an arm has no success so far" in found.note


# ---- numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(("sigma", "detect"), [(0.3, 0.2), (0.4, 0.3), (0.2, 0.2)])
def test_the_number_is_that_of_noethers_formula(sigma: float, detect: float) -> None:
    """Noether 1987: n per arm = (z_alpha/2 + z_beta)**2 / (6 (P(a < b) - 1/2)**2)."""
    above = stats.norm.cdf(-math.log1p(-detect) / (sigma * math.sqrt(2)))
    noether = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 / (6 * (above - 0.5) ** 2)
    found = usd(detect, spread(sigma))
    assert found.successes == pytest.approx(noether, rel=0.1)


@pytest.mark.parametrize(("sigma", "detect", "m"), [(0.3, 0.2, 18), (0.4, 0.3, 6)])
def test_a_family_takes_noethers_number_at_its_share_of_the_level(
    sigma: float, detect: float, m: int
) -> None:
    above = stats.norm.cdf(-math.log1p(-detect) / (sigma * math.sqrt(2)))
    wanted = stats.norm.ppf(1 - 0.025 / m) + stats.norm.ppf(0.8)
    found = plan("T1", "usd", [spread(sigma)], detect, comparisons=m)
    assert found.family is not None
    assert found.family.comparisons == m
    assert found.family.successes == pytest.approx(wanted**2 / (6 * (above - 0.5) ** 2), rel=0.1)
    assert found.successes == usd(detect, spread(sigma)).successes
    assert found.successes is not None
    assert found.family.successes > found.successes


def test_a_family_never_takes_fewer_than_its_test_can_tell_apart() -> None:
    """With 18 comparisons 5 against 5 have no p below 2/252 x 18; 6 against 6 have 0.039."""
    found = plan("T1", "usd", [spread(0.1)], 0.9, comparisons=18)
    assert found.successes == 4
    assert found.family is not None
    assert found.family.successes == 6


def test_one_comparison_has_no_family() -> None:
    assert usd(0.3, spread(0.3)).family is None


def test_the_spread_is_pooled_within_arms_whatever_their_levels() -> None:
    found = usd(0.3, spread(0.4), spread(0.4, "B", factor=50))
    assert found.spread == pytest.approx(0.4, rel=0.02)
    assert found.n == 120


def test_few_values_make_the_cautious_number_larger() -> None:
    few = cell([1, 1.5, 2.2])
    found = usd(0.5, few)
    assert found.successes is not None
    assert found.cautious is not None
    assert found.cautious > 2 * found.successes


def test_no_plan_goes_below_what_a_test_needs() -> None:
    """Three against three have no p below 0.1."""
    assert usd(0.9, spread(0.1)).successes == 4


def test_failures_and_caps_add_trials() -> None:
    rows = [row(math.exp(0.3 * x), success=n % 2 == 0) for n, x in enumerate(SHAPE)]
    found = usd(0.3, only(rows))
    assert found.successes is not None
    assert found.trials == 2 * found.successes


def test_the_same_values_have_the_same_plan() -> None:
    assert usd(0.5, spread(0.4)) == usd(0.5, spread(0.4))


def test_every_task_has_a_plan_of_its_own() -> None:
    rows = [*arm("A", 1, 2, 3), *arm("A", 1, 2, 3, task="T2"), *arm("B", 1, 3, task="T2")]
    found = plans(rows, "usd", 0.5)
    assert [(each.task, each.n) for each in found] == [("T1", 3), ("T2", 5)]
    assert plans([], "usd", 0.5) == ()
