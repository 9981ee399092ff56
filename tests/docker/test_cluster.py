"""A run on two workers, with real trials in real containers: one worker is killed in mid-run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commandline import ROOT, runner, start
from fast_image import TASKS, ensure_fast_images
from run_record import ended, events_of, faults_in, record_of

from runner.events import SessionStarted
from runner.matrix.schedule import counts
from runner.sandbox.engine import Engine, remove_container
from runner.sandbox.reaper import live_containers

pytestmark = pytest.mark.docker

PATIENCE_S = 120.0
WORKER = ("--no-nanny", "--no-dashboard", "--memory-limit", "0", "--nthreads", "2")
PLACES = ("--resources", "trial=2 judge=1", "--preload", "runner.cluster.worker")
RUN = ("matrix", "-n", "2", "--arms", "C,D", "--tasks", "S1,S2")
MODELS = ("--models", "scripted:oracle?latency=0.4")


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # a file tells nobody that it has grown


class Cluster:
    """Dask's own commands on loopback, each with the results folder of a machine of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        says = folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(says))
        until(lambda: says.exists() and says.read_text().strip())
        self.address: str = json.loads(says.read_text())["address"]
        self.workers = [self.start("worker", self.address, *WORKER, *PLACES) for _ in range(2)]

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        own = self.folder / f"{command[0]}-{len(self.processes)}"
        own.mkdir()
        with (own / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=os.environ | {"RUNNER_RESULTS": str(own), "RUNNER_TASKS_DIR": str(TASKS)},
            )
        self.processes.append(process)
        return process

    def asked(self, worker: int) -> bool:
        """Whether a trial of this worker has asked its model something."""
        journals = (self.folder / f"worker-{worker}" / "remote").glob("*/*/journal.jsonl")
        return any(b'"CallSettled"' in path.read_bytes() for path in journals)


@pytest.fixture
def cluster(engine: Engine, tmp_path: Path) -> Iterator[Cluster]:
    ensure_fast_images(engine)
    found = Cluster(tmp_path)
    yield found
    for process in found.processes:
        process.kill()
        process.wait()


def test_a_run_completes_though_a_worker_is_killed_and_counts_each_attempt_once(
    cluster: Cluster, engine: Engine, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    where = ("--cluster", cluster.address)
    with start(results, *RUN, *MODELS, *where, RUNNER_TASKS_DIR=str(TASKS)) as command:
        until(lambda: cluster.asked(1) and cluster.asked(2))
        until(lambda: "bash" in runner(results, "status").stdout)  # in another terminal
        cluster.workers[0].kill()
        out, err = command.communicate(timeout=600)
    assert command.returncode == 0, out + err
    assert faults_in(events_of(results)) == []
    (began,) = (event for event in events_of(results) if isinstance(event, SessionStarted))
    assert (began.jobs, began.slots) in {(2, 0), (4, 0)}  # the places of the workers there by then
    assert sum(end.status == "solved" for end in ended(results)) == 8
    lost = [end for end in ended(results) if not counts(end)]
    assert 1 <= len(lost) <= 2
    assert all("died" in end.reason for end in lost)
    by_id = {attempt.trial_id: attempt for attempt in record_of(results).attempts}
    assert all(by_id[end.trial_id].usd == 10.0 for end in lost)  # the arms' cap of a trial
    solved = [end.trial_id for end in ended(results) if end.status == "solved"]
    assert all((results / "transcripts" / f"{name}.jsonl").exists() for name in solved)
    for container in live_containers(engine):  # what the dead worker left, as `make clean` would
        if container.trial_id in by_id:
            remove_container(engine, container.id)
