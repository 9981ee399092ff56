"""What the suite's results come to: rows, figures, faults."""

from runner.attack.outcome import Control, Honesty, Outcome, Side
from runner.attack.probes import ProbeResult
from runner.attack.table import Results, Row, as_json, faults, rows, table_text, totals

FOOLED, NOT_FOOLED = Side(True, "exit codes (0, 0, 0)"), Side(False, "exit codes (0, 0, 1)")
REFUSED, SOLVED = Side(False, "refused by files"), Side(True, "the verdict is a success")


def outcome(name: str, naive: Side = FOOLED, ours: Side = REFUSED, row: int = 3) -> Outcome:
    return Outcome(name, name.partition(".")[0], row, "forgery", naive, ours)


def results(*found: Outcome | Control | Honesty | ProbeResult) -> Results:
    made = Results()
    for each in found:
        made.add(each)
    return made


def honest(*, solved: bool, passed: bool) -> Honesty:
    return Honesty("T1/aliased", solved, passed, True, "refused by imports")


def test_an_attack_that_wins_against_ours_is_a_fault_with_its_reason() -> None:
    found = faults(results(outcome("hook.one", ours=SOLVED)))
    assert found == ["hook.one WON against ours: the verdict is a success"]


def test_an_attack_that_does_not_fool_the_naive_side_proves_nothing_and_is_a_fault() -> None:
    found = faults(results(outcome("hook.one", naive=NOT_FOOLED)))
    assert found == ["hook.one did not win against the naive side: exit codes (0, 0, 1)"]


def test_a_naive_side_that_falls_for_no_attack_is_a_fault() -> None:
    assert faults(results(Control("forgery+exit+tests", FOOLED))) == [
        "the naive side falls for no attack (forgery+exit+tests)"
    ]


def test_honest_work_refused_and_no_work_let_through_are_faults() -> None:
    wrong = [honest(solved=True, passed=False), honest(solved=False, passed=True)]
    assert faults(results(*wrong)) == [
        "honest work was refused: T1/aliased: refused by imports",
        "no work was let through: T1/aliased: refused by imports",
    ]


def test_a_probe_that_finds_a_way_out_is_a_fault() -> None:
    found = results(ProbeResult("agent: dns", False, "it answers"))
    assert faults(found) == ["probe agent: dns: it answers"]
    assert totals(found).probes_open == 1


def test_a_run_in_which_all_is_as_it_should_be_has_no_fault() -> None:
    well = results(
        outcome("hook.one"),
        Control("forgery+exit+tests", NOT_FOOLED),
        honest(solved=True, passed=True),
        honest(solved=False, passed=False),
        ProbeResult("agent: dns", True, "nothing stands open"),
    )
    assert faults(well) == []


def test_a_fault_said_at_length_is_cut() -> None:
    (line,) = faults(results(outcome("hook.one", naive=Side(False, "x" * 5_000))))
    assert len(line) < 500


def test_variants_are_counted_by_class_in_the_order_of_the_known_attacks() -> None:
    found = [
        outcome("shim.one", row=23),
        outcome("hook.two", ours=SOLVED),
        outcome("hook.one"),
        outcome("hook.three", naive=NOT_FOOLED),
    ]
    assert rows(found) == [
        Row(3, "hook", "forgery", 3, 2, 1),
        Row(23, "shim", "forgery", 1, 1, 0),
    ]


def test_the_figures_under_the_table_are_those_of_the_results() -> None:
    found = results(
        outcome("hook.one", ours=SOLVED),
        Control("a", FOOLED),
        Control("b", NOT_FOOLED),
        honest(solved=True, passed=False),
        honest(solved=False, passed=False),
    )
    text = table_text(rows(found.outcomes), totals(found))
    assert "1 classes" in text
    assert "won against the naive side without an attack: 1 of 2" in text
    assert "honest work refused: 1 of 1, 1 of them by the whole judge" in text
    assert "nothing done, and let through: 0 of 1" in text


def test_the_data_hold_every_attack_with_both_its_fates() -> None:
    data = as_json(results(outcome("hook.one")), 61.04)
    (attack,) = data["attacks"]  # type: ignore[misc]
    assert (data["seconds"], attack["naive"]["won"], attack["ours"]["won"]) == (61.0, True, False)
