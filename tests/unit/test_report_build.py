"""What a report says of records that have little to say."""

from pathlib import Path

import pytest
from report_record import (
    AGAINST,
    CARD,
    HAIKU,
    HOSTILE,
    OPTIONS,
    matrix,
    record_of,
    trial,
)  # fmt: skip
from stats_samples import arm

from analysis.prices import price_cells
from analysis.report import results
from analysis.report.build import answered, build
from analysis.report.detail import Places
from analysis.report.markdown import markdown, plain
from analysis.report.method import priced
from analysis.report.page import page
from analysis.report.parts import Report, Table
from analysis.report.rows import Question, chosen_kinds, read_record
from analysis.stats.summary import analyse
from runner.events import CallReserved, CallSettled, Event
from runner.ledger.duck import query
from runner.types import Usage


@pytest.fixture(autouse=True)
def _no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPTIONS:
        monkeypatch.delenv(name, raising=False)


def report_of(folder: Path, *trials: list[Event]) -> Report:
    record = record_of(folder, *trials)
    return build(record, answered(record))


def cells_table(report: Report) -> Table:
    return next(each for each in report.sections if each.name == "cells").tables[0]


def column(found: Table, title: str) -> list[str]:
    place = [each.title for each in found.columns].index(title)
    return [row[place] for row in found.rows]


def test_no_database_is_an_empty_record(tmp_path: Path) -> None:
    record = read_record(Question(tmp_path / "none.duckdb", ("live",), CARD, AGAINST))
    report = build(record, answered(record))
    assert (report.sections, report.answers) == ((), ())
    assert report.scope == ("There are no live trials.",)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_trials_never_look_sure(tmp_path: Path, n: int) -> None:
    report = report_of(tmp_path, *(trial(number=k, read=k) for k in range(n)))
    found = cells_table(report)
    for title in ("USD per solved task", "success rate", "median USD", "median time"):
        assert [cell.endswith("(n too small)") for cell in column(found, title)] == [True], title
    assert "[" not in "".join(cell for row in found.rows for cell in row)


def test_two_small_cells_have_no_p_and_no_delta(tmp_path: Path) -> None:
    report = report_of(tmp_path, *(trial(arm, number=k) for arm in "AD" for k in range(2)))
    tests = next(each for each in report.sections if each.name == "tests")
    ratios, usd = tests.tables[:2]
    assert column(ratios, "told apart") == ["n too small"]
    assert (column(usd, "p"), column(usd, "Cliff's δ")) == (["n too small"], ["–"])
    assert column(usd, "told apart") == ["n too small"]
    assert usd.folded  # it says nothing but that


def test_a_cost_that_is_not_known_is_the_reason_and_not_the_number_of_trials() -> None:
    costs = [1 + n / 100 for n in range(20)]
    ratios, usd, *_ = results.tests_section(
        analyse([*arm("A", *costs), *arm("B", *costs[1:], None)])
    ).tables
    assert ratios.rows == ()
    for title in ("p", "p after Holm", "paper's p", "told apart"):
        assert column(usd, title) == ["not known"], title


def test_nothing_is_divided_by_an_arm_that_costs_nothing_and_its_number_is_not_blamed() -> None:
    answers = analyse([*arm("A", *(1 + n / 100 for n in range(20))), *arm("E", *[0.0] * 20)])
    ratios, usd, *_ = results.tests_section(answers).tables
    assert column(ratios, "times") == ["E costs nothing"]
    assert column(ratios, "told apart") == ["costs nothing"]
    assert column(usd, "told apart") == ["yes"]


@pytest.mark.parametrize(
    ("n", "said"), [(3, "probably, n = 3"), (9, "probably, n = 9"), (10, "yes")]
)
def test_few_trials_are_told_apart_only_probably(n: int, said: str) -> None:
    low, high = ([base + k / 100 for k in range(n)] for base in (1, 9))
    ratios = results.tests_section(analyse([*arm("A", *low), *arm("B", *high)])).tables[0]
    assert column(ratios, "told apart") == [said]


def test_few_equal_costs_are_called_equal_and_not_few() -> None:
    answers = analyse([*arm("A", 1, 1, 1), *arm("E", 2, 2, 2)])
    cells, ratios = (
        results.cells_section(answers, CARD).tables[0],
        results.tests_section(answers).tables[0],
    )
    assert column(cells, "cheapest") == ["all equal", "all equal"]
    assert column(ratios, "told apart") == ["all equal"]


