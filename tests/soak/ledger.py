"""The ledger at the size of a large study: how fast the real commands are with it."""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from big_journal import AT, CARD, RUN, SIDE_BY_SIDE, in_flight, write
from figures import Figure

from runner.events import SessionStarted
from runner.ledger.journal import Journal

CALLS_PER_S = 20_000
TIMES = 3
VIEWS = ("cells", "costs")


@dataclass(frozen=True)
class Took:
    """A command's seconds, those of the processors, its peak memory in MB, what it printed."""

    seconds: float
    processor_s: float
    peak_mb: float
    said: str


def ledger(code: Path, scratch: Path, trials: int, calls: int) -> list[Figure]:
    """`runner status` and the views over one run of so many trials with so many calls each."""
    path = scratch / "journal" / f"{RUN}.jsonl"
    path.parent.mkdir(parents=True)
    write(path, trials, calls)
    return [
        ingest(code, scratch, path, trials * calls),
        *views(code, scratch),
        status(code, scratch, "after the run", "Latest trials"),
        *later(code, scratch, path, trials),
    ]


def ingest(code: Path, scratch: Path, path: Path, calls: int) -> Figure:
    """The first `runner status`, which reads the whole journal."""
    took, size = command(code, scratch, "status"), path.stat().st_size
    database = (scratch / "trials.duckdb").stat().st_size
    note = (
        f"{calls / took.seconds:,.0f} calls/s, {size / took.seconds / 1e6:.0f} MB/s of "
        f"{size / 1e9:.2f} GB, {took.processor_s:.0f} s of processors, "
        f"peak {took.peak_mb:,.0f} MB, database {database / 1e6:,.0f} MB"
    )
    return Figure(f"ingest of {calls:,} calls", took.seconds, "s", calls / CALLS_PER_S, note)


def views(code: Path, scratch: Path) -> list[Figure]:
    """Every column of the views, for all cards and for one, by `runner sql`."""
    found = []
    for view in VIEWS:
        for where in ("", f" WHERE card = '{CARD}'"):
            sql = f"SELECT count(COLUMNS(*)) FROM {view}{where}"
            found.append(Figure(f"{view}{where}", typical(code, scratch, "sql", sql), "s", 2.0))
    return found


def later(code: Path, scratch: Path, path: Path, trials: int) -> list[Figure]:
    """`runner status` beside the run as it goes on, and once it was broken off."""
    with Journal.resume(path) as journal:
        host = ("here", AT)
        journal.append(SessionStarted(RUN, 2 * trials, True, 1, SIDE_BY_SIDE, None, None, *host))
        for number in range(SIDE_BY_SIDE):
            journal.append_all(list(in_flight(number, trials)))
        beside = status(code, scratch, "beside the run", f"{SIDE_BY_SIDE} jobs")
    return [beside, status(code, scratch, "with a run broken off", "Runs to go on with")]


def status(code: Path, scratch: Path, when: str, holds: str) -> Figure:
    """`runner status`, which must print `holds`."""
    assert holds in command(code, scratch, "status").said
    return Figure(f"`runner status` {when}", typical(code, scratch, "status"), "s", 1.0)


def typical(code: Path, scratch: Path, *words: str) -> float:
    """The median of a command's seconds, its process's start included."""
    return statistics.median(command(code, scratch, *words).seconds for _ in range(TIMES))


def command(code: Path, scratch: Path, *words: str) -> Took:
    """Run a command to its end; fails when it does not end well."""
    out, began = scratch / "out", time.perf_counter()
    # As at the user's, the code is compiled once and not at each start.
    kept = {name: said for name, said in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ours = {
        "PYTHONPATH": str(code),
        "PYTHONPYCACHEPREFIX": str(scratch / "compiled"),
        "RUNNER_RESULTS": str(scratch),
    }
    with out.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "runner.cli.main", *words],
            cwd=code,
            env=kept | ours,
            stdout=file,
            stderr=file,
        )
        _, ended, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(ended)
    said = out.read_text()
    assert process.returncode == 0, said
    return Took(took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, said)
