from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from ledger_samples import CARDS, HAIKU, ask, call, content, ended, started, trial, write_journal

from runner.events import AttemptIssued, Event, RunStarted, SessionEnded, SessionStarted
from runner.ledger.database import ingest, rebuild, sync
from runner.ledger.journal import Journal
from runner.ledger.runs import read_run
from runner.types import ProviderKind, Usage

AT = "2026-11-23T11:00:00+01:00"
BEGUN = RunStarted("r1", "scripted", {"arms": ["C"], "name": "\udcff"}, AT)
SESSION = SessionStarted("r1", 3, False, 7, 4, 40.0, None, "here", AT)
PAUSED = SessionEnded("r1", "paused", "interrupted \udcff", AT)
STATE = "SELECT state, sessions, n, fixed, budget_usd, reason, ended_at FROM runs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results" / "journal"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "results" / "trials.duckdb"


def issued(trial_id: str, usd: float) -> AttemptIssued:
    return AttemptIssued("r1", trial_id, "C", "T3", 0, 1, usd)


def same_as_rebuilt(db: Path, folder: Path) -> bool:
    other = db.with_name("other.duckdb")
    rebuild(other, folder, CARDS)
    return content(db) == content(other)


# ---- runs -----------------------------------------------------------------------------------


def test_a_single_trial_is_no_run(db: Path, folder: Path) -> None:
    ingest(db, [write_journal(folder, "r1", trial("t1"))], CARDS)
    assert ask(db, "FROM runs") == []


def test_a_run_goes_from_running_to_its_end_and_on(db: Path, folder: Path) -> None:
    path = folder / "r1.jsonl"
    with Journal.create(path) as journal:
        journal.append(BEGUN)
        journal.append(SESSION)
        sync(db, folder, CARDS)
        assert ask(db, STATE) == [("running", 1, 3, False, 40.0, None, None)]
    sync(db, folder, CARDS)
    assert ask(db, STATE) == [("broken off", 1, 3, False, 40.0, None, None)]
    with Journal.resume(path) as journal:
        journal.append(replace(SESSION, n=5, fixed=True, budget_usd=None))
        sync(db, folder, CARDS)
        assert ask(db, STATE) == [("running", 2, 5, True, None, None, None)]
        journal.append(PAUSED)
    sync(db, folder, CARDS)
    ten = datetime(2026, 11, 23, 10)
    assert ask(db, STATE) == [("paused", 2, 5, True, None, "interrupted ?", ten)]
    with Journal.resume(path):
        sync(db, folder, CARDS)
    sync(db, folder, CARDS)
    assert ask(db, "SELECT state, started_at, lock->>'name' FROM runs") == [("paused", ten, "?")]
    assert same_as_rebuilt(db, folder)


@pytest.mark.parametrize("torn", range(0, 1200, 31))
def test_a_run_torn_anywhere_is_as_whole_as_its_journal(torn: int, shared: Path) -> None:
    folder = shared / str(torn)
    db = folder / "trials.duckdb"
    path = write_journal(folder, "r1", [BEGUN, SESSION, issued("t1", 2.0), started("t1"), PAUSED])
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - torn)])
    whole = data[: max(0, len(data) - torn)].count(b"\n")
    sync(db, folder, CARDS)
    assert ask(db, "SELECT count(*), any_value(sessions) FROM runs") == [
        (int(whole > 1), None if whole < 2 else int(whole > 2))
    ]
    spent = [(None,)] if whole < 4 else [(2.0,)]
    assert ask(db, "SELECT sum(usd) FROM costs WHERE card = 'list-2026-11'") == spent


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torn")


# ---- money set aside for a whole attempt ------------------------------------------------------


COSTS = "SELECT card, role, model, usd, lost_usd FROM costs ORDER BY card, model"


