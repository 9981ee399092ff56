"""What becomes of a run when its containers, or the engine that holds them, go away.

Real containers of a quick stand-in image, and once the real thing. `docs/operations.md` tells the
same to a person; CASES names its rows.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commandline import runner, start
from docker.errors import APIError
from engine_proxy import EngineProxy
from fast_image import TASKS, ensure_fast_images
from report_record import shows_a_simulated_trial_of_t3
from run_record import acknowledged, ended, events_of, faults_in, journal_of, record_of
from run_steps import goes_on, seen, until
from warm import Command, Warm

from runner.events import SessionEnded
from runner.sandbox.engine import Engine, remove_container
from runner.sandbox.reaper import LiveContainer, live_containers

pytestmark = pytest.mark.docker

RUN = ("matrix", "-n", "2", "--arms", "D", "--tasks", "S1", "--jobs", "2", "--models")
QUICK = (*RUN, "scripted:oracle")
SLOW = (*RUN, "scripted:oracle?latency=0.4")


@pytest.fixture(scope="module")
def images(engine: Engine) -> None:
    ensure_fast_images(engine)


@pytest.fixture(scope="module")
def warm(images: None) -> Iterator[Warm]:
    with Warm(docker=True) as commands:
        yield commands


def containers(engine: Engine, results: Path) -> list[LiveContainer]:
    """The run's own containers, in whatever state."""
    run = journal_of(results).stem
    return [each for each in live_containers(engine) if each.run_id == run]


def with_container(engine: Engine, results: Path, command: Command) -> LiveContainer:
    """A container of a trial that has already asked its model something."""
    until(lambda: seen(results, "ToolUsed"), command)
    until(lambda: containers(engine, results), command)
    return containers(engine, results)[0]


# ---- the engine -------------------------------------------------------------------------