def test_tests_are_open_where_one_of_them_could_tell(tmp_path: Path) -> None:
    trials = [trial(arm, number=k, read=k) for arm in "AD" for k in range(4)]
    report = report_of(tmp_path, *trials)
    tests = next(each for each in report.sections if each.name == "tests")
    assert [each.folded for each in tests.tables[:2]] == [False, False]


@pytest.mark.parametrize(("n", "said"), [(2, "n too small"), (4, "covers less than 95%")])
def test_what_holds_for_every_cell_is_said_once(tmp_path: Path, n: int, said: str) -> None:
    trials = [trial(arm, number=k, read=k) for arm in "AD" for k in range(n)]
    (note,) = (x for x in cells_table(report_of(tmp_path, *trials)).notes if said in x)
    assert note.startswith(f"Every cell: {said}")


def test_what_holds_for_some_cells_names_them(tmp_path: Path) -> None:
    trials = [trial(arm, number=k, read=k) for arm in "AD" for k in range(2 if arm == "A" else 4)]
    assert "A on T1: n too small." in cells_table(report_of(tmp_path, *trials)).notes


def test_one_arm_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    report = report_of(tmp_path, *(trial(number=k, read=k) for k in range(4)))
    said_in = [line for each in report.sections for line in each.sentences]
    assert "There are no two arms to compare." in said_in
    assert any(
        "Only A was run on T1" in line
        for line in (*report.answers[0].rest, *report.answers[0].fine)
    )


def test_all_failures_have_no_cost_per_solved_task(tmp_path: Path) -> None:
    report = report_of(tmp_path, *(trial(number=k, status="failed") for k in range(4)))
    found = cells_table(report)
    assert column(found, "USD per solved task")[0].startswith("no success in 4, $")
    assert column(found, "median USD") == ["no data"]
    assert column(found, "success rate") == ["0% [0%, 49%]"]
    assert "no arm solved the task" in report.answers[0].headline


def test_ties_everywhere_are_no_difference(tmp_path: Path) -> None:
    report = report_of(
        tmp_path, *(trial(arm, number=k, read=0) for arm in ("A", "E") for k in range(4))
    )
    usd = next(each for each in report.sections if each.name == "tests").tables[1]
    assert column(usd, "Cliff's δ") == ["+0.00 negligible"]
    assert column(usd, "p") == ["1.000 (permutation)"]
    assert column(cells_table(report), "median USD") == [
        cell for cell in column(cells_table(report), "median USD") if cell.endswith("(all equal)")
    ]


def test_usage_that_nobody_knows_is_not_taken_for_zero(tmp_path: Path) -> None:
    events = trial()
    name = "live-A-T1-0-1"
    lost: list[Event] = [
        CallReserved(name, 3, 3, "solo", "claude-opus-4-7", 0.5),
        CallSettled(name, 3, 3, "solo", "claude-opus-4-7", Usage(), None, error="gone", lost=True),
    ]
    record = record_of(tmp_path, [*events[:-1], *lost, events[-1]])
    (found,) = record.trials
    assert found.row.tokens is None
    assert found.facts["lost_usd"] == 0.5
    report = build(record, answered(record))
    prices = next(each for each in report.sections if each.name == "prices")
    assert any(line.startswith("Lost: calls of 1 trials") for line in prices.sentences)


def test_a_model_without_a_price_is_named_and_costs_nothing_known(tmp_path: Path) -> None:
    events: list[Event] = [
        CallSettled(e.trial_id, e.seq, e.iteration, e.role, "new-model", e.usage, 1.0)
        if isinstance(e, CallSettled)
        else e
        for e in trial()
    ]
    report = report_of(tmp_path, events)
    assert column(cells_table(report), "USD per solved task") == ["not known for 1 of 1"]
    prices = next(each for each in report.sections if each.name == "prices")
    assert any("has none for new-model" in line for line in prices.sentences)


