"""Reading on where the last reading stopped: always the same content as reading all anew."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
from ledger_samples import CARDS, ask, call, content, ended, started, trial, write_journal

from runner.errors import EnvironmentProblem
from runner.events import Event, Phase, Waited
from runner.ledger.database import Ingested, ingest, rebuild, sync
from runner.ledger.journal import Journal
from runner.ledger.journal_format import to_json
from runner.ledger.journal_lines import line
from runner.ledger.update import Target, bring, known
from runner.types import Usage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results" / "journal"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "results" / "trials.duckdb"


def side_by_side(*trials: Sequence[Event]) -> list[Event]:
    """Trials' events in turn, as they come from threads."""
    longest = max(map(len, trials))
    return [events[i] for i in range(longest) for events in trials if i < len(events)]


def rebuilt(db: Path, folder: Path) -> dict[str, list[tuple[object, ...]]]:
    other = db.with_name("other.duckdb")
    rebuild(other, folder, CARDS)
    return content(other)


def append(path: Path, *texts: str) -> None:
    """Lines that no writer of ours would write."""
    number = path.read_bytes().count(b"\n")
    with path.open("ab") as file:
        for text in texts:
            number += 1
            file.write(line(number, text))


# ---- what is wrong is never taken ----------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"seq":1', '"seq":1.5', r"CallReserved.seq: 1.5 is not int"),
        ('"seq":1', '"seq":"1"', r"CallReserved.seq: '1' is not int"),
        ('"usd":0.5', '"usd":true', r"CallReserved.usd: True is not float"),
        ('"usd":0.5', '"usd":null', r"CallReserved.usd: None is not float"),
        ('"role":"orchestrator"', '"role":"boss"', r"CallReserved.role: 'boss'"),
        ('"model":"claude-opus-4-7"', '"model":7', r"CallReserved.model: 7 is not str"),
        (',"usd":0.5', "", r"CallReserved lacks 'usd'"),
        ("CallReserved", "CallPromised", r"unknown kind 'CallPromised'"),
    ],
)
def test_a_field_of_another_type_is_refused_by_file_and_line(
    db: Path, folder: Path, old: str, new: str, told: str
) -> None:
    path = write_journal(folder, "r1", [started("t1")])
    append(path, to_json(call("t1", 1, Usage())[0]).replace(old, new))
    with pytest.raises(EnvironmentProblem, match=rf"r1\.jsonl, line 3: {told}"):
        sync(db, folder, CARDS)


def test_a_free_object_that_is_no_json_is_refused_by_file_and_line(db: Path, folder: Path) -> None:
    reserve, settle = call("t1", 1, Usage(1))
    path = write_journal(folder, "r1", [started("t1"), reserve])
    append(path, to_json(settle).replace('"detail":{}', '"detail":{"a":nonsense}'))
    with pytest.raises(EnvironmentProblem, match=r"r1\.jsonl, line 4: not JSON"):
        sync(db, folder, CARDS)