def test_an_engine_that_restarts_costs_the_attempts_in_flight_and_no_more(
    warm: Warm, engine: Engine, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    with EngineProxy(tmp_path, engine.address) as proxy:
        command = warm.start(results, *SLOW, DOCKER_HOST=proxy.address)
        with_container(engine, results, command)
        proxy.go()
        until(lambda: seen(results, "TrialEnded"), command)
        proxy.come()
        assert command.wait() == 0, command.said
    statuses = sorted(end.status for end in ended(results))
    assert statuses.count("solved") == 2
    assert set(statuses) == {"infra", "solved"}
    assert faults_in(events_of(results)) == []
    assert containers(engine, results) == []


def test_an_engine_that_stays_away_pauses_the_run(
    warm: Warm, engine: Engine, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    with EngineProxy(tmp_path, engine.address) as proxy:
        command = warm.start(results, *SLOW, DOCKER_HOST=proxy.address, RUNNER_ENGINE_WAIT_S="1")
        with_container(engine, results, command)
        proxy.go()
        assert command.wait() == 3, command.said
    assert "has not answered for 1 s" in command.said
    goes_on(warm, results, *SLOW)
    assert containers(engine, results) == []


def test_an_image_deleted_in_mid_run_pauses_it(warm: Warm, engine: Engine, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    shutil.copytree(TASKS / "S1", tasks / "S9")
    text = (tasks / "S9" / "task.toml").read_text()
    (tasks / "S9" / "task.toml").write_text(text.replace('"S1"', '"S9"'))
    tag = ensure_fast_images(engine, tasks)["S9"]
    run = ("matrix", "-n", "3", "--arms", "D", "--tasks", "S9", "--jobs", "1", "--models")
    command = warm.start(tmp_path / "results", *run, "scripted:oracle", RUNNER_TASKS_DIR=str(tasks))
    until(lambda: seen(tmp_path / "results", "TrialStarted"), command)
    until(lambda: deleted(engine, tag), command)
    assert command.wait() == 3, command.said
    assert "make image" in command.said
    last = events_of(tmp_path / "results")[-1]
    assert isinstance(last, SessionEnded)
    assert last.state == "paused"
    ensure_fast_images(engine, tasks)
    goes_on(warm, tmp_path / "results", *run, "scripted:oracle", n=3, tasks=tasks)
    engine.client.api.remove_image(tag, force=True)


def deleted(engine: Engine, tag: str) -> bool:
    """Whether the image could be deleted at this moment: not while a container is of it."""
    try:
        engine.client.api.remove_image(tag)
    except APIError:
        return False
    return True


# ---- the container ----------------------------------------------------------------------


def killed(engine: Engine, container: str) -> None:
    engine.client.containers.get(container).kill()


@pytest.mark.parametrize("gone", [remove_container, killed])
def test_a_container_removed_or_killed_from_outside_costs_one_attempt(
    warm: Warm, engine: Engine, tmp_path: Path, gone: Callable[[Engine, str], object]
) -> None:
    command = warm.start(tmp_path, *SLOW)
    gone(engine, with_container(engine, tmp_path, command).id)
    assert command.wait() == 0, command.said
    assert sorted(end.status for end in ended(tmp_path)) == ["infra", "solved", "solved"]
    assert containers(engine, tmp_path) == []


def test_a_tool_server_that_is_gone_is_started_anew(
    warm: Warm, engine: Engine, tmp_path: Path
) -> None:
    command = warm.start(tmp_path, *SLOW)
    container = with_container(engine, tmp_path, command)
    kill = ["/bin/bash", "-c", "kill -9 -1"]
    engine.client.containers.get(container.id).exec_run(kill, user="10001:10001")
    assert command.wait() == 0, command.said
    assert "infra" not in {end.status for end in ended(tmp_path)}
    assert containers(engine, tmp_path) == []


# ---- the end ----------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["AttemptIssued", "CallReserved", "CheckDone"])
def test_after_a_sigkill_the_next_command_clears_away_what_it_left(
    warm: Warm, engine: Engine, tmp_path: Path, event: str
) -> None:
    command = warm.start(tmp_path, *QUICK)
    until(lambda: seen(tmp_path, event), command)
    command.send(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    before = acknowledged(tmp_path)
    goes_on(warm, tmp_path, *QUICK)
    assert journal_of(tmp_path).read_bytes().startswith(before)
    assert containers(engine, tmp_path) == []


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGHUP,)]
)
def test_two_interrupts_or_a_sigterm_leave_no_container(
    warm: Warm, engine: Engine, tmp_path: Path, signals: tuple[int, ...]
) -> None:
    command = warm.start(tmp_path, *RUN, "scripted:oracle?latency=30")
    until(lambda: seen(tmp_path, "CallReserved", 2), command)
    assert len(containers(engine, tmp_path)) == 2
    *first, last = signals
    for number in first:  # two that come at once would be one
        command.send(number)
        until(lambda: "no more are sent" in command.said, command)
    command.send(last)
    assert command.wait(60) == 130
    assert containers(engine, tmp_path) == []
    assert "given up" in command.said
    assert "leaked" not in command.said


# ---- the disk ---------------------------------------------------------------------------


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """A file system of that size at `path`."""
    path.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount; tests/unit has a played disk")
def test_a_real_disk_that_fills_up_stops_the_run_until_there_is_room(
    warm: Warm, engine: Engine, tmp_path: Path
) -> None:
    run = (*QUICK[:2], "6", *QUICK[3:])
    with small_disk(tmp_path / "journal", "40k"):
        command = warm.run(tmp_path, *run)
        assert command.code == 3, command.said
        assert "No space left on device" in command.said
        more = ["mount", "-o", "remount,size=4m", "none", str(tmp_path / "journal")]
        subprocess.run(more, check=True)
        goes_on(warm, tmp_path, *run, n=6)
        assert containers(engine, tmp_path) == []


# ---- the real thing ---------------------------------------------------------------------


def test_a_real_cell_killed_in_mid_trial_ends_solved_and_can_be_asked_about_meanwhile(
    engine: Engine, tmp_path: Path
) -> None:
    run = ("matrix", "-n", "1", "--arms", "D", "--tasks", "T3", "--models", "scripted:blunder")
    with start(tmp_path, *run) as first:
        deadline = time.monotonic() + 300
        while not seen(tmp_path, "ToolUsed", 3):
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        first.kill()
        first.communicate()
    before = acknowledged(tmp_path)
    with start(tmp_path, *run) as second:
        while not seen(tmp_path, "SessionStarted", 2):
            assert second.poll() is None
            time.sleep(0.05)
        assert runner(tmp_path, "status").returncode == 0
        asked = runner(tmp_path, "sql", "select count(*) as n from trials where success")
        assert asked.returncode == 0, asked.stderr
        assert second.poll() is None
        out, err = second.communicate(timeout=600)
    assert second.returncode == 0, out + err
    assert [end.status for end in ended(tmp_path)] == ["solved"]
    assert len(record_of(tmp_path).attempts) == 2
    assert journal_of(tmp_path).read_bytes().startswith(before)
    assert containers(engine, tmp_path) == []
    made = runner(tmp_path, "report")
    assert made.returncode == 0, made.stderr
    assert "SIMULATED" in made.stdout
    shows_a_simulated_trial_of_t3((tmp_path / "report.html").read_text())


CASES = (
    ("engine-restarts", test_an_engine_that_restarts_costs_the_attempts_in_flight_and_no_more),
    ("engine-gone", test_an_engine_that_stays_away_pauses_the_run),
    ("image-deleted", test_an_image_deleted_in_mid_run_pauses_it),
    ("container-removed", test_a_container_removed_or_killed_from_outside_costs_one_attempt),
    ("channel-gone", test_a_tool_server_that_is_gone_is_started_anew),
    ("sigkill-containers", test_after_a_sigkill_the_next_command_clears_away_what_it_left),
    ("stop-now-containers", test_two_interrupts_or_a_sigterm_leave_no_container),
    ("disk-full-real", test_a_real_disk_that_fills_up_stops_the_run_until_there_is_room),
    (
        "real-cell",
        test_a_real_cell_killed_in_mid_trial_ends_solved_and_can_be_asked_about_meanwhile,
    ),
)