@pytest.mark.parametrize("limit", ["arm", "run"])
def test_a_trial_cut_short_by_what_others_spent_is_no_result(tmp_path: Path, limit: str) -> None:
    record = record_of(tmp_path, trial(), trial(number=1, status="budget", limit=limit))
    assert [each.row.void for each in record.trials] == [False, True]
    report = build(record, answered(record))
    assert "1 are results, 1 are not (infrastructure, cut short)." in report.scope
    assert column(cells_table(report), "solved") == ["1 of 1"]
    assert column(report.sections[-1].tables[0], "status") == ["solved", "budget (no result)"]


def test_a_trial_at_its_own_limit_is_a_result(tmp_path: Path) -> None:
    record = record_of(tmp_path, trial(status="budget", limit="trial"), trial(number=1))
    assert [each.row.void for each in record.trials] == [False, False]


def test_the_kind_that_tells_most_about_models_is_chosen() -> None:
    assert chosen_kinds({"scripted": 9, "replayed": 2}) == ("replayed",)
    assert chosen_kinds({"imported": 40, "scripted": 9}) == ("imported",)
    assert chosen_kinds({"scripted": 9, "live": 1}) == ("live",)
    assert chosen_kinds({}) == ("live",)
    assert chosen_kinds({"live": 1}, ("scripted", "live")) == ("live", "scripted")


def test_caps_models_and_images_are_told_from_manifests(tmp_path: Path) -> None:
    report = report_of(tmp_path, trial(), trial("C"))
    method = next(each for each in report.sections if each.name == "method")
    caps, made_of = method.tables
    assert column(caps, "most turns") == ["40", "40"]
    assert column(caps, "executor") == ["–", HAIKU]
    assert ("image of T1", "runner/typer:t1-0 (sha256:0)", "all") in made_of.rows


def test_markdown_shows_what_was_written_and_obeys_none_of_it(tmp_path: Path) -> None:
    report = report_of(tmp_path, trial(reason=f"{HOSTILE} | [x](y) `z`"))
    row = next(line for line in markdown(report).splitlines() if "window.ran" in line)
    assert row.count(" | ") == len(report.sections[-1].tables[0].columns) - 1
    assert r"\<script\>" in row
    assert r"\[x\](y) \`z\`" in row


@pytest.mark.parametrize("text", ["a\nb", "# a", "*a*", "<b>", "a|b", "`a`", "~~a~~", "$a$"])
def test_no_mark_of_markdown_is_left_alone(text: str) -> None:
    for mark in "#*<>|`~$":
        assert plain(text).count(f"\\{mark}") == text.count(mark)
    assert "\n" not in plain(text)


def test_page_markdown_and_sections_come_in_one_order(tmp_path: Path) -> None:
    record = record_of(tmp_path, *matrix("live", 3))
    report = build(record, answered(record))
    html = page(report, record.trials, Places(tmp_path, tmp_path, {}), "trials").html
    text = markdown(report)
    titles = [each.title for each in report.sections]
    assert titles == ["Results", "How sure it is", "Prices", "How it was run", "Every trial"]
    for shown in (html, text):
        places = [shown.index(f">{t}</h2>" if shown is html else f"\n## {t}") for t in titles]
        assert places == sorted(places)
        assert shown.index("cheapest per solved task") < places[0]


def test_usd_per_solved_task_is_one_figure_wherever_it_is_shown(tmp_path: Path) -> None:
    record = record_of(
        tmp_path,
        trial(),
        trial(number=1, status="failed", read=90_000),
        trial(number=2, status="infra", read=500_000),
        trial(number=3, status="budget", read=700_000, limit="run"),
        trial(number=4, status="budget", read=800_000, limit="trial"),
    )
    asked = "select usd_per_success, median_usd from cells where card = $card"
    database = tmp_path / "trials.duckdb"
    ((viewed, median),) = query(database, asked, parameters={"card": CARD}).rows
    (task,) = answered(record).tasks
    (cell,) = price_cells(priced(each) for each in record.trials)
    assert task.cells[0].trials == cell.results == 3
    assert cell.usd_per_solved.after == pytest.approx(viewed)
    assert task.cells[0].usd_per_solved.value == pytest.approx(viewed)
    assert task.cells[0].metrics["usd"].median.value == pytest.approx(median)
    assert cell.median_usd.after == pytest.approx(median)
    report = build(record, answered(record))
    prices = next(each for each in report.sections if each.name == "prices")
    assert (
        "trials without one (infrastructure, cut short) are in neither" in prices.tables[0].notes[0]
    )
