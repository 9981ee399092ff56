"""`runner export`: every table as it is, the paper's flat file, and nothing half done."""

import csv
from pathlib import Path

import duckdb
import pytest
from ledger_samples import CARDS, HAIKU, OPUS, call, ended, started, trial, write_journal
from published_samples import paper, published, write

from runner.cli.flat import COLUMNS
from runner.cli.main import main
from runner.errors import EnvironmentProblem
from runner.events import CheckDone, Event
from runner.ledger.database import ingest
from runner.ledger.duck import DatabaseBusy, opened
from runner.ledger.export import export_tables
from runner.types import ProviderKind, Usage

PUBLIC = {
    "trials", "calls", "tool_calls", "checks", "rates", "costs", "cells", "context_growth",
}  # fmt: skip


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record whose commands see no option of this machine's."""
    for name in ("RUNNER_DB", "RUNNER_CARD", "CARD", "KIND", "CSV", "FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path / "results"))
    (tmp_path / "results" / "journal").mkdir(parents=True)
    return tmp_path / "results"


def put(results: Path, name: str, *events: Event, kind: ProviderKind = "live") -> None:
    """A trial of arm C on T3 on record, with these events between its start and its end."""
    begun = started(name, run_id=name, kind=kind)
    write_journal(results / "journal", name, [begun, *events])


def flat(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# ---- what is in the way -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "one of the arguments --csv --parquet --jsonl is required"),
        (["--csv", "--jsonl"], "not allowed with argument --csv"),
    ],
)
def test_one_format_is_asked_for(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", *options, str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--card", "free"], "unknown rate card 'free'"),
        (["--kind", "real"], "unknown kind 'real'"),
    ],
)
def test_wrong_words_are_named_and_nothing_is_written(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["export", "--csv", *options, str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_export_is_replaced_only_when_told_to(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["export", "--csv", str(out)]) == 0
    before = files(out)
    assert main(["export", "--jsonl", str(out)]) == 2
    assert "holds an export already: --force replaces it" in capsys.readouterr().err
    assert files(out) == before
    assert main(["export", "--jsonl", "--force", str(out)]) == 0
    assert {Path(name).suffix for name in files(out)} == {".csv", ".jsonl"}
    assert [name for name in files(out) if name.endswith(".csv")] == ["trials.csv"]


def test_a_folder_with_anything_else_in_it_is_never_replaced(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    assert main(["export", "--csv", "--force", str(out)]) == 2
    assert "holds thesis.tex, which is no export" in capsys.readouterr().err
    assert files(out) == {"thesis.tex": b"years of work"}


def test_a_file_in_the_place_of_the_folder_is_named(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    assert main(["export", "--csv", "--force", str(tmp_path / "out")]) == 2
    assert "out: is a file: name a folder" in capsys.readouterr().err


def test_what_cannot_be_written_is_an_environment_problem(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--csv", str(tmp_path / ("x" * 255))]) == 3
    assert "File name too long" in capsys.readouterr().err


def test_a_database_that_is_held_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"none\.duckdb cannot be read"):
        export_tables(tmp_path / "none.duckdb", tmp_path, "csv")
    db = tmp_path / "trials.duckdb"
    ingest(db, [], CARDS)
    with opened(db, read_only=False, wait_s=1), pytest.raises(DatabaseBusy, match="is held by"):
        export_tables(db, tmp_path, "csv", wait_s=0)


def test_a_folder_that_refuses_a_table_is_named(tmp_path: Path) -> None:
    db = tmp_path / "trials.duckdb"
    ingest(db, [], CARDS)
    (tmp_path / "calls.csv").mkdir()
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*calls\.csv"):
        export_tables(db, tmp_path, "csv")


def test_an_empty_record_gives_empty_files(tmp_path: Path, results: Path) -> None:
    assert main(["export", "--csv", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "trials.csv").read_text().split() == [",".join(COLUMNS)]
    assert flat(tmp_path / "out") == []


def test_nothing_is_left_beside_the_export(tmp_path: Path, results: Path) -> None:
    (tmp_path / "place").mkdir()
    for _ in range(2):
        assert main(["export", "--csv", "--force", str(tmp_path / "place" / "it's out")]) == 0
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["it's out"]


# ---- tables -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_each_table_is_whole_and_can_be_read_back(tmp_path: Path, results: Path, form: str) -> None:
    write_journal(results / "journal", "r1", trial("t1"), trial("t2", "failed"))
    assert main(["export", f"--{form}", str(tmp_path / "out")]) == 0
    tables = tmp_path / "out" / "tables"
    written = {path.stem for path in tables.glob(f"*.{form}")}
    assert written >= PUBLIC
    assert written.isdisjoint({"ingested", "schema_version", "median_intervals", "cell_samples"})
    reader = {"csv": "read_csv", "parquet": "read_parquet", "jsonl": "read_json"}[form]
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{results / 'trials.duckdb'}' AS original (READ_ONLY)")
        for name in written:
            count, again = (
                connection.execute(f"SELECT count(*) FROM {source}").fetchone()
                for source in (f"original.{name}", f"{reader}('{tables / name}.{form}')")
            )
            assert count == again, name
        usd = connection.execute(
            f"SELECT sum(usd) FROM {reader}('{tables / 'costs'}.{form}') WHERE card LIKE 'list%'"
        ).fetchone()
        assert (
            usd
            == connection.execute(
                "SELECT sum(usd) FROM original.costs WHERE card LIKE 'list%'"
            ).fetchone()
        )


# ---- the flat file ----------------------------------------------------------------------


def test_an_import_of_the_paper_exports_its_own_file_byte_for_byte(
    tmp_path: Path, results: Path
) -> None:
    theirs = (paper() / "trials.csv").read_bytes()
    assert main(["import", str(paper())]) == 0
    assert main(["export", "--csv", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "trials.csv").read_bytes() == theirs


def test_cost_usd_is_by_the_card_that_was_asked_for(tmp_path: Path, results: Path) -> None:
    write(tmp_path / "data", "A.jsonl", published())
    assert main(["import", str(tmp_path / "data")]) == 0
    costs = {}
    for card in CARDS:
        assert main(["export", "--csv", "--card", card, str(tmp_path / card)]) == 0
        costs[card] = flat(tmp_path / card)[0]["cost_usd"]
    assert costs == {"paper-2026-06": "0.0225", "list-2026-11": "0.0075"}


def test_a_trial_of_our_own_in_the_paper_s_columns(tmp_path: Path, results: Path) -> None:
    put(
        results,
        "t1",
        *call("t1", 1, Usage(1, 2, 3, 4, 5)),
        *call("t1", 2, Usage(10, 20, 30, 40, 50), role="executor", model=HAIKU),
        CheckDone("t1", "mypy", False),
        ended("t1", "blocked"),
    )
    assert main(["export", "--csv", str(tmp_path / "out")]) == 0
    (row,) = flat(tmp_path / "out")
    assert list(row) == list(COLUMNS)
    assert row == {
        "arm": "C", "task": "T3", "trial": "0", "success": "0", "blocked": "1",
        "wall_sec": "10.0", "iterations": "2", "cost_usd": row["cost_usd"],
        "opus_in": "1", "opus_out": "2", "opus_cache_w": "7", "opus_cache_r": "5",
        "haiku_in": "10", "haiku_out": "20", "haiku_cache_w": "70", "haiku_cache_r": "50",
        "qwen_present": "0", "verify_exit": "1",
    }  # fmt: skip
    by_hand = (1 * 15 + 2 * 75 + 3 * 18.75 + 4 * 30 + 5 * 1.5) / 1e6
    by_hand += (10 * 1 + 20 * 5 + 30 * 1.25 + 40 * 2 + 50 * 0.1) / 1e6
    assert float(row["cost_usd"]) == pytest.approx(by_hand, abs=5e-7)


def test_a_trial_that_was_never_judged_has_no_verify_exit(tmp_path: Path, results: Path) -> None:
    put(results, "t1", ended("t1", "infra"))
    assert main(["export", "--csv", str(tmp_path / "out")]) == 0
    (row,) = flat(tmp_path / "out")
    assert (row["verify_exit"], row["cost_usd"]) == ("", "0.0")


def test_a_cost_that_the_card_cannot_tell_is_empty_and_said(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(results, "t1", *call("t1", 1, Usage(9), model="claude-sonnet-5-5"), ended("t1"))
    assert main(["export", "--csv", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "1 rows have no cost_usd: paper-2026-06 lacks a price of their models" in said
    assert "claude-sonnet-5-5 (1 trials) has no columns of its own" in said
    assert flat(tmp_path / "out")[0]["cost_usd"] == ""


def test_kinds_are_never_mixed_and_a_simulated_row_says_so(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(results, "t1", *call("t1", 1, Usage(9), model=OPUS), ended("t1"))
    put(results, "t2", ended("t2"), kind="scripted")
    assert main(["export", "--csv", str(tmp_path / "real")]) == 0
    assert "1 scripted trials are not in it: --kind scripted" in capsys.readouterr().out
    assert [row["arm"] for row in flat(tmp_path / "real")] == ["C"]
    assert main(["export", "--csv", "--kind", "scripted", str(tmp_path / "played")]) == 0
    assert [row["arm"] for row in flat(tmp_path / "played")] == ["C (simulated)"]
