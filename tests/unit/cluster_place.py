"""A Dask cluster of real processes on loopback, and a run to try on it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster_stand_in import USAGE
from ledger_samples import CARDS, OPUS

from runner.cluster.connection import ClusterSettings
from runner.cluster.dask_engine import DaskEngine
from runner.cluster.facts import plain
from runner.cluster.settle import RemoteRun
from runner.events import AttemptIssued, Event, RunStarted, TrialEnded
from runner.ledger.journal import Journal
from runner.ledger.journal_format import read_journal
from runner.ledger.runs import RunRecord, read_run
from runner.matrix.engine import Attempt, Cell, Need, Outcome, StopAsked

HERE = Path(__file__).parent
CARD = CARDS["list-2026-11"]
CAP_USD = 2.0
CALL_USD = CARD.usd(OPUS, USAGE)
PATIENCE_S = 40.0  # for what should take a second on a machine that is busy
QUICK = ClusterSettings(
    renew_s=0.2, lease_s=20.0, worker_ttl_s=25.0, no_workers_s=PATIENCE_S, watch_s=0.05
)


def until(holds: Callable[[], object]) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@dataclass
class Place:
    """Processes started here and killed by their ids; `tls` are options of Dask's commands."""

    folder: Path
    tls: tuple[str, ...] = ()
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""

    def start_scheduler(self) -> "subprocess.Popen[bytes]":
        says = self.folder / "scheduler.json"
        protocol = ("--protocol", "tls") if self.tls else ()
        options: tuple[str, ...]
        options = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(says), *protocol)
        options += ("--preload", "runner.cluster.claims", "--no-dashboard")
        process = self._start("scheduler", *options)
        until(lambda: says.exists() and says.read_text().strip())
        self.address = json.loads(says.read_text())["address"]
        return process

    def start_worker(
        self, resources: str = "trial=4 judge=3", *, code: Path | None = None, **environment: str
    ) -> "subprocess.Popen[bytes]":
        """`code` is the folder of another copy of the program than this one."""
        if code:
            environment |= {"PYTHONPATH": f"{code}{os.pathsep}{HERE}"}
        options: tuple[str, ...]
        options = ("--no-nanny", "--nthreads", "8", "--resources", resources, "--no-dashboard")
        options += ("--memory-limit", "0", "--local-directory", str(self.folder))
        options += ("--preload", "runner.cluster.worker", "--preload", "cluster_stand_in")
        return self._start("worker", self.address, *options, **environment)

    def _start(self, what: str, *options: str, **environment: str) -> "subprocess.Popen[bytes]":
        number = len(self.processes)
        env = os.environ | {"PYTHONPATH": str(HERE), "RUNNER_RESULTS": str(self.folder / "there")}
        with (self.folder / f"{what}-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", what, *options, *self.tls],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=env | environment,
            )
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.processes:
            process.wait()


@dataclass
class Trip:
    """A run on a place: what was recorded, what was seen, what the workers' diary says."""

    folder: Path
    run: RemoteRun
    engine: DaskEngine
    journal: Journal
    seen: list[Event]
    hold: threading.Event  # while it is cleared, nothing gets on record

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    def submit(self, *trials: int, gpu: int = 0) -> list[Attempt]:
        attempts = [Attempt("r1", Cell("A", "T3"), trial, 1) for trial in trials]
        for each in attempts:
            cap = self.engine.reserve_usd(each)
            self.journal.append(
                AttemptIssued("r1", each.trial_id, "A", "T3", each.trial, each.attempt, cap)
            )
            self.engine.submit(each, Need(gpu))
        return attempts

    def outcomes(self, count: int) -> dict[int, Outcome]:
        found: dict[int, Outcome] = {}
        for _ in range(count):
            outcome = self.engine.outcomes.get(timeout=PATIENCE_S)
            assert not isinstance(outcome, StopAsked)
            assert outcome.attempt.trial not in found
            found[outcome.attempt.trial] = outcome
        return found

    def diary(self, word: str) -> list[tuple[str, int, str]]:
        """Trial, process and remark of every beginning or end that a worker noted."""
        path = self.folder / "diary"
        lines = path.read_text().splitlines() if path.exists() else []
        noted = [line.split(" ", 3) for line in lines]
        return [(trial, int(pid), rest) for what, trial, pid, rest in noted if what == word]

    def processes(self, *, busy: int) -> list[int]:
        """The processes of the trials that began, once so many did."""
        until(lambda: len(self.diary("began")) >= busy)
        return [pid for _, pid, _ in self.diary("began")]

    def ends_on_record(self) -> list[str]:
        """The ids of the trials whose end is in the journal."""
        events = read_journal(self.journal.path).events
        return [event.trial_id for event in events if isinstance(event, TrialEnded)]

    def record(self) -> RunRecord:
        return read_run(self.journal.path, CARD)


def a_run(folder: Path, **work: object) -> RemoteRun:
    """A run of stand-in trials, all its files below `folder`."""
    places = {"diary": str(folder / "diary"), "gate": str(folder / "gate")}
    return RemoteRun(
        kind="scripted",
        card=CARD,
        results=folder / "results",
        program="cluster_stand_in",
        facts=plain({"lock": {"code": work.get("code", "same"), "arms": ("A", "C")}}),
        work=lambda attempt: {**places, **work},
        cap_usd=lambda attempt: CAP_USD,
        lead=lambda attempt: ("solo", OPUS),
    )


@contextmanager
def trip(
    place: Place,
    folder: Path,
    *,
    settings: ClusterSettings = QUICK,
    watched: bool = False,
    **work: object,
) -> Iterator[Trip]:
    """A run of stand-in trials on a place, with its journal below `folder`."""
    seen: list[Event] = []
    hold = threading.Event()
    hold.set()
    run = a_run(folder, **work)
    with Journal.create(folder / "journal" / "r1.jsonl") as journal:
        journal.append(RunStarted("r1", "scripted", {}, "2026-11-23T10:00:00Z"))

        def record(events: Sequence[Event]) -> None:
            hold.wait(PATIENCE_S)
            journal.append_all(events)

        watch = seen.append if watched else None
        engine = DaskEngine(place.address, run, record, watch=watch, settings=settings)
        try:
            yield Trip(folder, run, engine, journal, seen, hold)
        finally:
            hold.set()
            engine.close()
