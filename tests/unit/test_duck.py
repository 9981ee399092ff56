import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ledger_samples import CARDS, ask, trial, write_journal

from runner.errors import EnvironmentProblem, UsageError
from runner.ledger.database import ingest, rebuild, sync
from runner.ledger.duck import DatabaseBusy, query


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results" / "journal"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "results" / "trials.duckdb"


# ---- who may open it ------------------------------------------------------------------------


def test_a_file_held_by_another_process_is_waited_for_then_its_holder_named(
    db: Path, folder: Path
) -> None:
    write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    path = write_journal(folder, "r2", trial("t2", run_id="r2"))
    code = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('ready', flush=True)\n"
        "sys.stdin.readline(); c.close()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(db)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        assert other.stdin
        assert other.stdout.readline() == "ready\n"
        told = rf"held by process {other.pid} \(.*python.*\).* journal is safe"
        with pytest.raises(DatabaseBusy, match=told):
            ingest(db, [path], CARDS, wait_s=0.1)
        with pytest.raises(DatabaseBusy, match=told):
            query(db, "FROM trials", wait_s=0.1)
        with pytest.raises(DatabaseBusy, match=told):
            rebuild(db, folder, CARDS, wait_s=0.1)
        threading.Timer(0.2, lambda: other.communicate("\n")).start()
        assert ingest(db, [path], CARDS, wait_s=20).trials == ("t2",)


def test_threads_may_ingest_and_ask_at_the_same_time(db: Path, folder: Path) -> None:
    paths = [write_journal(folder, f"r{i}", trial(f"t{i}", run_id=f"r{i}")) for i in range(4)]
    ingest(db, paths[:1], CARDS)
    failed: list[BaseException] = []

    def attempt(number: int) -> None:
        try:
            ingest(db, [paths[number]], CARDS)
            query(db, "FROM trials")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert ask(db, "SELECT count(*) FROM trials") == [(4,)]


def test_a_full_disk_is_named_and_what_was_there_stays(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    write_journal(folder, "r2", trial("t2", run_id="r2"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(EnvironmentProblem, match=r"trials\.duckdb.*free some space"):
            sync(db, folder, CARDS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ask(db, "SELECT trial_id FROM trials") == [("t1",)]
    sync(db, folder, CARDS)
    assert ask(db, "SELECT count(*) FROM trials") == [(2,)]


def test_a_folder_that_cannot_be_written_is_named(folder: Path) -> None:
    write_journal(folder, "r1", trial("t1"))
    for update in (sync, rebuild):
        with pytest.raises(EnvironmentProblem, match=r"/sys/.*RUNNER_DB"):
            update(Path("/sys/here/trials.duckdb"), folder, CARDS)


# ---- asking ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("DELETE FROM trials", "read-only"),
        ("DROP VIEW cells", "read-only"),
        ("COPY trials TO 'stolen.csv'", "disabled by configuration"),
        ("FROM read_text('/etc/hostname')", "disabled by configuration"),
        ("SET enable_external_access = true", "configuration"),
        ("SELECT nonsense FROM trials", "nonsense"),
        ("SELEC 1", "syntax error"),
        ("", "one SQL statement"),
        ("SELECT 1; SELECT 2", "one SQL statement"),
    ],
)
def test_sql_that_is_wrong_or_writes_is_a_usage_error(
    db: Path, folder: Path, sql: str, told: str
) -> None:
    ingest(db, [write_journal(folder, "r1", trial("t1"))], CARDS)
    with pytest.raises(UsageError, match=told):
        query(db, sql)
    assert ask(db, "SELECT count(*) FROM trials") == [(1,)]


def test_asking_before_there_is_a_database_says_what_to_do(db: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"no database at .* yet"):
        query(db, "SELECT 1")
    assert not db.exists()


def test_an_answer_has_names_and_rows(db: Path, folder: Path) -> None:
    ingest(db, [write_journal(folder, "r1", trial("t1"))], CARDS)
    table = query(db, "SELECT 1 AS one, 'b' AS two")
    assert (table.columns, table.rows) == (("one", "two"), ((1, "b"),))


def test_values_travel_apart_from_the_sql(db: Path, folder: Path) -> None:
    ingest(db, [write_journal(folder, "r1", trial("t1"))], CARDS)
    table = query(db, "SELECT $word AS word", parameters={"word": "'; DROP TABLE trials"})
    assert table.rows == (("'; DROP TABLE trials",),)
