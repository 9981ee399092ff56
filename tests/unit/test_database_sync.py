import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from ledger_samples import CARDS, ask, content, trial, write_journal

from runner.errors import EnvironmentProblem
from runner.ledger.database import ingest, rebuild, sync
from runner.ledger.journal import Journal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results" / "journal"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "results" / "trials.duckdb"


def test_sync_takes_what_is_new_or_changed_only(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", trial("t1"))
    assert sync(db, folder, CARDS).trials == ("t1",)
    assert sync(db, folder, CARDS).trials == ()
    write_journal(folder, "r2", trial("t2", run_id="r2"))
    assert sync(db, folder, CARDS).trials == ("t2",)
    with Journal.resume(folder / "r1.jsonl") as journal:
        for event in trial("t3"):
            journal.append(event)
    assert sync(db, folder, CARDS).trials == ("t3",)


def test_sync_brings_a_changed_price_list(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", trial("t1"))
    sync(db, folder, {"paper-2026-06": CARDS["paper-2026-06"]})
    assert ask(db, "SELECT DISTINCT card FROM costs") == [("paper-2026-06",)]
    assert sync(db, folder, CARDS).trials == ()
    assert ask(db, "SELECT DISTINCT card FROM costs ORDER BY 1") == [
        ("list-2026-11",),
        ("paper-2026-06",),
    ]


def test_sync_renews_the_views_an_older_program_made(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    before = content(db)
    with duckdb.connect(db) as connection:
        connection.execute("CREATE OR REPLACE VIEW costs AS SELECT 1 AS nothing")
        connection.execute("UPDATE schema_version SET views = 1")
    sync(db, folder, CARDS)
    assert content(db) == before


def test_sync_finishes_what_a_killed_one_began(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", trial("t1"), trial("t2"), trial("t3"))
    sync(db, folder, CARDS)
    before = content(db)
    with duckdb.connect(db) as connection:  # the state between its last two transactions
        connection.execute("DELETE FROM ingested")
        connection.execute("DELETE FROM median_intervals")
        connection.execute("DELETE FROM rates")
    sync(db, folder, CARDS)
    assert content(db) == before
    assert before["median_intervals"]


def test_a_rebuilt_database_equals_the_one_that_grew(db: Path, folder: Path) -> None:
    for run in ("r1", "r2", "r3"):
        write_journal(folder, run, trial(f"{run}-1", run_id=run), trial(f"{run}-2", "cap"))
        if run != "r1":
            continue
        sync(db, folder, CARDS)
    sync(db, folder, CARDS)
    grown = content(db)
    rebuild(db, folder, CARDS)
    assert content(db) == grown
    assert [path.name for path in db.parent.iterdir() if path.is_file()] == [db.name]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no database " * 1000),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: duckdb.connect(path).execute("UPDATE schema_version SET version = 99").close(),
        lambda path: duckdb.connect(path).execute("DROP TABLE schema_version").close(),
    ],
    ids=["text", "empty", "cut", "newer", "foreign"],
)
def test_a_file_that_cannot_be_used_names_the_fix_and_the_fix_works(
    db: Path, folder: Path, spoil: object
) -> None:
    write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    before = content(db)
    assert callable(spoil)
    spoil(db)
    spoiled = db.read_bytes()
    with pytest.raises(EnvironmentProblem, match=r"--rebuild|RUNNER_DB"):
        sync(db, folder, CARDS)
    with pytest.raises(EnvironmentProblem, match=r"--rebuild|RUNNER_DB"):
        ingest(db, [folder / "r1.jsonl"], CARDS)
    assert db.read_bytes() == spoiled
    rebuild(db, folder, CARDS)
    assert content(db) == before


def test_the_log_of_a_process_that_was_killed_is_not_replayed_into_a_new_file(
    db: Path, folder: Path
) -> None:
    write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1])\n"
        "c.execute(\"UPDATE trials SET status = 'failed'\"); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(db)], check=False)
    assert db.with_name(db.name + ".wal").exists()
    rebuild(db, folder, CARDS)
    assert ask(db, "SELECT status FROM trials") == [("solved",)]
