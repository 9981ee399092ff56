import numpy
import pytest
from stats_samples import cell, only, row

from analysis.stats.pareto import AXES, Axes, Pareto, ParetoPoint, frontier, pareto
from analysis.stats.samples import Cell
from analysis.stats.spending import resample


def plane(axes: Axes, *cells: Cell) -> Pareto:
    return pareto("T1", axes, [resample(each) for each in cells])


def point(found: Pareto, arm: str) -> ParetoPoint:
    (there,) = (each for each in found.points if each.arm == arm)
    return there


# ---- points -----------------------------------------------------------------------------


def test_no_points_have_no_frontier() -> None:
    assert frontier([], []) == ()


def test_equal_points_do_not_exclude_each_other() -> None:
    assert frontier([1, 1, 2], [1, 1, 1]) == (True, True, False)


def test_the_frontier_is_what_no_point_beats() -> None:
    random = numpy.random.RandomState(1)
    xs, ys = random.random_sample((2, 30)).tolist()
    by_hand = tuple(
        not any(
            x <= xs[n] and y <= ys[n] and (x, y) != (xs[n], ys[n])
            for x, y in zip(xs, ys, strict=True)
        )
        for n in range(30)
    )
    assert frontier(xs, ys) == by_hand


# ---- arms -------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize(
    ("other", "note"),
    [
        (cell([0.1, 0.1, 0.1], 0, arm="B"), "no success"),
        (cell([0.1, None, 0.1], arm="B"), "not known"),
        (only([row(0.1, arm="B", void=True)]), "no data"),
    ],
)
def test_an_arm_without_success_cost_or_result_is_never_on_it(
    axes: Axes, other: Cell, note: str
) -> None:
    found = plane(axes, cell([1, 2, 3]), other)
    assert point(found, "B") == ParetoPoint("B", None, None, False, None, note)
    assert (point(found, "A").on_frontier, point(found, "A").share) == (True, 1)


def test_with_one_or_two_trials_no_share_is_given() -> None:
    found = plane("usd_success", cell([1, 2, 3]), cell([0.5, 0.6], arm="B"))
    assert [each.share for each in found.points] == [None, None]
    assert {each.note for each in found.points} == {"n too small in an arm"}
    assert [each.on_frontier for each in found.points] == [False, True]


def test_no_arm_gives_no_points() -> None:
    assert plane("usd_wall").points == ()


def test_money_against_success_takes_the_money_of_a_trial() -> None:
    found = plane("usd_success", cell([4, 5, 6]), cell([1, 2, 3, 2], 3, arm="B"))
    dear, cheap = point(found, "A"), point(found, "B")
    assert (dear.usd, dear.other, cheap.usd, cheap.other) == (5, 1, 2, 0.75)
    assert dear.on_frontier
    assert cheap.on_frontier


def test_money_against_seconds_takes_both_per_solved_task() -> None:
    rows = [row(usd, success=usd < 3, other=100 * usd) for usd in (1, 2, 3)]
    there = point(plane("usd_wall", only(rows)), "A")
    assert (there.usd, there.other) == (3, 300)


def test_an_arm_that_is_better_in_everything_is_alone_in_every_resample() -> None:
    good = only([row(usd, other=usd) for usd in (1, 2, 3)])
    poor = only([row(usd, other=usd, arm="B") for usd in (11, 12, 13)])
    found = plane("usd_wall", good, poor)
    assert [(each.on_frontier, each.share) for each in found.points] == [(True, 1), (False, 0)]


def test_the_share_is_the_chance_that_resampling_keeps_an_arm_on_it() -> None:
    """B is dearer, and no better unless A's one failure in four is drawn."""
    found = plane("usd_success", cell([1, 1, 1, 1], 3), cell([2, 2, 2, 2], arm="B"))
    assert point(found, "B").share == pytest.approx(1 - 0.75**4, abs=0.02)
    assert point(found, "A").share == pytest.approx(1 - 0.25**4, abs=0.02)
