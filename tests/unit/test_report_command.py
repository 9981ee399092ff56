"""`runner report`: which trials, by which card, where to, and what is said when there are none."""

import re
from pathlib import Path

import pytest
from published_samples import published
from published_samples import write as write_rows
from report_record import HOSTILE, NO_UTF8, OPTIONS, matrix, printed, said, trial, write

from runner.cli import report
from runner.cli.main import main
from runner.cli.report_files import put, put_all, sweep
from runner.errors import EnvironmentProblem, UsageError

PAGE = '<!doctype html>\n<meta charset="utf-8">\n<meta name="generator" content="runner report">\n'
STYLE = "/* runner report */\n"
WRONG_WORDS = [
    (["--kind", "real"], "unknown kind 'real'; there are: live, imported, replayed, scripted"),
    (["--run", "r9"], "there is no trial of run 'r9'; there are: live-run"),
    (["--format", "pdf"], "unknown format 'pdf'; there are: html, md"),
    (["--card", "free"], "unknown rate card 'free'"),
    (["--against", "free"], "unknown rate card 'free'"),
]


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in OPTIONS:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "results"
    (folder / "journal").mkdir(parents=True)
    monkeypatch.setenv("RUNNER_RESULTS", str(folder))
    return folder


@pytest.mark.parametrize(("options", "message"), WRONG_WORDS)
def test_wrong_words_are_named(results: Path, options: list[str], message: str) -> None:
    write(results, [trial()])
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        printed(*options)


def test_a_file_that_cannot_be_written_is_named(results: Path) -> None:
    (results / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*file/report\.md"):
        printed("--out", str(results / "file" / "report.md"))


@pytest.mark.parametrize("options", [["--terminal"], ["--format", "md"], []])
def test_an_empty_record_has_a_report_that_says_so(results: Path, options: list[str]) -> None:
    assert "There are no live trials." in printed(*options)


def test_real_trials_come_first_and_the_others_are_said_to_be_left_out(results: Path) -> None:
    write(results, matrix("scripted"), "scripted")
    write(results, matrix("live", 3), "live")
    text = printed("--terminal")
    assert "24 trials" in text
    assert "Left out: 32 scripted trials (--kind scripted shows them)." in text
    assert "SIMULATED" not in text


def test_without_real_trials_there_is_what_there_is_and_it_is_marked(results: Path) -> None:
    write(results, matrix("scripted"))
    text = printed("--terminal")
    assert text.count("SIMULATED") == 1
    assert "Every arm on every task" in text
    assert text.count("(simulated)") >= 4  # the title of every table


def test_a_kind_that_is_not_there_is_not_replaced_by_another(results: Path) -> None:
    write(results, matrix("scripted"))
    text = printed("--terminal", "--kind", "live")
    assert "There are no live trials." in text
    assert "Left out: 32 scripted trials" in text


def test_kinds_are_mixed_only_when_asked_for_and_then_it_is_said(results: Path) -> None:
    write(results, matrix("scripted", 3), "scripted")
    write(results, matrix("live", 3), "live")
    text = printed("--terminal", "--kind", "live,scripted")
    assert "MIXED KINDS" in text
    assert "SIMULATED" in text
    assert "48 trials" in text


def test_one_run_alone(results: Path) -> None:
    write(results, matrix("live", 3), "live")
    write(results, matrix("scripted", 3), "scripted")
    assert "24 trials" in printed("--terminal", "--run", "scripted-run")


def test_the_name_decides_the_format_and_the_whole_file_appears_at_once(results: Path) -> None:
    write(results, [trial()])
    out = results / "deep" / "answer.md"
    assert f"{out}" in printed("--out", str(out))
    assert out.read_text().startswith("# Arms A on T1\n")
    assert [path.name for path in out.parent.iterdir()] == ["answer.md"]


def test_the_card_prices_the_whole_report(results: Path) -> None:
    write(results, matrix("live"))
    cheap, dear = (
        printed("--terminal", "--card", card, "--against", "list-2026-11")
        for card in ("list-2026-11", "paper-2026-06")
    )
    assert "USD by the rate card list-2026-11" in cheap
    assert "USD by the rate card paper-2026-06" in dear
    assert cheap.split("spent")[0] != dear.split("spent")[0]


def test_nothing_that_models_said_reaches_the_terminal_as_a_command(results: Path) -> None:
    trials = [trial(reason=HOSTILE), trial("D", reason=NO_UTF8)]
    write(results, trials)
    said(results, trials[0])
    for text in (printed("--terminal"), printed("--format", "md")):
        assert "\x1b" not in text.replace("\x1b[0m", "")
        assert "\udcff" not in text
    assert "\\x1b[31mred" in printed("--terminal")


def test_published_data_that_is_wrong_is_named(results: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "data", "A.jsonl", published(), '{"arm": "A", "ta')
    with pytest.raises(UsageError, match=r"A\.jsonl"):
        printed("--paper", str(tmp_path / "data"))


def test_the_papers_tables_are_made_of_the_data_beside_the_project_unless_told_otherwise(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shared" / "paper"
    monkeypatch.setattr(report, "PUBLISHED", folder)
    with pytest.raises(UsageError, match=f"there is no {folder}; give .*: runner report --paper D"):
        printed("--paper", "--terminal")
    folder.parent.mkdir()
    write_rows(folder, "A.jsonl", *(published(trial=n) for n in range(3)))
    assert "Table 3: summary" in printed("--paper", "--terminal")


def test_a_report_of_the_papers_tables_leaves_the_record_alone(
    results: Path, tmp_path: Path
) -> None:
    write_rows(tmp_path / "data", "A.jsonl", *(published(trial=n) for n in range(3)))
    assert "Table 3: summary" in printed("--paper", str(tmp_path / "data"), "--terminal")
    assert list(results.rglob("*")) == [results / "journal"]


def test_imported_rows_say_whose_they_are(results: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "data", "A.jsonl", *(published(trial=n) for n in range(3)))
    assert main(["import", str(tmp_path / "data")]) == 0
    text = printed("--terminal")
    assert "Imported: run and published by others, with their program." in text
    assert text.count("imported") >= 3


def test_pages_of_an_earlier_report_go_and_nothing_else_does(tmp_path: Path) -> None:
    folder = tmp_path / "report-trials"
    mine = put_all(tmp_path, [(f"report-trials/{n}.html", PAGE) for n in range(3)])
    own = {folder / "notes.html": "<p>mine</p>", folder / "deep" / "2.html": PAGE}
    for path, text in own.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (folder / "9.html").symlink_to(folder / "deep" / "2.html")
    sweep(folder, {folder / "1.html"})
    assert mine - set(folder.iterdir()) == {folder / "0.html", folder / "2.html"}
    assert {path: path.read_text() for path in own} == own
    assert (folder / "9.html").is_symlink()


def test_a_report_whose_trials_fit_in_takes_the_folder_of_an_earlier_one_away(
    results: Path,
) -> None:
    write(results, [trial()])
    put_all(results, [("report-trials/old.html", PAGE), ("report-trials/style.css", STYLE)])
    printed()
    assert (results / "report.html").exists()
    assert not (results / "report-trials").exists()


def test_a_file_that_says_the_same_already_is_not_written_again(tmp_path: Path) -> None:
    put(tmp_path / "a", "same")
    before = (tmp_path / "a").stat().st_ino
    put(tmp_path / "a", "same")
    assert (tmp_path / "a").stat().st_ino == before
    put(tmp_path / "a", "other")
    assert (tmp_path / "a").read_text() == "other"
