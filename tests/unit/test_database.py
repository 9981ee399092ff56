from datetime import datetime
from pathlib import Path

import pytest
from ledger_samples import CARDS, ask, call, content, ended, started, tool, trial, write_journal

from runner.errors import EnvironmentProblem
from runner.events import CallSettled, CheckDone, Event
from runner.ledger.database import Ingested, ingest, rebuild, sync
from runner.ledger.journal import Journal
from runner.types import Usage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results" / "journal"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "results" / "trials.duckdb"


# ---- what is written ------------------------------------------------------------------------


def test_a_trial_becomes_rows_in_every_table(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", trial("t1"))
    assert ingest(db, [path], CARDS) == Ingested(trials=("t1",), wrote=True)
    assert ask(db, "SELECT arm, status, success, iterations, wall_s, reason FROM trials") == [
        ("C", "solved", True, 2, 10.0, "because")
    ]
    assert ask(db, "SELECT seq, role, input_tokens, output_tokens, error FROM calls") == [
        (1, "orchestrator", 1000, 100, None),
        (2, "executor", 500, 50, None),
        (3, "orchestrator", 400, 20, None),
    ]
    assert ask(db, "SELECT seq, call_seq, tool, output_chars FROM tool_calls") == [
        (1, 2, "bash", 40),
        (2, 1, "delegate_to_executor", 300),
    ]
    assert ask(db, "SELECT name, passed, detail->>'passed' FROM checks") == [
        ("mypy", True, None),
        ("pytest", True, "1356"),
    ]


def test_times_are_utc_and_text_that_is_no_unicode_is_marked(db: Path, folder: Path) -> None:
    ingest(db, [write_journal(folder, "r1", trial("t1"))], CARDS)
    assert ask(db, "SELECT started_at, manifest->>'name' FROM trials") == [
        (datetime(2026, 11, 23, 10), "?\x00é")
    ]


def test_ingesting_again_changes_nothing(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", trial("t1"), trial("t2", "failed"))
    ingest(db, [path], CARDS)
    before = content(db)
    ingest(db, [path], CARDS)
    assert content(db) == before


def test_a_check_asked_twice_counts_by_its_last_answer(db: Path, folder: Path) -> None:
    events = trial("t1")
    events.insert(-1, CheckDone("t1", "mypy", False, {"errors": 3}))
    ingest(db, [write_journal(folder, "r1", events)], CARDS)
    assert ask(db, "SELECT passed FROM checks WHERE name = 'mypy'") == [(False,)]


def test_a_trial_id_of_another_run_is_refused_and_the_first_stays(db: Path, folder: Path) -> None:
    ingest(db, [write_journal(folder, "r1", trial("t1"))], CARDS)
    other = write_journal(folder, "r2", trial("t1", run_id="r2"))
    with pytest.raises(EnvironmentProblem, match=r"r2\.jsonl holds trial t1, which r1\.jsonl has"):
        ingest(db, [other], CARDS)
    assert ask(db, "SELECT run_id FROM trials") == [("r1",)]


def test_events_of_a_trial_that_never_began_are_not_passed_over(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", trial("t1"), call("t2", 1, Usage(1)))
    with pytest.raises(EnvironmentProblem, match=r"r1\.jsonl: trial t2 has events but no beginn"):
        ingest(db, [path], CARDS)


def test_an_imported_trial_is_possible(db: Path, folder: Path) -> None:
    events: list[Event] = [started("t1", kind="imported"), ended("t1")]
    ingest(db, [write_journal(folder, "r1", events)], CARDS)
    assert ask(db, "SELECT provider_kind FROM trials") == [("imported",)]


# ---- what went wrong is on record -----------------------------------------------------------


def test_a_reserve_that_was_never_settled_is_a_lost_call(db: Path, folder: Path) -> None:
    reserve, _settle = call("t1", 1, Usage())
    path = write_journal(folder, "r1", [started("t1"), reserve, ended("t1", "timeout")])
    ingest(db, [path], CARDS)
    assert ask(db, "SELECT error, lost, input_tokens, output_tokens, reserved_usd FROM calls") == [
        ("unsettled", True, None, None, 0.5)
    ]


def test_a_call_settled_as_lost_keeps_its_error_and_its_reserve(db: Path, folder: Path) -> None:
    reserve, _settle = call("t1", 1, Usage())
    lost = CallSettled(
        "t1", 1, 1, "orchestrator", "claude-opus-4-7", Usage(), 9.0, error="reset", lost=True
    )
    path = write_journal(folder, "r1", [started("t1"), reserve, lost, ended("t1", "infra")])
    ingest(db, [path], CARDS)
    assert ask(db, "SELECT error, lost, output_tokens, latency_s, reserved_usd FROM calls") == [
        ("reset", True, None, 9.0, 0.5)
    ]


def test_a_trial_whose_runner_died_is_infra_with_what_is_known(db: Path, folder: Path) -> None:
    events = [
        started("t1"),
        *call("t1", 1, Usage(10, 10)),
        tool("t1", 1, "bash", 5),
        *call("t1", 2, Usage(10, 10), iteration=2)[:1],
        *call("t1", 3, Usage(10, 10), role="executor", iteration=7),
    ]
    write_journal(folder, "r1", events)
    assert sync(db, folder, CARDS).trials == ("t1",)
    assert ask(
        db,
        "SELECT status, success, harness_green, reason, iterations, model_s, tool_s, wall_s, "
        "ended_at FROM trials",
    ) == [("infra", False, False, "the runner died", 2, 4.0, 0.5, None, None)]


def test_a_running_trial_waits_until_its_writer_has_ended(db: Path, folder: Path) -> None:
    with Journal.create(folder / "r1.jsonl") as journal:
        for event in (*trial("t1"), started("t2")):
            journal.append(event)
        assert sync(db, folder, CARDS) == Ingested(trials=("t1",), running=("t2",), wrote=True)
        assert rebuild(db, folder, CARDS) == Ingested(trials=("t1",), running=("t2",), wrote=True)
        assert ask(db, "SELECT trial_id FROM trials") == [("t1",)]
    assert sync(db, folder, CARDS) == Ingested(trials=("t2",), wrote=True)
    assert ask(db, "SELECT trial_id, status FROM trials ORDER BY 1") == [
        ("t1", "solved"),
        ("t2", "infra"),
    ]


def test_a_torn_journal_gives_what_is_whole_and_is_reported(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", trial("t1"), trial("t2"))
    path.write_bytes(path.read_bytes()[:-9])
    assert sync(db, folder, CARDS).torn == (path,)
    assert ask(db, "SELECT trial_id, status FROM trials ORDER BY 1") == [
        ("t1", "solved"),
        ("t2", "infra"),
    ]


def test_a_damaged_journal_leaves_the_database_alone(db: Path, folder: Path) -> None:
    ingest(db, [write_journal(folder, "r1", trial("t1"))], CARDS)
    before = content(db)
    path = write_journal(folder, "r2", trial("t2", run_id="r2"))
    path.write_bytes(path.read_bytes().replace(b"1000", b"1001", 1))
    for update in (sync, rebuild):
        with pytest.raises(EnvironmentProblem, match=r"r2\.jsonl is damaged at line"):
            update(db, folder, CARDS)
    assert content(db) == before