def test_an_attempt_that_never_came_back_counts_by_every_card(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", [BEGUN, SESSION, issued("t1", 2.0), issued("t2", 0.0)])
    sync(db, folder, CARDS)
    assert ask(db, COSTS) == [(card, "", "", 2.0, 2.0) for card in sorted(CARDS)]
    assert ask(
        db, "SELECT trial_id, status, reason, provider_kind, iterations, wall_s FROM trials"
    ) == [("t1", "infra", "issued, and nothing of it came back", "scripted", 0, None)]
    assert ask(db, "SELECT seq, error, lost, reserved_usd FROM calls") == [
        (0, "unsettled", True, 2.0)
    ]
    assert ask(db, "SELECT attempts, infra, total_usd FROM cells") == [(1, 1, 2.0)] * len(CARDS)
    assert ask(db, "FROM issued") == []


def test_an_attempt_in_flight_is_not_yet_lost(db: Path, folder: Path) -> None:
    with Journal.create(folder / "r1.jsonl") as journal:
        for event in (BEGUN, SESSION, issued("t1", 2.0), issued("t2", 3.0)):
            journal.append(event)
        sync(db, folder, CARDS)
        assert ask(db, "FROM trials") == []
        assert ask(db, "SELECT trial_id, usd FROM issued ORDER BY 1") == [("t1", 2.0), ("t2", 3.0)]
        for each in trial("t1"):
            journal.append(each)
        sync(db, folder, CARDS)
        assert ask(db, "SELECT trial_id FROM issued") == [("t2",)]
    sync(db, folder, CARDS)
    assert ask(db, "SELECT trial_id, status FROM trials ORDER BY 1") == [
        ("t1", "solved"),
        ("t2", "infra"),
    ]
    assert same_as_rebuilt(db, folder)


def test_an_attempt_that_was_issued_before_a_later_session_is_lost(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", [BEGUN, SESSION, issued("t1", 2.0)])
    with Journal.resume(path) as journal:
        journal.append(SESSION)
        journal.append(issued("t2", 3.0))
        sync(db, folder, CARDS)
        assert ask(db, "SELECT trial_id FROM trials") == [("t1",)]
    sync(db, folder, CARDS)
    assert ask(db, "SELECT sum(lost_usd) FROM usage") == [(5.0,)]
    assert same_as_rebuilt(db, folder)


@pytest.mark.parametrize("step_bytes", [0, 10_000_000])
@pytest.mark.parametrize(
    "events",
    [
        [issued("t1", 2.0), *trial("t1")],
        [issued("t1", 2.0), started("t1"), *call("t1", 1, Usage(10**6), model=HAIKU)],
        [issued("t1", 2.0)],
        [started("t1"), *call("t1", 1, Usage(10**6))[:1], ended("t1")],
    ],
    ids=["ended", "broken off", "never began", "unsettled"],
)
def test_the_database_and_the_driver_count_the_same_money(
    db: Path, folder: Path, events: Sequence[Event], step_bytes: int
) -> None:
    path = write_journal(folder, "r1", [BEGUN, SESSION, *events, *trial("t9")])
    ingest(db, [path], CARDS, step_bytes=step_bytes)
    for card in CARDS:
        spent = read_run(path, CARDS[card]).spent_usd["C"]
        assert ask(db, f"SELECT sum(usd) FROM costs WHERE card = '{card}'") == [
            (pytest.approx(spent, abs=1e-8),)
        ]


def test_replayed_trials_are_cells_of_their_own(db: Path, folder: Path) -> None:
    trials: list[list[Event]] = [
        [started(name, kind=kind), ended(name)] for name, kind in KINDS.items()
    ]
    ingest(db, [write_journal(folder, "r1", *trials)], CARDS)
    assert ask(
        db, "SELECT provider_kind, attempts FROM cells WHERE card = 'list-2026-11' ORDER BY 1"
    ) == [("live", 1), ("replayed", 1)]


KINDS: dict[str, ProviderKind] = {"t1": "live", "t2": "replayed"}
