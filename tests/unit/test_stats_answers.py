import math
from dataclasses import replace

import pytest
from stats_samples import arm, asked, cell, row

from analysis.answers import headline, interval, money, overview, planned, sentences
from analysis.stats.estimates import Estimate
from analysis.stats.power import plan
from analysis.stats.samples import TrialRow
from analysis.stats.summary import analyse
from runner.types import ProviderKind


def told(rows: list[TrialRow]) -> str:
    return "\n".join(sentences(asked(rows)))


def of_kind(kind: ProviderKind) -> TrialRow:
    return TrialRow("t", "A", "T1", "solved", True, 1, 1, 1, 1, provider_kind=kind)


# ---- too little -------------------------------------------------------------------------


def test_no_trials() -> None:
    assert overview(analyse([])) == ("There are no trials yet.",)


def test_only_void_trials() -> None:
    rows = [row(0.5, status="infra", success=False)]
    assert headline(asked(rows)) == "On T1 there is no result yet."
    assert (
        "A: 1 trial without a result (infrastructure or a failed start) left out, $0.50 spent."
        in told(rows)
    )


def test_nothing_solved() -> None:
    rows = [*arm("A", 1, 2, 3, solved=0), *arm("B", 1, 2, solved=0)]
    assert headline(asked(rows)) == "On T1 no arm solved the task: 5 trials, $9.00 spent."
    assert "Too few successes to test any two arms." in told(rows)


def test_a_cost_that_is_not_known() -> None:
    said = headline(asked(arm("A", 1, None, 3)))
    assert said == (
        "On T1 the cost per solved task is not known (not known for 1 of 3); "
        "3 trials, cost not known."
    )


def test_one_trial_of_one_arm() -> None:
    assert (
        told(arm("A", 1)).splitlines()
        == [
            "On T1, A costs $1.00 per solved task; 0 of 1 failed.",
            "A stays the cheapest in every resample.",
            "Only A was run on T1: nothing to compare it with.",
        ][::2]
    )


def test_two_trials_of_each_arm_tell_nothing_apart() -> None:
    rows = [*arm("A", 1, 2), *arm("B", 10, 20)]
    assert told(rows).splitlines() == [
        "On T1, A is cheapest per solved task so far: $1.50; 0 of 2 failed; "
        "n too small to tell it from B.",
        "Next is B at $15.00, 10.0 times as much; 0 of 2 failed.",
        "n too small to tell A from B.",
        "Too few successes to test any two arms.",
    ]


def test_an_arm_without_success_is_named_after_those_with_one() -> None:
    said = told([*arm("A", 1, 2, 3), *arm("B", 1, 2, 3, solved=0)])
    assert said.startswith(
        "On T1, A costs $2.00 [1.00, 3.00] per solved task; 0 of 3 failed; no other arm solved "
        "it: nothing to compare it with."
    )
    assert "B has no cost per solved task: no success in 3, $6.00 spent." in said


def test_the_cheapest_of_those_whose_cost_is_known_is_no_more_than_that() -> None:
    costs = [1 + n / 100 for n in range(20)]
    rows = [*arm("A", *costs), *arm("B", *costs[1:], None), *arm("C", *(9 * c for c in costs))]
    said = told(rows)
    assert said.startswith(
        "On T1, A is cheapest per solved task so far of the arms whose cost is known: $1.09 "
    )
    assert "; 0 of 20 failed; cost of B not known." in said
    assert "A stays the cheapest of the arms whose cost is known in every resample." in said


def test_where_no_cost_is_known_it_is_said_of_the_arm_that_solved_the_task() -> None:
    rows = [*arm("A", 1, 2, 3, solved=0), *arm("B", 1, None, 3)]
    assert headline(asked(rows)) == (
        "On T1 the cost per solved task is not known (not known for 1 of 3); "
        "6 trials, cost not known."
    )


def test_an_arm_without_a_result_is_no_rival() -> None:
    rows = [*arm("A", 1, 2, 3), row(1, arm="B", status="infra", success=False)]
    assert headline(asked(rows)) == (
        "On T1, A costs $2.00 [1.00, 3.00] per solved task; 0 of 3 failed; no other arm has a "
        "result: nothing to compare it with."
    )


def test_an_arm_that_costs_nothing_needs_no_test_to_be_cheapest() -> None:
    rows = [*arm("A", 1, 2, 3), *arm("B", 0, 0, 0)]
    assert told(rows).splitlines()[:2] == [
        "On T1, B is cheapest per solved task: $0.00; 0 of 3 failed.",
        "Next is A at $2.00 [1.00, 3.00]; 0 of 3 failed.",
    ]
    assert "too small to tell" not in told(rows)


# ---- enough -----------------------------------------------------------------------------


