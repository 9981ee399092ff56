import math
import time

import numpy
import pytest
from stats_samples import arm, asked, row

from analysis.stats.comparison import holm
from analysis.stats.samples import METRICS
from analysis.stats.summary import analyse

# ---- too little -------------------------------------------------------------------------


def test_no_trials_give_no_answers() -> None:
    found = analyse([])
    assert (found.tasks, found.kinds, found.trials, found.total_usd) == ((), (), 0, 0)


def test_what_was_not_run_can_not_be_asked_for() -> None:
    found = analyse(arm("A", 1))
    with pytest.raises(KeyError):
        found.task("T2")
    with pytest.raises(KeyError):
        found.task("T1").cell("B")
    with pytest.raises(KeyError):
        found.task("T1").comparison("usd", "A", "B")


def test_one_trial_has_values_and_nothing_that_looks_sure() -> None:
    cell = asked(arm("A", 1)).cell("A")
    estimates = [
        cell.success,
        cell.usd_per_solved,
        cell.wall_s_per_solved,
        *(cell.metrics[metric].median for metric in METRICS),
    ]
    assert all((each.low, each.high) == (None, None) for each in estimates)
    assert all("n too small" in each.note for each in estimates)
    assert all(cell.metrics[metric].quartiles is None for metric in METRICS)


def test_one_arm_is_compared_with_nothing() -> None:
    found = asked(arm("A", 1, 2, 3))
    assert (found.comparisons, found.ratios) == ((), ())
    assert [(rank.arm, rank.cheapest) for rank in found.ranking] == [("A", 1)]


def test_all_failures_leave_money_and_no_other_figure() -> None:
    found = asked([*arm("A", 1, 2, 3, solved=0), *arm("B", 1, 1, 2, solved=0)])
    cell = found.cell("A")
    assert (cell.failed, cell.total_usd, cell.usd_per_solved.value, cell.usd_per_rate) == (
        3,
        6,
        None,
        None,
    )
    assert cell.metrics["usd"].median.note == "no data"
    assert [rank.cheapest for rank in found.ranking] == [None, None]
    assert all(each.p is None for each in found.comparisons)
    assert found.ratios == ()


def test_an_unknown_cost_is_unknown_in_every_sum() -> None:
    answers = analyse([*arm("A", 1, None, 3), *arm("B", 2, 2, 2)])
    found = answers.task("T1")
    assert (answers.total_usd, found.cell("A").total_usd) == (None, None)
    assert found.cell("A").metrics["wall_s"].median.value == 10
    assert [(rank.arm, rank.usd_per_solved.value) for rank in found.ranking] == [
        ("B", 2),
        ("A", None),
    ]


# ---- figures ----------------------------------------------------------------------------


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [*arm("A", 1, 2, 5, solved=2), *arm("B", 3, 1, 2), *arm("C", 3, 3, 4, task="T2")]
    assert analyse(rows) == analyse(rows[::-1])


def test_another_arm_changes_no_figure_of_a_cell() -> None:
    rows = arm("A", 1, 2, 5, solved=2)
    assert asked(rows).cell("A") == asked([*rows, *arm("B", 3, 1, 2)]).cell("A")


def test_censored_trials_count_in_money_and_rate_and_in_no_median() -> None:
    rows = [
        row(1),
        row(2),
        row(3),
        row(50, status="cap", success=True),
        row(60, status="budget", success=False),
    ]
    cell = asked(rows).cell("A")
    assert (cell.censored, cell.censored_solved, cell.success.value) == (2, 1, 0.8)
    assert (cell.metrics["usd"].median.value, cell.usd_per_solved.value) == (2, 29)


def test_the_papers_cost_by_rate_divides_the_median_by_the_rate() -> None:
    assert asked(arm("A", 1, 2, 3, 10, solved=3)).cell("A").usd_per_rate == pytest.approx(2 / 0.75)


def test_the_ranking_goes_by_usd_per_solved_and_ratios_are_dearer_over_cheaper() -> None:
    found = asked([*arm("A", 4, 5, 6), *arm("B", 1, 2, 3), *arm("C", 2, 2, 40, solved=2)])
    assert [rank.arm for rank in found.ranking] == ["B", "A", "C"]
    assert [(each.over, each.under) for each in found.ratios] == [
        ("A", "B"),
        ("C", "B"),
        ("C", "A"),
    ]
    first = found.ratios[0]
    assert first.ratio.value == 2.5
    assert first.settled


def test_the_shares_of_being_cheapest_add_up_and_ties_are_shared() -> None:
    apart = asked([*arm("A", 4, 5, 6), *arm("B", 1, 2, 3)])
    assert [rank.cheapest for rank in apart.ranking] == [1, 0]
    costs = numpy.random.RandomState(1).lognormal(size=10).tolist()
    alike = asked([*arm("A", *costs), *arm("B", *costs)])
    assert sum(rank.cheapest or 0 for rank in alike.ranking) == pytest.approx(1)
    assert alike.ranking[0].cheapest == pytest.approx(0.5, abs=0.03)
    tied = asked([*arm("A", *[2.0] * 6), *arm("B", *[2.0] * 6)])
    assert [rank.cheapest for rank in tied.ranking] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("other", "note"),
    [((1, 2), "B: n too small (2)"), ((0, 0, 0), "B: all values are equal"), ((1, None, 2), "")],
)
def test_without_the_share_of_being_cheapest_it_is_said_why(
    other: tuple[float | None, ...], note: str
) -> None:
    found = asked([*arm("A", 4, 5, 6), *arm("B", *other)])
    (mine,) = (rank for rank in found.ranking if rank.arm == "A")
    assert mine.note.startswith(note)
    assert (mine.cheapest is None) is bool(note)


def test_holms_family_is_a_metric_over_all_tasks() -> None:
    low, high = range(1, 8), range(11, 18)
    rows = [
        *(line for task in ("T1", "T2") for line in arm("A", *low, task=task)),
        *(line for task in ("T1", "T2") for line in arm("B", *high, task=task)),
        *arm("C", *range(2, 9)),
    ]
    answers = analyse(rows)
    family = [each for task in answers.tasks for each in task.comparisons if each.metric == "usd"]
    assert len(family) == 4
    expected = holm([each.p for each in family if each.p is not None])
    assert tuple(each.p_holm for each in family) == expected


def test_no_figure_is_a_nan() -> None:
    found = asked([*arm("A", 1, None, 3), *arm("B", 0, 0, 0), *arm("C", 1, 2, solved=0)])
    assert "nan" not in repr(found).lower()
    assert math.isinf(asked(arm("A", 1, 2, 3, solved=1)).cell("A").usd_per_solved.high or 0)


# ---- size -------------------------------------------------------------------------------


def test_a_hundred_thousand_trials_take_at_most_ten_seconds() -> None:
    random = numpy.random.RandomState(1)
    n = 100_000
    usd, other = random.lognormal(size=(2, n)).tolist()
    good = (random.random_sample(n) < 0.8).tolist()
    rows = [
        row(usd[k], arm="ABCD"[k % 4], task=f"T{k // 4 % 3}", success=good[k], other=other[k])
        for k in range(n)
    ]
    started = time.process_time()  # one thread; other programs on the machine don't count
    answers = analyse(rows)
    assert time.process_time() - started < 10
    assert sum(cell.trials for task in answers.tasks for cell in task.cells) == n
