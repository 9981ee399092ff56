"""Measures what a cluster costs its scheduler and its driver: `python tests/unit/cluster_bench.py`.

Processes of this machine on loopback, trials that do nothing; no test.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import psutil
from cluster_place import QUICK, Place, Trip, a_run, trip
from distributed import Client
from ledger_samples import call, ended, started, tool

from runner.cluster.claims import NAME, Claims
from runner.cluster.settle import came_back
from runner.cluster.wire import Bundle, Ran, read_answer, write_bundle
from runner.events import Event
from runner.ledger.journal import Journal
from runner.matrix.engine import Attempt, Cell
from runner.types import Usage

TIMES = 3
CLAIMS = 5_000
SIDE_BY_SIDE = 50
SMALL, LARGE = 300, 100
MEGABYTE = 1_000_000
CALLS, BUNDLES = 30, 20
HOSTS_ASKING, TRIALS_A_HOST = 2_000, 16


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def processor_s(pid: int) -> Iterator[list[float]]:
    """Seconds of processor that a process takes meanwhile, as the list's one item."""
    process, spent = psutil.Process(pid), [0.0]
    before = process.cpu_times()
    yield spent
    after = process.cpu_times()
    spent[0] = after.user + after.system - before.user - before.system


def claims(place: Place, scheduler: int) -> None:
    with Client(place.address, set_as_default=False) as client:
        client.register_plugin(Claims(), name=NAME)
        ask = client.scheduler

        def opened(session: str) -> None:
            said = {"client": client.id, "worker_ttl_s": 60.0, "no_workers_s": 600.0}
            client.sync(ask.runner_open, session=session, **said)

        async def all_of(session: str) -> None:
            async def some(first: int) -> None:
                for number in range(first, CLAIMS, SIDE_BY_SIDE):
                    await ask.runner_claim(session=session, trial_id=f"t-{number}", worker="w")

            await asyncio.gather(*map(some, range(SIDE_BY_SIDE)))

        async def renewals(session: str) -> None:
            trials = [[session, f"t-{number}"] for number in range(TRIALS_A_HOST)]
            for _ in range(HOSTS_ASKING):
                await ask.runner_renew(trials=trials)

        for turn in range(TIMES):
            session = f"bench-{turn}"
            opened(session)
            for what, task, count in (
                (f"claims, {SIDE_BY_SIDE} side by side", all_of, CLAIMS),
                (
                    f"renewals of {TRIALS_A_HOST} trials, one after the other",
                    renewals,
                    HOSTS_ASKING,
                ),
            ):
                began = time.perf_counter()
                with processor_s(scheduler) as spent:
                    client.sync(task, session)
                rate = count / (time.perf_counter() - began)
                say(
                    f"{what}: {rate:.0f}/s, {spent[0] / count * 1000:.2f} ms of the scheduler's CPU"
                )


def trials(place: Place, folder: Path, scheduler: int, count: int, size: int) -> None:
    with trip(place, folder, settings=replace(QUICK, renew_s=1.0), size=size) as journey:
        journey.gate.touch()
        handed: list[float] = []
        began = time.perf_counter()
        with processor_s(scheduler) as theirs, processor_s(os.getpid()) as ours:
            in_flight = window(journey, count, handed)
            journey.outcomes(in_flight)
            seconds = time.perf_counter() - began
        say(
            f"{count} trials of {size} bytes: {count / seconds:.1f}/s, "
            f"{count * size / seconds / MEGABYTE:.1f} MB/s, CPU a trial: scheduler "
            f"{theirs[0] / count * 1000:.1f} ms, driver {ours[0] / count * 1000:.1f} ms; "
            f"submit {median(handed) * 1000:.2f} ms"
        )


def window(journey: Trip, count: int, handed: list[float]) -> int:
    """Submit `count` trials, never more than there are places; gives how many are still out."""
    places = journey.engine.capacity().trials
    for number in range(count):
        if number >= places:
            journey.engine.outcomes.get(timeout=60)
        began = time.perf_counter()
        journey.submit(number)
        handed.append(time.perf_counter() - began)
    return min(places, count)


def recording(folder: Path) -> None:
    """What the driver does with one bundle of a trial of 30 calls, each with two tools."""
    attempt = Attempt("r1", Cell("C", "T3"), 0, 1)
    name = attempt.trial_id
    events: list[Event] = [started(name)]
    for seq in range(1, CALLS + 1):
        events += call(name, seq, Usage(1000, 100, 2000, 0, 5000))
        events += [tool(name, seq, "bash", 40)] * 2
    events.append(ended(name))
    for kind, keep in (("written", True), ("thrown away", False)):
        wall, processor = [], []
        for turn in range(BUNDLES):
            data = write_bundle(Ran(name, "host"), events, folder / "nothing")
            path = folder / f"{kind}-{turn}.jsonl"
            with Journal.create(path) as journal, processor_s(os.getpid()) as spent:
                began = time.perf_counter()
                bundle = read_answer(data, name)
                assert isinstance(bundle, Bundle)
                came_back(a_run(folder), journal.append_all if keep else ignore, attempt, bundle)
                wall.append(time.perf_counter() - began)
            processor.append(spent[0])
        say(
            f"{len(events)} events, {kind}: {median(wall) * 1000:.0f} ms a bundle (median), "
            f"{sum(processor) / BUNDLES * 1000:.0f} ms of CPU; {len(data)} bytes"
        )


def ignore(events: Sequence[Event]) -> None:
    """Not on record."""


def main() -> None:
    say(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name))
        scheduler = place.start_scheduler().pid
        try:
            recording(Path(name))
            claims(place, scheduler)
            began = time.perf_counter()
            workers = [place.start_worker("trial=8 judge=2").pid for _ in range(2)]
            with trip(place, Path(name) / "first"):
                say(f"first worker after {time.perf_counter() - began:.1f} s")
            for turn in range(TIMES):
                trials(place, Path(name) / f"small-{turn}", scheduler, SMALL, 10)
                trials(place, Path(name) / f"large-{turn}", scheduler, LARGE, MEGABYTE)
            for pid in (scheduler, *workers):
                say(f"memory of {pid}: {psutil.Process(pid).memory_info().rss / 2**20:.0f} MiB")
        finally:
            place.end()
    say(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