def test_three_against_three_are_told_apart_by_cost_and_by_no_test() -> None:
    assert told([*arm("A", 1, 2, 3), *arm("B", 10, 20, 30)]).splitlines() == [
        "On T1, A is cheapest per solved task so far: $2.00 [1.00, 3.00]; 0 of 3 failed.",
        "Next is B at $20.00 [10.00, 30.00], 10.0 times as much [5.0, 20.0]; 0 of 3 failed.",
        "A stays the cheapest in every resample.",
        "Intervals from fewer than 10 trials are too narrow: 95% in name, some 70 to 90% in fact.",
        "Too few successes to test any two arms: even arms that do not overlap would have "
        "p = 0.100, above 0.05.",
    ]


def test_many_trials_are_told_apart_by_the_test_too() -> None:
    low, high = ([base + n / 100 for n in range(20)] for base in (1, 2))
    said = told([*arm("A", *low), *arm("B", *high), *arm("C", *high)])
    assert "By test the cost of a success differs for A-B or A-C (Holm, 0.05)." in said
    assert "By test the cost of a success can't be told apart for B-C (Holm, 0.05)." in said
    assert "B and C cost about the same (C costs [" in said
    assert "too small" not in said
    assert "too narrow" not in said


def test_a_family_that_is_too_large_for_its_trials_is_not_said_to_show_no_difference() -> None:
    """4 against 4, four arms, three tasks: 2/70 x 18 = 0.514."""
    costs = {
        name: [base + n / 100 for n in range(4)]
        for name, base in zip("ABCD", (1, 2, 3, 4), strict=True)
    }
    rows = [
        each for task in ("T1", "T2", "T3") for a in costs for each in arm(a, *costs[a], task=task)
    ]
    said = told(rows)
    assert "By test" not in said
    assert (
        "Too few successes to test any two arms: even arms that do not overlap would have "
        "p = 0.514 after Holm's correction, above 0.05." in said
    )


def test_a_cost_that_is_not_known_is_why_there_is_no_test() -> None:
    costs = [1 + n / 100 for n in range(20)]
    dear = [9 * each for each in costs]
    said = told([*arm("A", *costs), *arm("B", *costs[1:], None), *arm("C", *dear)])
    assert "No test of A-B or B-C: the cost of a success is not known." in said
    assert "By test the cost of a success differs for A-C (Holm, 0.05)." in said
    assert "can't be told apart" not in said
    assert "Too few" not in said


def test_trials_that_met_a_cap_are_named() -> None:
    rows = [*arm("A", 1, 2, 3), row(9, status="cap", success=False)]
    assert "A: 1 trial met a cap (0 solved); in money and success rate, in no median." in told(rows)


# ---- all tasks --------------------------------------------------------------------------


def test_the_overview_has_one_headline_a_task() -> None:
    said = overview(analyse([*arm("A", 1, 2, 3), *arm("A", 1, 2, 3, task="T2")]))
    assert said == (
        "6 trials, $12.00 in all.",
        "On T1, A costs $2.00 [1.00, 3.00] per solved task; 0 of 3 failed.",
        "On T2, A costs $2.00 [1.00, 3.00] per solved task; 0 of 3 failed.",
    )


def test_simulated_trials_are_called_so_before_anything_else() -> None:
    assert overview(analyse([of_kind("scripted")]))[0] == (
        "All trials are simulated: scripted models show nothing about real ones."
    )
    mixed = overview(analyse([of_kind("scripted"), of_kind("live")]))[0]
    assert mixed.startswith("Simulated and other trials are mixed")


# ---- words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usd", "said"),
    [(0, "0.00"), (12.345, "12.35"), (0.1, "0.10"), (0.07, "0.070"), (0.00123, "0.0012")],
)
def test_money_keeps_two_digits_that_count(usd: float, said: str) -> None:
    assert money(usd) == said


def test_an_interval_without_an_end_says_so() -> None:
    assert interval(Estimate(1, 0.5, math.inf)) == " [0.50, no limit]"
    assert interval(Estimate(1, 0.5, math.inf), ".1f") == " [0.5, no limit]"
    assert interval(Estimate(1)) == ""


def test_a_plan_says_what_it_rests_on() -> None:
    found = plan("T1", "usd", [cell([1, 1.2, 1.5, 3], 3)], 0.5)
    said = planned(found)
    assert said.startswith("To see a difference of 50% in usd on T1: ")
    assert "from a spread of 20% over 3 values so far" in said
    assert f"some {found.trials} trials at the success rate so far" in said


def test_a_plan_for_a_matrix_says_what_all_its_comparisons_take() -> None:
    found = plan("T1", "usd", [cell([1, 1.2, 1.5, 3], 3)], 0.5, comparisons=18)
    said = planned(found)
    assert found.family is not None
    assert f": for one comparison {found.successes} successes per cell, cautiously " in said
    assert (
        f"; for all 18 of this matrix {found.family.successes}, cautiously "
        f"{found.family.cautious}, some {found.family.trials} trials; from a spread" in said
    )
    beyond = replace(found, family=replace(found.family, successes=None))
    assert "; for all 18 of this matrix more than can be planned; from" in planned(beyond)


def test_a_plan_without_a_number_says_why() -> None:
    assert planned(plan("T1", "usd", [], 0.2)) == (
        "To see a difference of 20% in usd on T1: no number can be given (no data)."
    )
