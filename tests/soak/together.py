"""Trials side by side: the time they take together, and the memory of who runs them."""

import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from figures import Figure
from run_record import ended, events_of, kinds_of
from warm import Command, Warm

from runner.events import Phase, SessionEnded, SessionStarted, ToolUsed

_RSS = re.compile(r"VmRSS:\s+(\d+) kB")
MB = 1024.0


def run_of(n: int, jobs: int, models: str) -> tuple[str, ...]:
    return (
        *("matrix", "-n", str(n), "--fixed", "--arms", "D", "--tasks", "S1"),
        *("--jobs", str(jobs), "--models", models),
    )


@dataclass
class Watched:
    """A command's memory in MB while it ran, by the number of trials ended."""

    rss: list[tuple[int, float]] = field(default_factory=list)

    @property
    def peak(self) -> float:
        return max(mb for _, mb in self.rss)

    def between(self, first: int, last: int) -> float:
        """The median while that many trials had ended."""
        found = sorted(mb for count, mb in self.rss if first <= count < last)
        return found[len(found) // 2]


def watched(command: Command, results: Path) -> Watched:
    """Look at a command every half second until it ends; fails when it does not end well."""
    seen = Watched()
    while command.poll() is None:
        time.sleep(0.5)
        try:
            status = Path(f"/proc/{command.pid}/status").read_text()
        except OSError:
            continue
        found = _RSS.search(status)
        paths = list((results / "journal").glob("*.jsonl"))
        if found and paths:
            seen.rss.append((kinds_of(paths[0]).count("TrialEnded"), int(found[1]) / MB))
    assert command.code == 0, command.said
    return seen


def session_s(results: Path) -> float:
    """Seconds of the only session, by its own labels of time."""
    events = events_of(results)
    (began,) = (e.started_at for e in events if isinstance(e, SessionStarted))
    (end,) = (e.ended_at for e in events if isinstance(e, SessionEnded))
    return seconds(end) - seconds(began)


def seconds(label: str) -> float:
    return datetime.fromisoformat(label).timestamp()


def serial_s(results: Path) -> float:
    """Seconds that trials held a slot: the judges', and the harness in their loops."""
    events = events_of(results)
    judged = sum(e.judge_s or 0.0 for e in ended(results))
    looked = sum(e.seconds for e in events if isinstance(e, ToolUsed) and "harness" in e.summary)
    return judged + looked


def side_by_side(code: Path, scratch: Path, jobs: int) -> list[Figure]:
    """`jobs` trials at once against one alone, with real containers and 2 s a model call."""
    models = "scripted:oracle?latency=2"
    with Warm(docker=True, code=code) as warm:
        alone = watched(warm.start(scratch / "one", *run_of(1, 1, models)), scratch / "one")
        many = watched(warm.start(scratch / "all", *run_of(jobs, jobs, models)), scratch / "all")
    one_s, all_s = session_s(scratch / "one"), session_s(scratch / "all")
    judges_s = serial_s(scratch / "all")
    phases = [e.seconds for e in events_of(scratch / "all") if isinstance(e, Phase) and e.seconds]
    note = (
        f"one {one_s:.1f} s, {jobs} together {all_s:.1f} s, slots held {judges_s:.1f} s, "
        f"longest phase {max(phases):.1f} s"
    )
    each = (many.peak - alone.peak) / (jobs - 1)
    memory = f"peak {many.peak:.0f} MB with {jobs} in flight, {alone.peak:.0f} MB with one"
    return [
        Figure("trials side by side", all_s, "s", 1.5 * one_s + judges_s, note),
        Figure("memory per trial in flight", each, "MB", 30.0, memory),
        Figure("the same, the program included", many.peak / jobs, "MB", 30.0),
    ]


def flat_memory(code: Path, scratch: Path, trials: int, jobs: int) -> list[Figure]:
    """The memory over many trials in the world without containers: its second fifth and its last.

    The first fifth is left out: imports, caches, threads and the allocator's arenas grow to
    their size in it. What lives is flat from then on (Python's blocks, malloc's bytes in use);
    the resident size swings by 8 MB with what the allocators keep free, hence medians of a fifth.
    """
    with Warm(docker=False, code=code) as warm:
        run = run_of(trials, jobs, "scripted:oracle")
        command = warm.start(scratch, *run, RUNNER_DB=str(scratch / "trials.duckdb"))
        seen = watched(command, scratch)
    fifth = trials // 5
    early, late = seen.between(fifth, 2 * fifth), seen.between(trials - fifth, trials)
    note = (
        f"{early:.0f} MB in trials {fifth} to {2 * fifth}, "
        f"{late:.0f} MB in {trials - fifth} to {trials}"
    )
    return [Figure("growth of the memory", late - early, "MB", max(10.0, early * 0.05), note)]