def test_a_number_too_large_for_its_column_names_the_journal(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", [started("t1"), *call("t1", 2**40, Usage(1)), ended("t1")])
    with pytest.raises(EnvironmentProblem, match=r"\(r1\.jsonl\): Conversion Error"):
        sync(db, folder, CARDS)


def test_an_event_in_another_order_or_of_an_older_program_is_taken(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", [started("t1")])
    append(
        path,
        '{"trial_id":"t1","kind":"CallReserved","seq":1,"iteration":1,"role":"solo","model":"m",'
        '"usd":1}',
        '{"kind":"CallSettled","trial_id":"t1","seq":1,"iteration":1,"role":"solo","model":"m",'
        '"usage":{"output_tokens":7},"latency_s":2}',
    )
    sync(db, folder, CARDS)
    assert ask(db, "SELECT reserved_usd, input_tokens, output_tokens, latency_s FROM calls") == [
        (1.0, 0, 7, 2.0)
    ]


@pytest.mark.parametrize(
    "late", [Phase("t1", "judge"), call("t1", 9, Usage())[0], ended("t1"), started("t1")]
)
def test_events_after_a_trials_end_are_not_passed_over(db: Path, folder: Path, late: Event) -> None:
    path = write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    append(path, to_json(late))
    with pytest.raises(EnvironmentProblem, match=r"journal .*r1\.jsonl.* trial t1"):
        sync(db, folder, CARDS)
    with pytest.raises(EnvironmentProblem, match=r"journal .*r1\.jsonl.* trial t1"):
        rebuild(db, folder, CARDS)


# ---- growing --------------------------------------------------------------------------------


def test_a_journal_cut_at_every_line_and_grown_again_gives_the_same(db: Path, folder: Path) -> None:
    waits: list[Event] = [Waited("t2", "slot"), Waited("t2", "slot", 2.0)]
    second = trial("t2", "failed")
    events = side_by_side(trial("t1"), [*second[:4], *waits, *second[4:]], [started("t3")])
    path = write_journal(folder, "r1", events)
    lines = path.read_bytes().splitlines(keepends=True)
    path.unlink()
    with Journal.create(path):  # held: what has no end is under way
        for length in range(1, len(lines) + 1):
            path.write_bytes(b"".join(lines[:length]))
            sync(db, folder, CARDS)
    sync(db, folder, CARDS)
    assert content(db) == rebuilt(db, folder)
    assert sync(db, folder, CARDS) == Ingested()


@pytest.mark.parametrize("step_bytes", [0, 1500, 10_000_000])
def test_small_steps_and_large_ones_give_the_same(db: Path, folder: Path, step_bytes: int) -> None:
    path = write_journal(folder, "r1", side_by_side(*(trial(f"t{i}") for i in range(5))))
    assert ingest(db, [path], CARDS, step_bytes=step_bytes).trials == tuple(
        f"t{i}" for i in range(5)
    )
    assert content(db) == rebuilt(db, folder)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_what_a_killed_one_left_half_done_is_gone_on_with(
    db: Path, folder: Path, steps: int
) -> None:
    path = write_journal(folder, "r1", side_by_side(*(trial(f"t{i}") for i in range(5))))
    code = (
        "import os, sys; from pathlib import Path; from ledger_samples import CARDS\n"
        "from runner.ledger import update; from runner.ledger.database import ingest\n"
        "write, left = update._in_transaction, int(sys.argv[3])\n"
        "def dying(target, act, steps):\n"
        "    global left\n"
        "    found = write(target, act, steps); left -= 1\n"
        "    return found if left else os._exit(9)\n"
        "update._in_transaction = dying\n"
        "ingest(Path(sys.argv[1]), [Path(sys.argv[2])], CARDS, step_bytes=0)\n"
    )
    argv = [sys.executable, "-c", code, str(db), str(path), str(steps)]
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    assert subprocess.run(argv, check=False, env=env).returncode == 9
    assert ask(db, "SELECT count(*) FROM trials") == [(steps,)]
    assert len(sync(db, folder, CARDS).trials) == 5 - steps
    assert content(db) == rebuilt(db, folder)


def test_only_what_is_new_is_read(db: Path, folder: Path) -> None:
    """Damage before the place where reading goes on is not even seen; a rebuild sees it."""
    path = write_journal(folder, "r1", *(trial(f"s{i}") for i in range(4)))
    sync(db, folder, CARDS)
    with Journal.resume(path) as journal:
        for event in trial("t2"):
            journal.append(event)
    path.write_bytes(path.read_bytes().replace(b'"seq":1', b'"seq":9', 1))
    assert sync(db, folder, CARDS).trials == ("t2",)
    with pytest.raises(EnvironmentProblem, match="damaged at line 3"):
        rebuild(db, folder, CARDS)


def test_damage_in_what_is_new_names_the_line(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    with Journal.resume(path) as journal:
        for event in trial("t2"):
            journal.append(event)
    before, damaged, after = path.read_bytes().rpartition(b"claude")
    path.write_bytes(before + damaged.upper() + after)
    with pytest.raises(EnvironmentProblem, match=r"damaged at line 23"):
        sync(db, folder, CARDS)
    assert ask(db, "SELECT trial_id FROM trials") == [("t1",)]


@pytest.mark.parametrize("other", [("u1",), ("u1", "u2", "u3", "u4")], ids=["shorter", "longer"])
def test_a_journal_that_was_put_in_anothers_place_is_read_anew(
    db: Path, folder: Path, other: Sequence[str]
) -> None:
    path = write_journal(folder, "r1", trial("t1"), trial("t2"))
    sync(db, folder, CARDS)
    path.unlink()
    write_journal(folder, "r1", *map(trial, other))
    sync(db, folder, CARDS)
    assert content(db) == rebuilt(db, folder)


def test_a_journal_changed_in_place_is_read_anew(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    path.write_bytes(path.read_bytes().replace(b"1000", b"1001", 1))
    os.utime(path, ns=(1, 1))
    with pytest.raises(EnvironmentProblem, match="damaged at line 4"):
        sync(db, folder, CARDS)


# ---- who writes -----------------------------------------------------------------------------


def test_a_trial_without_an_end_before_a_later_session_is_one_whose_runner_died(
    db: Path, folder: Path
) -> None:
    path = write_journal(folder, "r1", [started("t1"), *call("t1", 1, Usage(10))[:1]])
    with Journal.resume(path) as journal:
        for event in (started("t2"), *trial("t3")):
            journal.append(event)
        found = sync(db, folder, CARDS)
        assert (found.trials, found.running) == (("t1", "t3"), ("t2",))
        assert ask(db, "SELECT trial_id, status, reason FROM trials ORDER BY 1") == [
            ("t1", "infra", "the runner died"),
            ("t3", "solved", "because"),
        ]
        journal.append(ended("t2"))
        assert sync(db, folder, CARDS).trials == ("t2",)
    sync(db, folder, CARDS)
    assert content(db) == rebuilt(db, folder)


def test_the_writers_own_process_may_sync_while_it_writes(db: Path, folder: Path) -> None:
    with Journal.create(folder / "r1.jsonl") as journal:
        journal.append(started("t1"))
        for first in (True, False):  # the tables are made; then there is nothing to write
            assert sync(db, folder, CARDS) == Ingested(running=("t1",), wrote=first)
        journal.append(ended("t1"))
        assert sync(db, folder, CARDS).trials == ("t1",)
        assert sync(db, folder, CARDS) == Ingested()


def test_a_reader_sees_whole_steps_while_they_are_written(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", *(trial(f"t{i}") for i in range(6)))
    ingest(db, [write_journal(folder, "r0", trial("s1", run_id="r0"))], CARDS)
    code = (
        "import sys; from pathlib import Path; from ledger_samples import CARDS\n"
        "from runner.ledger.database import ingest\n"
        "ingest(Path(sys.argv[1]), [Path(sys.argv[2])], CARDS, step_bytes=0)\n"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen([sys.executable, "-c", code, str(db), str(path)], env=env) as other:
        seen = []
        while other.poll() is None:
            seen += ask(db, "SELECT count(*), (SELECT count(*) FROM calls) FROM trials")
    assert other.returncode == 0
    assert all(calls == 3 * trials for trials, calls in seen)  # type: ignore[operator]
    assert ask(db, "SELECT count(*) FROM trials") == [(7,)]


def test_two_that_read_the_same_write_it_once(db: Path, folder: Path) -> None:
    path = write_journal(folder, "r1", trial("t1"), trial("t2"))
    ingest(db, [write_journal(folder, "r0", trial("s1", run_id="r0"))], CARDS)
    target = Target(db, CARDS, wait_s=5, step_bytes=0)
    before = known(target)
    assert bring(target, [path], before).trials == ["t1", "t2"]
    assert bring(target, [path], before).trials == []  # its marks are old
    assert content(db) == rebuilt(db, folder)


def test_tables_of_an_older_program_are_made_anew(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    before = content(db)
    with duckdb.connect(db) as connection:
        connection.execute("UPDATE schema_version SET version = 1")
        connection.execute("DROP TABLE ingested")
    assert sync(db, folder, CARDS).trials == ("t1",)
    assert content(db) == before


def test_a_deleted_database_comes_back(db: Path, folder: Path) -> None:
    write_journal(folder, "r1", trial("t1"))
    sync(db, folder, CARDS)
    before = content(db)
    db.unlink()
    sync(db, folder, CARDS)
    assert content(db) == before
