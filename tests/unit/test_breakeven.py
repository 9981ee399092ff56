"""The price of an hour at which a local model breaks even: by hand, in words, with doubt."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from call_samples import RATE
from ledger_samples import OPUS, QWEN
from stats_samples import paper_row, paper_table, usd_by_card

from analysis.calls import TokenRow
from analysis.report.breakeven import breakeven_section
from analysis.report.parts import Section
from analysis.report.rows import Trial
from analysis.stats.breakeven import BreakEven, Outlay, break_evens
from analysis.stats.samples import TrialRow
from runner.config.rates import Rate
from runner.types import Usage

FREE = Rate(0, 0, 0, 0, 0)


def outlays(
    arm: str,
    *paid: float | None,
    hours: float | None = None,
    solved: int | None = None,
    wall_s: float | None = 7200.0,
    calls: int = 1,
    gpu_calls: int = 0,
) -> list[Outlay]:
    """Trials that paid so much; with `hours` each, the arm has a local model."""
    good = len(paid) if solved is None else solved
    mine = arm in ("B", "E")
    seconds = (None if hours is None else hours * 3600) if mine else 0.0
    return [
        Outlay(arm, "T1", n < good, usd, seconds, wall_s, calls, gpu_calls, mine)
        for n, usd in enumerate(paid)
    ]


def only(*sides: Sequence[Outlay]) -> BreakEven:
    (found,) = break_evens(each for side in sides for each in side)
    return found


# ---- what cannot be told --------------------------------------------------------------------


def test_without_a_local_model_there_is_nothing_to_tell() -> None:
    assert break_evens([*outlays("A", 1.0), *outlays("C", 2.0)]) == ()
    assert breakeven_section([], []) is None


@pytest.mark.parametrize(
    ("mine", "others", "why"),
    [
        (outlays("B", 1.0, 1.0, hours=1, solved=0), outlays("A", 1.0), "B: no success in 2"),
        (outlays("B", 1.0, hours=1), outlays("A", 1.0, solved=0), "A: no success in 1"),
        (outlays("B", 1.0, None, hours=1), outlays("A", 1.0), "B: USD not known for 1 of 2"),
        (outlays("B", 1.0, wall_s=None), outlays("A", 2.0), "B: seconds of the local model's"),
    ],
)
def test_what_is_missing_is_named(
    mine: Sequence[Outlay], others: Sequence[Outlay], why: str
) -> None:
    found = only(mine, others)
    assert (found.outcome, found.price.value) == ("unknown", None)
    assert found.price.note.startswith(why)


def test_without_seconds_a_dearer_arm_is_dearer_all_the_same() -> None:
    assert only(outlays("B", 3.0), outlays("A", 2.0)).outcome == "never"


def test_without_seconds_the_whole_trial_bounds_them() -> None:
    # One USD less per solved task, and at most two hours.
    found = only(outlays("B", 1.0), outlays("A", 2.0))
    assert (found.outcome, found.price.value) == ("at least", 0.5)
    assert "the whole trial is taken as the GPU's" in found.price.note


def test_two_local_models_without_seconds_are_not_compared() -> None:
    assert only(outlays("B", 3.0, hours=1.0), outlays("E", 0.0)).outcome == "unknown"


# ---- the price ------------------------------------------------------------------------------


def test_the_price_is_what_is_saved_by_the_hours() -> None:
    # 4 USD and 6 hours for 2 solved tasks, against 10 USD for 2: 3 USD saved in 3 hours.
    mine = outlays("B", 1.0, 1.0, 2.0, hours=2.0, solved=2)
    found = only(mine, outlays("A", 4.0, 6.0))
    assert (found.side.hours, found.side.per_solved("paid")) == (3.0, 2.0)
    assert (found.outcome, found.price.value) == ("below", 1.0)


def test_an_arm_that_pays_more_already_is_never_cheaper() -> None:
    found = only(outlays("B", 3.0, hours=2.0), outlays("A", 1.0))
    assert (found.outcome, found.price.value) == ("never", -1.0)


def test_of_two_local_models_the_hours_one_takes_more_are_what_counts() -> None:
    # E pays nothing and takes 4 hours, B pays 3 USD and takes 1: the hour may cost 1 USD.
    found = only(outlays("B", 3.0, hours=1.0), outlays("E", 0.0, hours=4.0))
    assert (found.side.arm, found.other.arm) == ("E", "B")
    assert (found.outcome, found.price.value) == ("below", 1.0)


def test_a_local_model_that_was_never_called_has_no_price() -> None:
    idle = outlays("B", 1.0, hours=0.0, calls=0)
    assert only(idle, outlays("A", 2.0)).outcome == "always"
    assert only(idle, outlays("A", 0.5)).outcome == "never"
    assert only(idle, outlays("A", 1.0)).outcome == "same"


@pytest.mark.parametrize(
    ("calls", "gpu_calls", "hours_from"),
    [(4, 4, "measured"), (4, 1, "in part"), (4, 0, "calls"), (0, 0, "unknown")],
)
def test_where_the_hours_come_from_is_said(calls: int, gpu_calls: int, hours_from: str) -> None:
    mine = outlays("B", 1.0, hours=1.0, calls=calls, gpu_calls=gpu_calls)
    assert only(mine, outlays("A", 2.0)).side.hours_from == hours_from


# ---- how sure -------------------------------------------------------------------------------


def test_two_trials_have_no_interval() -> None:
    found = only(outlays("B", 1.0, 2.0, hours=1.0), outlays("A", 3.0, 4.0))
    assert (found.price.low, found.price.high) == (None, None)
    assert "n too small (2 and 2)" in found.price.note


def test_the_interval_holds_the_price_and_more_trials_make_it_narrower() -> None:
    def width(times: int) -> float:
        mine = outlays("B", *(1.0, 1.5, 2.0) * times, hours=1.0)
        price = only(mine, outlays("A", *(3.0, 4.0, 5.0) * times)).price
        assert price.value == pytest.approx(2.5)
        assert price.low is not None
        assert price.high is not None
        assert price.low < 2.5 < price.high
        return price.high - price.low

    assert width(8) < width(1) / 2


def test_an_arm_that_may_never_solve_may_have_no_price_from_0_up() -> None:
    mine = outlays("B", 1.0, 1.0, 1.0, hours=1.0, solved=1)
    price = only(mine, outlays("A", 4.0, 4.5, 5.0)).price
    assert price.low == -math.inf


def test_the_order_of_the_trials_does_not_matter() -> None:
    rows = [*outlays("B", 1.0, 2.0, 4.0, hours=1.0, solved=2), *outlays("A", 3.0, 4.0, 5.0)]
    assert break_evens(rows)[0].price == break_evens(reversed(rows))[0].price


def test_how_much_less_it_pays_has_an_interval_that_may_hold_0() -> None:
    mine = outlays("B", 1.0, 2.0, 3.0, hours=1.0)
    open_, apart = (only(mine, outlays("A", *paid)) for paid in ((2.0, 2.0, 2.1), (8.0, 9.0, 9.5)))
    assert open_.less.value == pytest.approx(2.1 / 3 + 4 / 3 - 2.0)
    assert (open_.told, apart.told) == (False, True)
    assert open_.less.low is not None
    assert open_.less.low < 0
    # All of A's trials less all of B's: no resample can be outside that.
    assert apart.less.low is not None
    assert 5.0 <= apart.less.low < (apart.less.value or 0) < (apart.less.high or 0) <= 8.5


def test_two_trials_do_not_tell_who_pays_less() -> None:
    found = only(outlays("B", 1.0, 2.0), outlays("A", 3.0, 4.0))
    assert (found.less.low, found.less.high, found.told) == (None, None, False)
    assert "n too small (2 and 2)" in found.less.note


def test_seconds_that_nobody_measured_leave_the_money_its_interval() -> None:
    costs = [1.0 + n / 1000 for n in range(400)]
    found = only(outlays("B", *costs), outlays("A", *(9 * each for each in costs)))
    assert (found.outcome, found.told) == ("at least", True)
    assert found.less.low is not None
    assert 0 < found.less.low < (found.less.value or 0) < (found.less.high or 0)


# ---- the published trials -------------------------------------------------------------------


def published() -> list[Outlay]:
    lines = [line for line in paper_table() if line["iterations"] != "0"]
    return [
        Outlay(
            line["arm"],
            line["task"],
            line["success"] == "1",
            usd_by_card(line, "list-2026-11"),
            None if line["arm"] == "B" else 0.0,
            paper_row(line).wall_s,
            calls=1,
            seated=line["arm"] == "B",
        )
        for line in lines
    ]


def test_the_papers_free_executor_is_dearer_even_at_0_in_eight_pairs_of_nine() -> None:
    found = {(e.side.task, e.other.arm): e.outcome for e in break_evens(published())}
    assert len(found) == 9
    # Where A failed once in four it pays more; B's seconds are not on record.
    assert {pair for pair, outcome in found.items() if outcome != "never"} == {("T2", "A")}
    assert found["T2", "A"] == "at least"


def test_five_of_the_papers_nine_pairs_are_told_apart() -> None:
    told = {(e.side.task, e.other.arm) for e in break_evens(published()) if e.told}
    assert told == {("T1", "A"), ("T1", "C"), ("T1", "D"), ("T3", "A"), ("T3", "D")}


# ---- the chapter ----------------------------------------------------------------------------


def trial(name: str, arm: str, status: str = "solved", *, void: bool = False) -> Trial:
    good = status == "solved"
    row = TrialRow(name, arm, "T1", status, good, 1.0, 7200.0, 3, 1, void=void)  # type: ignore[arg-type]
    lead = {"provider": "anthropic", "model": OPUS}
    executor = {"provider": "ollama", "model": QWEN} if arm == "B" else None
    return Trial(row, {}, {"arm": {"lead": lead, "executor": executor}}, None)


def used(
    name: str, arm: str, usd: float, seconds: float | None = None, rate: Rate = FREE
) -> list[TokenRow]:
    """What a lead paid, and the seconds of its local executor."""
    usage = Usage(round(usd * 1_000_000))
    lead = TokenRow(name, arm, "T1", "orchestrator", OPUS, 0.0, usage, RATE, 5.0, calls=1)
    local = replace(lead, role="executor", model=QWEN, rate=rate, seconds=seconds, calls=2)
    return [lead, *([local] if arm == "B" else [])]


def chapter(*rows: list[TokenRow], void: str = "") -> Section:
    trials = [trial(row[0].trial_id, row[0].arm, void=row[0].trial_id == void) for row in rows]
    found = breakeven_section(trials, [each for row in rows for each in row])
    assert found is not None
    return found


def test_the_chapter_says_the_price_and_what_it_is_made_of() -> None:
    found = chapter(used("b", "B", 1.0, 1800.0), used("a", "A", 2.0))
    assert found.sentences == (
        "On T1, B costs less per solved task than A while an hour of its GPU costs less than "
        "$2.00 (n too small).",
    )
    ((*cells,),) = found.tables[0].rows
    assert cells == [
        "T1", "B", "$1.00", "0.5", "A", "$2.00", "$2.00 (n too small)",
        "the seconds of its calls",
    ]  # fmt: skip


def test_a_dearer_arm_is_told_so_in_words() -> None:
    found = chapter(used("b", "B", 3.0, 1800.0), used("a", "A", 2.0))
    assert found.sentences[0].startswith("On T1, B is dearer than A even at $0 a GPU-hour: it pays")
    assert found.tables[0].rows[0][6] == "dearer even at $0 (n too small)"


@pytest.mark.parametrize("seconds", [None, 1800.0])
def test_a_difference_that_may_be_none_is_called_too_small_to_tell(seconds: float | None) -> None:
    mine = [used(f"b{n}", "B", 1.0 + n, seconds) for n in range(4)]
    dearer = chapter(*mine, *(used(f"a{n}", "A", 2.0 + n / 9) for n in range(4)))
    assert "That is $0.33 more [-0." in dearer.sentences[0]
    assert dearer.sentences[0].endswith("; n too small to tell.")
    cheaper = chapter(*mine, *(used(f"a{n}", "A", 2.5 + n / 9) for n in range(4)))
    assert "; n too small to tell." in cheaper.sentences[0]
    for found in (dearer, cheaper):
        cell = found.tables[0].rows[0][6]
        assert ("(n too small to tell)" in cell, "[below 0" in cell) == (
            seconds is None,
            seconds is not None,
        )


def test_a_difference_that_is_told_needs_no_such_word() -> None:
    mine = [used(f"b{n}", "B", 1.0 + n / 9) for n in range(4)]
    found = chapter(*mine, *(used(f"a{n}", "A", 9.0 + n) for n in range(4)))
    assert "too small" not in found.sentences[0]
    assert any("n = 4: covers less than 95%" in note for note in found.tables[0].notes)


def test_a_price_that_the_card_has_for_the_hour_is_no_part_of_what_was_paid() -> None:
    by_hour = replace(FREE, gpu_hour=9.0)
    found = chapter(used("b", "B", 1.0, 1800.0, by_hour), used("a", "A", 2.0))
    assert found.tables[0].rows[0][2] == "$1.00"


def test_energy_is_part_of_what_was_paid() -> None:
    rate = replace(FREE, kwh=1.0, watts=1000.0)
    row = used("b", "B", 1.0, 1800.0, rate)
    row[1] = replace(row[1], unmetered_s=1800.0)
    assert chapter(row, used("a", "A", 2.0)).tables[0].rows[0][2] == "$1.50"


def test_trials_without_a_result_are_left_out() -> None:
    b, lost, a = used("b", "B", 1.0, 1800.0), used("x", "B", 9.0, 9000.0), used("a", "A", 2.0)
    assert chapter(b, lost, a, void="x").tables[0].rows[0][2] == "$1.00"


def test_seconds_that_are_not_on_record_are_said_to_be_missing() -> None:
    found = chapter(used("b", "B", 1.0, None), used("a", "A", 2.0))
    assert found.sentences == (
        "On T1, B costs less than A at least while a GPU-hour costs less than $0.50. Beside its "
        "local model it pays $1.00 less (n too small). B: seconds of the local model's calls are "
        "not on record; the whole trial is taken as the GPU's.",
    )
    assert found.tables[0].rows[0][6] == "at least $0.50 (n too small)"
    assert found.tables[0].rows[0][7] == "not on record"
