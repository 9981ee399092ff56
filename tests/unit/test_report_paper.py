"""The paper's tables from its data: every figure beside ours, every difference explained."""

import pytest
from published_samples import CARDS, KNOWN_MODELS, paper, published, write

from analysis.report.paper import paper_report
from analysis.report.paper_figures import published as printed
from analysis.report.parts import Report
from runner.published.reading import read_folder


@pytest.fixture(scope="module")
def report() -> Report:
    return paper_report(read_folder(paper(), KNOWN_MODELS).rows, CARDS["paper-2026-06"])


def rows(report: Report, same: str) -> list[tuple[str, ...]]:
    """Figures of all tables that are the same ("yes"), are not ("no"), are not printed ("")."""
    return [
        row for each in report.sections for t in each.tables for row in t.rows if row[4] == same
    ]


def test_all_figures_but_four_agree_to_every_printed_digit(report: Report) -> None:
    assert (len(rows(report, "yes")), len(rows(report, "no")), len(rows(report, ""))) == (137, 4, 6)
    assert report.scope[1] == "Total: $35.98 printed, $35.98 ours, by paper-2026-06."


def test_each_difference_is_explained_by_what_the_paper_says_elsewhere(report: Report) -> None:
    found = {row[:2]: row[2:4] for row in rows(report, "no")}
    assert found == {
        ("D-T1", "wall s"): ("758", "757"),
        ("T3", "B-A"): ("+1.00", "+0.56"),
        ("T3", "B-C"): ("-0.11", "+0.56"),
        ("T3", "C-A"): ("+1.00", "+0.56"),
    }
    assert all(row[5] for row in (*rows(report, "no"), *rows(report, "")))
    assert len(report.sections[0].sentences) == 4
    assert not any("Not explained" in line for line in report.sections[0].sentences)


def test_other_data_than_the_published_are_not_explained_away(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = write(tmp_path_factory.mktemp("few"), "A.jsonl", published()).parent
    found = paper_report(read_folder(folder, KNOWN_MODELS).rows, CARDS["paper-2026-06"])
    said = found.sections[0].sentences
    assert "A-T3, low: printed 0.17, ours n too small. Not explained" in "\n".join(said)
    assert len(rows(found, "no")) > 100
    assert not any(row[5] for same in ("no", "") for row in rows(found, same))


def test_the_printed_figures_are_complete() -> None:
    theirs = printed()
    assert len(theirs.summary) == 12
    assert all(len(line.split()) == 9 for line in theirs.summary.values())
    assert all(len(line.split()) == len(theirs.pairs) == 6 for line in theirs.p.values())
    assert len(theirs.delta) == 12
