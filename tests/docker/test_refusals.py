"""What a trial refuses before it begins, and what is left when it is broken off."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from commandline import ROOT, nothing_left, runner, start

from runner.events import TrialEnded
from runner.ledger.journal_format import read_journal
from runner.scripted.server import ScriptedServer, endpoint

pytestmark = pytest.mark.docker

TRIAL = ("trial", "--arm", "A", "--task", "T2", "--models", "scripted:nop")
NAME = "scripted-A-T2-0-1"


def test_an_image_built_from_other_inputs_is_refused(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    shutil.copytree(ROOT / "breakage", tasks)
    breakage = tasks / "T1" / "breakage.toml"
    breakage.write_text(breakage.read_text().replace("PALETTE_SIZE", "PALETTE_LENGTH"))
    done = runner(
        tmp_path / "results",
        *("trial", "--arm", "A", "--task", "T1", "--models", "scripted"),
        RUNNER_TASKS_DIR=str(tasks),
    )
    assert done.returncode == 3
    assert "the image of task T1 was built from other inputs" in done.stderr
    assert "make image" in done.stderr
    assert not (tmp_path / "results").exists()


def test_an_image_that_was_never_built_is_refused(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    shutil.copytree(ROOT / "breakage" / "T2", tasks / "T7")
    file = tasks / "T7" / "task.toml"
    file.write_text(file.read_text().replace('id = "T2"', 'id = "T7"'))
    done = runner(
        tmp_path / "results",
        *("trial", "--arm", "A", "--task", "T7", "--models", "scripted"),
        RUNNER_TASKS_DIR=str(tasks),
    )
    assert done.returncode == 3
    assert "the image of task T7 is missing; run `make image`" in done.stderr


def test_more_cpus_than_the_engine_has_are_refused(tmp_path: Path) -> None:
    done = runner(tmp_path / "results", *TRIAL, RUNNER_CPUS="9999")
    assert done.returncode == 3
    assert "RUNNER_CPUS is 9999" in done.stderr
    assert "set RUNNER_CPUS=" in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_results_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    done = runner(Path("/proc/results"), *TRIAL)
    assert done.returncode == 3
    assert "/proc/results" in done.stderr
    assert "RUNNER_RESULTS" in done.stderr


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB with nothing free."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
    try:
        (place / "journal").mkdir()
        with (place / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(b"x" * 4096) == 4096 and free(place):
                pass
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def free(place: Path) -> int:
    """Bytes left on a file system."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_refused_before_anything_is_spent(full_disk: Path) -> None:
    done = runner(full_disk, *TRIAL)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert not list((full_disk / "journal").glob("*.jsonl"))


def test_a_database_that_another_process_holds_is_named_with_its_holder(tmp_path: Path) -> None:
    program = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]); "
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "trials.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == "held\n"
        done = runner(tmp_path, *TRIAL, RUNNER_DB_WAIT_S="0.3")
        holder.stdin.close()
    assert done.returncode == 3
    assert str(holder.pid) in done.stderr
    assert not list((tmp_path / "journal").glob("*.jsonl"))


def test_a_database_of_a_newer_runner_is_refused_with_the_fix(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "trials.duckdb")) as connection:
        connection.execute("create table schema_version (version integer)")
        connection.execute("insert into schema_version values (999)")
    done = runner(tmp_path, *TRIAL)
    assert done.returncode == 3
    assert "999" in done.stderr
    assert not list((tmp_path / "journal").glob("*.jsonl"))


def test_the_same_trial_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir(parents=True)
    with start(tmp_path, *TRIAL, "--attempt", "1") as first:
        wait_for_tool_or_call(tmp_path)
        second = runner(tmp_path, *TRIAL, "--attempt", "1")
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
    assert second.returncode == 2
    assert f"run {NAME} is under way in process {first.pid}" in second.stderr
    third = runner(tmp_path, *TRIAL, "--attempt", "1")
    assert third.returncode == 2
    assert f"run {NAME} exists already" in third.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_trial_is_on_record_and_leaves_no_container(
    tmp_path: Path, number: signal.Signals
) -> None:
    with start(tmp_path, *TRIAL) as process:
        wait_for_tool_or_call(tmp_path)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().endswith("interrupted")
    last = read_journal(tmp_path / "journal" / f"{NAME}.jsonl").events[-1]
    assert isinstance(last, TrialEnded)
    assert last.status == "infra"
    assert "interrupted" in last.reason
    assert nothing_left(NAME)


def test_what_a_killed_trial_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    with start(tmp_path, *TRIAL) as process:
        wait_for_tool_or_call(tmp_path)
        process.kill()
        process.communicate(timeout=60)
    assert not nothing_left(NAME)
    done = runner(tmp_path, "clean")
    assert done.returncode == 0
    assert nothing_left(NAME)
    runner(tmp_path, "status")
    shown = runner(tmp_path, "sql", "select status, reason from trials", "--json")
    assert json.loads(shown.stdout)["status"] == "infra"


def test_a_live_trial_takes_any_server_whatever_it_answers(tmp_path: Path) -> None:
    with ScriptedServer({"T2": ()}) as server:
        address = endpoint(server, "nop?fault=html@*", "T2", "solo")
        done = runner(
            tmp_path,
            *("trial", "--arm", "D", "--task", "T2"),
            ANTHROPIC_API_KEY="a-key-of-ours",
            ANTHROPIC_BASE_URL=address,
        )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "INFRA" in done.stdout
    assert "not a reply" in done.stdout
    assert "simulated" not in done.stdout
    server_of = "select manifest->>'$.servers.anthropic' as server from trials"
    assert json.loads(runner(tmp_path, "sql", server_of, "--json").stdout) == {"server": address}
    for path in tmp_path.rglob("*.jsonl"):
        assert "a-key-of-ours" not in path.read_text()


def wait_for_tool_or_call(results: Path) -> None:
    """Until the trial's own container runs its harness: the journal says so."""
    journal = results / "journal" / f"{NAME}.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if journal.exists() and '"harness"' in journal.read_text():
            return
        time.sleep(0.05)
    raise AssertionError("the trial did not come to its harness")
