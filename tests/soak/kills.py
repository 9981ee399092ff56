"""SIGKILL at every point of a trial, again and again, until the run is complete all the same."""

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from figures import Figure
from run_record import acknowledged, ended, events_of, faults_in, journal_of, kinds_of
from warm import Warm

from runner.sandbox.engine import Engine
from runner.sandbox.reaper import live_containers

RUN = (
    *("matrix", "-n", "3", "--arms", "D", "--tasks", "S1,S2", "--jobs", "2"),
    *("--models", "scripted:oracle?latency=0.05"),
)
KILLS_OF_A_RUN = 10
POINTS = (
    *(("Writer", 1), ("SessionStarted", 1), ("AttemptIssued", 1), ("AttemptIssued", 2)),
    *(("TrialStarted", 1), ("TrialStarted", 2)),
    *(("Phase", number) for number in range(1, 9)),
    *(("CallReserved", number) for number in range(1, 7)),
    *(("CallSettled", number) for number in range(1, 7)),
    *(("ToolUsed", number) for number in range(1, 7)),
    *(("CheckDone", 1), ("CheckDone", 5), ("TrialEnded", 1)),
)
WHEN = ("torn", "written", "synced")
LONGEST_S = 6.0  # of a random wait before a kill
LAST_S = 600.0  # for the run that is let complete, on a machine with other work


@dataclass
class Tolls:
    """What was counted over all runs."""

    kills: int = 0
    runs: int = 0
    lost: int = 0  # journals that no longer begin with what a reader had seen
    twice: list[str] = field(default_factory=list)
    left: int = 0
    incomplete: int = 0
    after: Counter[str] = field(default_factory=Counter)  # kills by the last whole event


def kills(engine: Engine, code: Path, scratch: Path, count: int, seed: int = 1) -> list[Figure]:
    """Kill runs with real containers `count` times; the figures of all promises together."""
    chance, tolls = random.Random(seed), Tolls()
    with Warm(docker=True, code=code) as warm:
        while tolls.kills < count:
            one_run(warm, engine, scratch / f"run-{tolls.runs}", chance, tolls)
            tolls.runs += 1
    spread = ", ".join(f"{kind} {times}" for kind, times in tolls.after.most_common())
    note = f"{tolls.kills} kills of {tolls.runs} runs; after: {spread}"
    return [
        Figure("acknowledged records lost", tolls.lost, "journals", 0, note),
        Figure("results or ids twice", len(tolls.twice), "", 0, "; ".join(tolls.twice[:3])),
        Figure("containers left after resume", tolls.left, "", 0),
        Figure("runs that did not complete", tolls.incomplete, "", 0),
    ]


def one_run(warm: Warm, engine: Engine, results: Path, chance: random.Random, tolls: Tolls) -> None:
    """Kill one run several times, then let it complete."""
    for _ in range(KILLS_OF_A_RUN):
        before = acknowledged(results) if (results / "journal").exists() else b""
        if killed(warm, results, chance):
            tolls.kills += 1
            kinds = kinds_of(journal_of(results)) if journals(results) else []
            tolls.after[kinds[-1] if kinds else "nothing"] += 1
        if before and not acknowledged(results).startswith(before):
            tolls.lost += 1
    before = acknowledged(results) if journals(results) else b""
    last = warm.start(results, *RUN)
    last.wait(LAST_S)
    tolls.lost += not acknowledged(results).startswith(before)
    tolls.twice += faults_in(events_of(results))
    solved = sum(end.status == "solved" for end in ended(results))
    tolls.incomplete += last.code != 0 or solved != 6
    run = journal_of(results).stem
    tolls.left += sum(each.run_id == run for each in live_containers(engine))


def journals(results: Path) -> list[Path]:
    return list((results / "journal").glob("*.jsonl"))


def killed(warm: Warm, results: Path, chance: random.Random) -> bool:
    """Start the run and kill it: at an event, or at any moment. False if it ended before."""
    if chance.random() < 0.7:
        kind, number = chance.choice(POINTS)
        point = f"killed_at:{kind}:{number}:{chance.choice(WHEN)}"
        return warm.run(results, *RUN, edges=(point,)).code == -signal.SIGKILL
    command = warm.start(results, *RUN)
    end = time.monotonic() + chance.uniform(0.0, LONGEST_S)
    while command.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    command.send(signal.SIGKILL)
    return command.wait() == -signal.SIGKILL
