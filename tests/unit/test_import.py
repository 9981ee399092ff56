"""`runner import`: all or nothing, once and for all, and true to the published figures."""

import json
from pathlib import Path

import pytest
from ledger_samples import ask, content
from published_samples import CARDS, OPUS, failed_start, paper, published, usage, write

from runner.cli.main import main
from runner.ledger.database import rebuild


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record to import into."""
    for name in ("RUNNER_DB", "RUNNER_CARD", "CARD", "AGAINST", "KIND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def database(results: Path) -> Path:
    return results / "trials.duckdb"


def journals(results: Path) -> dict[str, bytes]:
    """Everything in the journal's folder, hidden files too."""
    folder = results / "journal"
    return {p.name: p.read_bytes() for p in folder.iterdir()} if folder.exists() else {}


# ---- refusals ---------------------------------------------------------------------------


def test_one_bad_line_keeps_everything_out(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", published(), json.dumps(published(trial=1))[:200])
    assert main(["import", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert "nothing was imported; --skip-bad imports the rest" in said
    assert "A.jsonl, line 2: the line is cut off" in said
    assert journals(results) == {}


def test_skip_bad_imports_the_rest_and_names_what_is_left_out(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", published(), json.dumps(published(trial=1))[:200])
    (tmp_path / "data" / "B.jsonl").touch()
    assert main(["import", "--skip-bad", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().out
    assert "left out:\n  A.jsonl, line 2: the line is cut off\n  B.jsonl: is empty" in said
    assert ask(database(results), "select trial from trials") == [(0,)]


def test_nothing_but_bad_lines_is_an_error_even_with_skip_bad(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", "{")
    assert main(["import", "--skip-bad", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert "A.jsonl, line 1" in said
    assert "--skip-bad" not in said
    assert journals(results) == {}


def test_of_many_problems_the_first_twenty_are_named_and_the_rest_counted(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", *["{"] * 25)
    assert main(["import", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert "line 20:" in said
    assert "line 21:" not in said
    assert "and 5 more" in said


def test_what_a_file_says_cannot_write_to_the_terminal(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {"\x1b[2Jgpt-9": usage()}
    write(tmp_path / "data", "A.jsonl", published(usage_by_role=models, error="x" * 100_000))
    write(tmp_path / "data", "B.jsonl", published(success="y" * 100_000))
    assert main(["import", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert "unknown model '\\x1b[2Jgpt-9'" in said
    assert "\x1b" not in said
    assert len(said) < 2_000


def test_a_folder_that_is_not_there_is_named(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: cannot be read" in capsys.readouterr().err


def test_a_record_that_cannot_be_written_is_an_environment_problem_and_stays_clean(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", published())
    results.mkdir()
    (results / "journal").write_text("a file in the folder's place")
    assert main(["import", str(tmp_path / "data")]) == 3
    assert "journal" in capsys.readouterr().err


# ---- once and for all -------------------------------------------------------------------


def test_a_second_import_changes_nothing(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", failed_start(), published())
    assert main(["import", str(tmp_path / "data")]) == 0
    first, files = content(database(results)), journals(results)
    assert "imported 2 trials" in capsys.readouterr().out
    assert main(["import", str(tmp_path / "data")]) == 0
    assert "2 trials were there already" in capsys.readouterr().out
    assert content(database(results)) == first
    assert journals(results) == files


def test_a_row_added_later_is_imported_alone(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", published())
    assert main(["import", str(tmp_path / "data")]) == 0
    write(tmp_path / "data", "A.jsonl", published(trial=5), published())
    assert main(["import", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().out
    assert "imported 1 trials" in said
    assert "1 trials were there already" in said
    assert ask(database(results), "select trial from trials order by all") == [(0,), (5,)]


def test_trials_whose_journal_is_lost_are_let_go_of_before_they_can_come_again(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", published())
    assert main(["import", str(tmp_path / "data")]) == 0
    (journal,) = (results / "journal").iterdir()
    journal.unlink()
    write(tmp_path / "data", "A.jsonl", published(), published(trial=1))
    assert main(["import", str(tmp_path / "data")]) == 3
    said = capsys.readouterr().err
    assert f"{journal}, which is missing: put it back" in said
    assert journals(results) == {}
    assert main(["status", "--rebuild"]) == 0
    assert main(["import", str(tmp_path / "data")]) == 0
    assert ask(database(results), "select count(*) from trials") == [(2,)]


def test_the_journal_alone_gives_the_same_database(tmp_path: Path, results: Path) -> None:
    models = {OPUS: usage(1, 2, 3, 4), "qwen-local": usage(0, 0)}
    row = published(arm="B", usage_by_role=models)
    write(tmp_path / "data", "B.jsonl", failed_start(arm="B"), row)
    assert main(["import", str(tmp_path / "data")]) == 0
    before = content(database(results))
    rebuild(database(results), results / "journal", CARDS)
    assert content(database(results)) == before
    (name,) = journals(results)
    assert name.startswith("imported-")


def test_what_was_not_measured_is_null_and_not_zero(tmp_path: Path, results: Path) -> None:
    write(tmp_path / "data", "A.jsonl", published())
    assert main(["import", str(tmp_path / "data")]) == 0
    times = ask(database(results), "select model_s, tool_s, judge_s, started_at from trials")
    assert times == [(None, None, None, None)]
    assert ask(database(results), "select latency_s, reserved_usd from calls") == [(None, None)]


def test_it_says_which_card_gives_the_source_s_own_usd(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "one", "A.jsonl", published())
    assert main(["import", str(tmp_path / "one")]) == 0
    said = capsys.readouterr().out
    assert (
        "1 trials, failed starts: 0; 0.02 USD by the source; the card paper-2026-06 gives" in said
    )
    write(tmp_path / "two", "A.jsonl", published(total_cost_usd=0.02251))
    assert main(["import", str(tmp_path / "two")]) == 0
    assert "no card here gives that for every trial" in capsys.readouterr().out


# ---- the paper's data -------------------------------------------------------------------


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the published data."""
    results = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("RUNNER_DB", raising=False)
        environment.setenv("RUNNER_RESULTS", str(results))
        assert main(["import", str(paper())]) == 0
    return database(results)


def test_the_paper_s_trials_cost_what_it_says_each_and_in_all(db: Path) -> None:
    costs = ask(
        db,
        "select coalesce(sum(usd), 0), any_value((trials.detail->>'source_usd')::double) "
        "from trials left join costs on costs.trial_id = trials.trial_id "
        "and card = 'paper-2026-06' group by trials.trial_id",
    )
    assert len(costs) == 41
    for ours, theirs in costs:
        assert ours == pytest.approx(theirs, abs=1e-6)
    assert f"{sum(float(str(ours)) for ours, _ in costs):.2f}" == "35.98"


def test_the_failed_start_is_kept_and_marked_and_no_result(db: Path) -> None:
    assert ask(
        db, "select arm, task, trial, attempt, iterations, success from trials "
        "where status = 'infra'"
    ) == [("A", "T1", 0, 1, 0, False)]  # fmt: skip
    published_n = {  # solved of trials, the paper's table of medians
        "A": ["3/3", "3/4", "3/3"], "B": ["3/4", "3/3", "3/3"],
        "C": ["3/3", "3/3", "3/3"], "D": ["3/4", "3/4", "3/3"],
    }  # fmt: skip
    ours: dict[str, list[str]] = {}
    for arm, n in ask(
        db, "select arm, count(*) filter (success) || '/' || count(*) filter (status <> 'infra') "
        "from trials group by arm, task order by arm, task"
    ):  # fmt: skip
        ours.setdefault(str(arm), []).append(str(n))
    assert ours == published_n


def test_all_four_unsolved_trials_of_the_paper_met_a_cap(db: Path) -> None:
    unsolved = ask(
        db, "select arm, task, status, iterations from trials "
        "where not success and iterations > 0 order by all"
    )  # fmt: skip
    assert unsolved == [
        ("A", "T2", "cap", 40),
        ("B", "T1", "cap", 30),
        ("D", "T1", "cap", 40),
        ("D", "T2", "cap", 80),
    ]


def test_medians_are_the_published_ones_and_the_repriced_ones(db: Path) -> None:
    medians = {
        "paper-2026-06": [1.74, 1.11, 0.17, 2.27, 1.38, 0.42, 1.67, 0.92, 0.38, 0.30, 0.23, 0.08],
        "list-2026-11": [
            0.579, 0.370, 0.057, 0.758, 0.461, 0.142, 0.646, 0.396, 0.155, 0.303, 0.233, 0.076,
        ],
    }  # fmt: skip
    for card, published_ones in medians.items():
        places = 2 if card.startswith("paper") else 3
        ours = ask(db, f"select median_usd from cells where card = '{card}' order by arm, task")
        assert [round(float(str(usd)), places) for (usd,) in ours] == published_ones


def test_orchestrators_lead_where_there_are_two_models(db: Path) -> None:
    roles = ask(db, "select distinct arm, role, model from calls join trials using (trial_id) "
                    "order by arm, role desc")  # fmt: skip
    assert roles == [
        ("A", "solo", "claude-opus-4-7"),
        ("B", "orchestrator", "claude-opus-4-7"),
        ("B", "executor", "qwen3.5:9b"),
        ("C", "orchestrator", "claude-opus-4-7"),
        ("C", "executor", "claude-haiku-4-5-20251001"),
        ("D", "solo", "claude-haiku-4-5-20251001"),
    ]
