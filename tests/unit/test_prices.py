"""The comparison of two rate cards: sums, and the words for what changes."""

import pytest

from analysis.prices import Pair, PricedTrial, price_cells, rank_changes


def trial(
    arm: str,
    before: float | None,
    after: float | None,
    *,
    success: bool = True,
    void: bool = False,
    censored: bool = False,
) -> PricedTrial:
    return PricedTrial("T1", arm, success, not void, Pair(before, after), censored)


# ---- cells ------------------------------------------------------------------------------


def test_nothing_gives_nothing() -> None:
    assert price_cells([]) == ()


def test_a_cell_without_a_solved_trial_has_no_amount() -> None:
    (cell,) = price_cells([trial("A", 1, 2, success=False)])
    assert (cell.solved, cell.results) == (0, 1)
    assert cell.median_usd == cell.usd_per_solved == Pair(None, None)


def test_a_solved_trial_without_a_price_leaves_the_cell_without_one_by_that_card_only() -> None:
    (cell,) = price_cells([trial("A", 1, None), trial("A", 3, 4)])
    assert cell.median_usd == cell.usd_per_solved == Pair(2, None) or (
        cell.median_usd == Pair(2, None) and cell.usd_per_solved == Pair(2, None)
    )


def test_a_failure_without_a_price_spoils_the_sum_but_not_the_median() -> None:
    (cell,) = price_cells([trial("A", 1, 2), trial("A", 1, None, success=False)])
    assert cell.median_usd == Pair(1, 2)
    assert cell.usd_per_solved == Pair(2, None)


def test_medians_are_of_solved_trials_and_sums_of_all() -> None:
    trials = [trial("A", 1, 10), trial("A", 3, 30), trial("A", 8, 80, success=False)]
    (cell,) = price_cells(trials)
    assert (cell.solved, cell.results) == (2, 3)
    assert cell.median_usd == Pair(2, 20)
    assert cell.usd_per_solved == Pair(6, 60)


def test_a_void_trial_is_no_result_and_its_money_is_not_its_arms() -> None:
    (cell,) = price_cells([trial("A", 1, 1), trial("A", 9, None, success=False, void=True)])
    assert (cell.solved, cell.results) == (1, 1)
    assert cell.usd_per_solved == Pair(1, 1)


def test_a_success_that_met_a_cap_is_in_the_money_and_in_no_median() -> None:
    (cell,) = price_cells([trial("A", 1, 1), trial("A", 5, 5, censored=True)])
    assert cell.median_usd == Pair(1, 1)
    assert cell.usd_per_solved == Pair(3, 3)


@pytest.mark.parametrize(
    ("trials", "median", "per_solved"),
    [
        ([trial("A", 1, 1, void=True)], "no result", "no result"),
        ([trial("A", 1, 1, success=False)], "none solved", "none solved"),
        ([trial("A", 1, 1, censored=True)], "all met a cap", "no price"),
        ([trial("A", 1, None)], "no price", "no price"),
    ],
)
def test_what_an_amount_wants_is_said(
    trials: list[PricedTrial], median: str, per_solved: str
) -> None:
    (cell,) = price_cells(trials)
    assert (cell.median_usd.why, cell.usd_per_solved.why) == (median, per_solved)


def test_a_ratio_needs_both_amounts_and_something_to_divide_by() -> None:
    assert Pair(2, 1).ratio == 0.5
    assert [Pair(None, 1).ratio, Pair(1, None).ratio, Pair(0, 1).ratio] == [None, None, None]


# ---- words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ({}, ()),
        ({"A": Pair(1, 2)}, ()),
        ({"A": Pair(None, None)}, ("A: no rank (no price)",)),
        (
            {"A": Pair(1, 2), "B": Pair(2, None), "C": Pair(None, 1)},
            ("B and C: no rank (no price)",),
        ),
        (
            {
                "A": Pair(None, None, "none solved"),
                "B": Pair(None, None, "all met a cap"),
                "C": Pair(1, 2),
                "D": Pair(None, None, "none solved"),
            },
            ("A and D: no rank (none solved)", "B: no rank (all met a cap)"),
        ),
        ({"A": Pair(1, 1), "B": Pair(2, 2)}, ("A's lead over B stays at 2.0x",)),
        ({"A": Pair(1, 1), "B": Pair(2, 3)}, ("A's lead over B grows from 2.0x to 3.0x",)),
        ({"A": Pair(1, 2), "B": Pair(4, 3)}, ("A's lead over B shrinks from 4.0x to 1.5x",)),
        (
            {"A": Pair(3, 1), "B": Pair(2, 2)},
            ("A becomes cheaper than B", "the cheapest is A and no longer B (B costs 2.0x)"),
        ),
        (
            {"A": Pair(9, 2), "B": Pair(4, 4), "C": Pair(3, 3), "D": Pair(1, 1)},
            ("A becomes cheaper than B and C", "D's lead over A shrinks from 9.0x to 2.0x"),
        ),
        ({"A": Pair(1, 1), "B": Pair(1, 1)}, ("A's lead over B stays at 1.0x",)),
        (
            {"A": Pair(0, 0), "B": Pair(1, 2)},
            ("A's lead over B stays at any factor, being free",),
        ),
    ],
)
def test_what_changes(amounts: dict[str, Pair], said: tuple[str, ...]) -> None:
    assert rank_changes(amounts) == said


def test_arms_that_cost_the_same_pass_each_other_only_when_they_part() -> None:
    said = rank_changes({"A": Pair(2, 2), "B": Pair(2, 1)})
    assert said[0] == "B becomes cheaper than A"
