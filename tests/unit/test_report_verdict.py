"""The first screen of a report: which arm, how sure, how safe, and what is never claimed."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from stats_samples import row

from analysis.report.parts import Section
from analysis.report.verdict import described, verdict
from analysis.stats.samples import TrialRow
from analysis.stats.summary import analyse
from runner.types import ProviderKind


def cell(
    arm: str, task: str, usd: float, n: int, failed: int = 0, kind: ProviderKind = "live"
) -> list[TrialRow]:
    """n trials of about this price each."""
    rows = [row(usd + k / 1000, arm=arm, task=task, success=k >= failed) for k in range(n)]
    return [replace(each, provider_kind=kind) for each in rows]


def said(*rows: list[TrialRow], arms: tuple[tuple[str, str], ...] = ()) -> Mapping[str, str]:
    return dict(verdict(analyse(each for found in rows for each in found), arms))


def test_without_trials_nothing_is_said() -> None:
    assert verdict(analyse(())) == ()


def test_where_nothing_was_solved_no_arm_is_named() -> None:
    found = said(cell("A", "T1", 1, 4, failed=4), cell("D", "T1", 2, 4, failed=4))
    assert found["Use"] == "no arm has a cost per solved task yet."
    assert "How sure" not in found
    assert found["Solved"] == "A 0 of 4, D 0 of 4."


def test_one_arm_alone_is_no_answer() -> None:
    found = said(cell("A", "T1", 1, 4))
    assert found["Use"] == "only A was run: nothing to compare with."
    assert "How sure" not in found


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
def test_few_trials_are_never_sure(n: int) -> None:
    found = said(cell("A", "T1", 1, n), cell("D", "T1", 0.1, n))
    assert found["Use"] == "D, so far the cheapest per solved task on T1."
    trials = "1 trial" if n == 1 else f"{n} trials"
    assert found["How sure"] == (
        f"Not yet: on T1 it could also be A. Cells have as few as {trials}."
        if n < 3
        else "Probably: told apart from every other arm that solved anything (95% intervals), but "
        f"cells have as few as {trials}."
    )


def test_few_trials_of_a_rival_are_enough_to_be_unsure() -> None:
    found = said(cell("A", "T1", 1, 4), cell("D", "T1", 0.1, 20))
    assert found["Use"] == "D, so far the cheapest per solved task on T1."
    assert found["How sure"].endswith("but cells have as few as 4 trials.")


def test_a_rival_that_failed_a_few_times_may_yet_be_the_cheapest() -> None:
    rows = [cell("A", "T1", 1, 20), cell("D", "T1", 0.1, 20), cell("C", "T1", 0.01, 2, failed=2)]
    assert said(*rows)["How sure"].endswith("but cells have as few as 2 trials.")


def test_few_trials_that_cost_about_the_same_are_only_probably_told_apart() -> None:
    rows = [cell(arm, "T1", usd, 4) for arm, usd in (("A", 1.0), ("D", 1.001), ("B", 9))]
    assert said(*rows)["How sure"] == (
        "Probably told apart, but on T1 A and D cost about the same; cells have as few as 4 trials."
    )


# ---- rivals that nothing can be said about ----------------------------------------------


def test_a_rival_whose_cost_is_not_known_keeps_every_answer_open() -> None:
    unpriced = [replace(each, usd=None) for each in cell("B", "T1", 1, 20)]
    found = said(cell("A", "T1", 1, 20), unpriced)
    assert found["Use"] == (
        "A, so far the cheapest per solved task on T1 of the arms whose cost is known."
    )
    assert found["How sure"] == "Not yet: on T1 the cost of B is not known."


def test_a_task_solved_at_no_known_cost_is_not_passed_over() -> None:
    unpriced = [replace(each, usd=None) for each in cell("B", "T2", 1, 20)]
    found = said(cell("A", "T1", 1, 20), unpriced)
    assert found["Use"] == "A, the cheapest per solved task on T1."
    assert found["How sure"] == "Not yet: on T2 no cost is known. On T1 no other arm was run."


def test_a_rival_without_a_result_is_nothing_to_compare_with() -> None:
    lost = [replace(each, status="infra", success=False) for each in cell("B", "T1", 1, 20)]
    found = said(cell("A", "T1", 1, 20), lost)
    assert found["Use"] == "only A has a result: nothing to compare with."
    assert found["How sure"] == "Nothing to compare with. On T1 no other arm has a result."


def test_an_arm_without_a_result_beside_others_is_named_and_counts_no_trials() -> None:
    lost = [replace(each, status="infra", success=False) for each in cell("B", "T1", 1, 20)]
    found = said(cell("A", "T1", 1, 20), cell("D", "T1", 0.1, 20), lost)
    assert found["How sure"] == (
        "Sure: told apart from every other arm that solved anything (95% intervals). On T1 there "
        "is no result of B yet."
    )


def test_rivals_that_all_failed_are_nothing_to_compare_with() -> None:
    found = said(cell("A", "T1", 1, 20), cell("B", "T1", 0.1, 20, failed=20))
    assert found["Use"] == "only A solved anything: nothing to compare with."
    assert found["How sure"] == "Nothing to compare with. On T1 no other arm solved it."
    assert found["Solved"] == "A 20 of 20, B 0 of 20."


def test_an_arm_that_costs_nothing_is_said_to() -> None:
    free = [replace(each, usd=0.0) for each in cell("E", "T1", 1, 20)]
    found = said(cell("A", "T1", 1, 20), free)
    assert found["Use"] == "E, the cheapest per solved task on T1."
    assert found["How sure"].endswith(" On T1 E costs nothing by this card.")
    both = said(free, [replace(each, arm="F") for each in free])
    assert both["How sure"].startswith("Told apart, but on T1 E and F cost about the same.")


# ---- enough -----------------------------------------------------------------------------


def test_simulated_trials_advise_nothing() -> None:
    found = said(
        cell("A", "T1", 1, 12, kind="scripted"),
        cell("D", "T1", 0.1, 12, kind="scripted"),
    )
    assert found["Use"].startswith("No answer: the trials are simulated. In them: D")


def test_an_arm_that_is_told_apart_everywhere_is_sure_and_named_with_its_models() -> None:
    rows = [
        cell(arm, task, usd, 12) for task in ("T1", "T2") for arm, usd in (("A", 1), ("D", 0.1))
    ]
    found = said(*rows, arms=(("D", "haiku alone"),))
    assert found["Use"] == "D (haiku alone), the cheapest per solved task on T1 and T2."
    assert found["How sure"].startswith("Sure: told apart")


def test_arms_that_cost_the_same_are_said_to() -> None:
    found = said(cell("A", "T1", 1.0, 12), cell("D", "T1", 1.001, 12))
    assert found["How sure"] == "Told apart, but on T1 A and D cost about the same."


def test_tasks_with_different_winners_have_no_one_answer() -> None:
    found = said(
        cell("A", "T1", 1, 12), cell("D", "T1", 0.1, 12),
        cell("A", "T2", 0.1, 12), cell("D", "T2", 1, 12),
    )  # fmt: skip
    assert found["Use"] == "D on T1, A on T2; no arm is the cheapest per solved task everywhere."


def test_the_safest_comes_first_and_the_reason_last() -> None:
    rows = [*cell("A", "T1", 1, 4), *cell("D", "T1", 0.1, 4, failed=1)]
    lines = verdict(analyse(rows), why=Section("mechanism", "Why", ("Because.", "And more.")))
    assert lines[2:] == (("Solved", "A 4 of 4, D 3 of 4."), ("Why", "Because."))


@pytest.mark.parametrize(
    ("leads", "executors", "words"),
    [
        ([], [], "no call on record"),
        (["opus"], [], "opus alone"),
        (["opus"], ["haiku"], "opus, delegating to haiku"),
        (["opus", "haiku"], ["qwen"], "opus or haiku, delegating to qwen"),
    ],
)
def test_what_an_arm_is(leads: list[str], executors: list[str], words: str) -> None:
    assert described(leads, executors) == words
