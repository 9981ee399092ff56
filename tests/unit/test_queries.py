"""The worked queries of docs/queries.md, run as printed on a small database."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from doc_pages import ALL, FENCE
from ledger_samples import CARDS, OPUS, call, ended, started, tool, trial, write_journal

from runner.events import CallReserved, CallSettled, CheckDone, Event
from runner.ledger.database import ingest
from runner.ledger.duck import opened, query
from runner.types import Usage

PAGE = ALL["docs/queries.md"]
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]


def failed(trial_id: str) -> list[Event]:
    """Solo, with a lost call, a changed file and a cap; it reads half of its second prompt anew."""
    return [
        started(trial_id, arm="A"),
        *call(trial_id, 1, Usage(1000, 100), role="solo"),
        tool(trial_id, 1, "bash", 50, role="solo"),
        *call(trial_id, 2, Usage(900, 50, 0, 0, 300), role="solo", iteration=2),
        CallReserved(trial_id, 3, 3, "solo", OPUS, 0.5),
        CallSettled(
            trial_id, 3, 3, "solo", OPUS, Usage(), 2.0, None, None, "connection", lost=True
        ),
        CheckDone(trial_id, "change", True, {"files": ["typer/main.py"], "deleted": []}),
        CheckDone(trial_id, "pytest", False, {"passed": 1}),
        ended(trial_id, "cap", iterations=3),
    ]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("queries")
    journal = write_journal(folder, "r1", trial("t1"), trial("t2"), trial("t3"), failed("t4"))
    ingest(folder / "trials.duckdb", [journal], CARDS)
    return folder / "trials.duckdb"


def sql(number: int) -> str:
    ((_, found),) = [each for each in FENCE.findall(SECTIONS[number - 1]) if each[0] == "sql"]
    return str(found)


def answer(db: Path, number: int) -> list[Mapping[str, object]]:
    table = query(db, sql(number))
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_there_are_fifteen_each_numbered_with_a_question_and_a_way_to_read_it() -> None:
    headings = [section.splitlines()[0] for section in SECTIONS]
    assert [heading.split(".")[0] for heading in headings] == [str(n) for n in range(1, 16)]
    for section, heading in zip(SECTIONS, headings, strict=True):
        assert heading.endswith("?")
        prose = section.removeprefix(heading).split("```")[0]
        assert len(prose.split()) >= 20, heading


@pytest.mark.parametrize("number", range(1, 16))
def test_a_query_runs_as_printed_and_leaves_no_column_empty(db: Path, number: int) -> None:
    rows = answer(db, number)
    assert rows
    for column in rows[0]:
        assert any(row[column] is not None for row in rows), column


def test_the_lost_call_is_in_the_cost_and_named(db: Path) -> None:
    (solo,) = [row for row in answer(db, 1) if row["arm"] == "A"]
    assert (solo["of_which_lost_calls"], solo["unpriced"]) == (0.5, 0)
    (lost,) = [row for row in answer(db, 15) if row["lost"]]
    assert (lost["arm"], lost["error"], lost["counted_usd"]) == ("A", "connection", 0.5)


def test_the_arm_that_solved_something_comes_first(db: Path) -> None:
    assert [(row["arm"], row["solved"]) for row in answer(db, 2)] == [
        ("C", "3 of 3"),
        ("A", "0 of 1"),
    ]


def test_shares_of_the_context_add_up(db: Path) -> None:
    for row in answer(db, 6):
        parts = [float(str(row[name])) for name in ("returns", "own_tool_output", "own_text")]
        assert sum(parts) + float(str(row["base"])) == pytest.approx(1.0, abs=0.002)


def test_only_the_call_that_missed_the_cache_is_counted(db: Path) -> None:
    missed = {(row["trial_id"], row["role"]): row["calls_without_cache"] for row in answer(db, 8)}
    assert missed["t4", "solo"] == 1
    assert missed["t1", "orchestrator"] == 0


def test_the_files_of_a_failing_trial_are_those_its_judge_named(db: Path) -> None:
    assert [(row["trial_id"], row["changed"], row["deleted"]) for row in answer(db, 12)] == [
        ("t4", ["typer/main.py"], [])
    ]


def test_what_met_a_cap_is_told_from_what_failed(db: Path) -> None:
    assert {row["arm"]: row["cut_off"] for row in answer(db, 14)} == {"A": 1, "C": 0}


def python() -> str:
    """The example in Python, for a database in the current folder."""
    ((_, code),) = [each for each in FENCE.findall(PAGE) if each[0] == "python"]
    return str(code).replace("results/", "")


def test_the_example_in_python_runs_as_printed(
    db: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(db.parent)
    exec(python(), {})
    assert "success_rate" in capsys.readouterr().out


# The example as another process runs it, which says when it has to wait.
TELLING = """
import time
pause = time.sleep
def sleep(seconds):
    print("waits", flush=True)
    pause(seconds)
time.sleep = sleep
"""


def test_the_example_in_python_waits_for_a_matrix_that_writes(tmp_path: Path) -> None:
    db = tmp_path / "trials.duckdb"
    ingest(db, [write_journal(tmp_path, "r0", trial("t0", run_id="r0"))], CARDS)
    command = [sys.executable, "-c", TELLING + python()]
    with opened(db, read_only=False, wait_s=5):  # as a matrix has it when it writes
        reader = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None
        assert reader.stdout.readline() == "waits\n"
    with reader:
        number = 0
        while reader.poll() is None:  # and it goes on writing
            number += 1
            run = f"r{number}"
            ingest(db, [write_journal(tmp_path, run, trial(f"t{number}", run_id=run))], CARDS)
        assert "success_rate" in reader.stdout.read()
    assert reader.returncode == 0
    assert len(query(db, "FROM trials").rows) == number + 1
