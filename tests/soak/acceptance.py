"""The whole matrix as it is promised: real images, killed at random moments, ends the same."""

import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from figures import Figure
from run_record import acknowledged, events_of, faults_in, journal_of, kinds_of, record_of
from warm import Command, Warm

from runner.matrix.schedule import counts
from runner.sandbox.engine import Engine
from runner.sandbox.reaper import live_containers

N, CELLS = 2, 12
RUN = ("matrix", "-n", str(N), "--models", "scripted:blunder", "--jobs", "4")
# How long a session may run before it is killed: from its first steps to several trials.
SHORTEST_S, LONGEST_S = 2.0, 180.0
LAST_S = 7200.0  # for the one that is let complete, on a machine with other work
Cell = tuple[str, str]


@dataclass
class Sessions:
    """What was seen of a run over all its sessions."""

    kills: int = 0
    lost: int = 0  # times the journal no longer began with what a reader had seen
    after: Counter[str] = field(default_factory=Counter)  # kills by the last whole event


def acceptance(
    engine: Engine,
    code: Path,
    results: Path,
    kills: int,
    seed: int = 1,
    fewer: Sequence[str] = (),
) -> list[Figure]:
    """Kill the run so many times, then let it end; `fewer` are options that leave cells out."""
    command, seen = (*RUN, *fewer), Sessions()
    tasks = str(code / "breakage")  # not the stand-ins of the other parts
    with Warm(docker=True, code=code) as warm:
        chance = random.Random(seed)
        while seen.kills < kills and killed(
            warm.start(results, *command, RUNNER_TASKS_DIR=tasks),
            results,
            chance.uniform(SHORTEST_S, LONGEST_S),
            seen,
        ):
            pass
        before = acknowledged(results) if journals(results) else b""
        last = warm.start(results, *command, RUNNER_TASKS_DIR=tasks)
        last.wait(LAST_S)
        seen.lost += not acknowledged(results).startswith(before)
        issued = kinds_of(journal_of(results)).count("AttemptIssued")
        again = warm.run(results, *command, RUNNER_TASKS_DIR=tasks)
    more = kinds_of(journal_of(results)).count("AttemptIssued") - issued
    return [
        *promises(engine, results, last, seen, 0 if fewer else CELLS),
        Figure("attempts when all is done", more, "", 0, f"exit code {again.code}"),
    ]


def killed(command: Command, results: Path, after_s: float, seen: Sessions) -> bool:
    """Kill a session after so long; False when it ended before."""
    end = time.monotonic() + after_s
    while command.poll() is None and time.monotonic() < end:
        time.sleep(0.05)  # any moment will do: there is no event to wait for
    before = acknowledged(results) if journals(results) else b""
    command.send(signal.SIGKILL)
    if command.wait() != -signal.SIGKILL:
        return False
    seen.kills += 1
    kinds = kinds_of(journal_of(results)) if journals(results) else []
    seen.after[kinds[-1] if kinds else "nothing"] += 1
    seen.lost += bool(before) and not acknowledged(results).startswith(before)
    return True


def promises(
    engine: Engine, results: Path, last: Command, seen: Sessions, cells: int
) -> list[Figure]:
    """What the issue asks for, each as a figure; at least so many `cells` must be there."""
    record = record_of(results)
    successes, found = Counter[Cell](), set[Cell]()
    for each in record.attempts:
        found.add((each.arm, each.task))
        if each.ended and counts(each.ended) and each.ended.success:
            successes[each.arm, each.task] += 1
    short = sorted(cell for cell in found if successes[cell] != N)
    twice = faults_in(events_of(results))
    left = [each for each in live_containers(engine) if each.run_id == record.run_id]
    after = ", ".join(f"{kind} {times}" for kind, times in seen.after.most_common())
    note = f"{seen.kills} kills of {record.sessions} sessions; after: {after or 'none'}"
    return [
        Figure("cells that are missing", max(0, cells - len(found)), "", 0, note),
        Figure(f"cells without {N} successes", len(short), "", 0, f"of {len(found)}; {short[:3]}"),
        Figure("results or ids twice", len(twice), "", 0, "; ".join(twice[:3])),
        Figure("acknowledged records lost", seen.lost, "journals", 0),
        Figure("containers left", len(left), "", 0),
        Figure("exit code of the last session", abs(last.code or 0), "", 0),
        Figure("cells that the summary lacks", len(untold(last.said, found)), "", 0),
    ]


def untold(said: str, cells: set[Cell]) -> set[Cell]:
    """Cells of which the summary does not say that they have what they need."""
    if "COMPLETE" not in said:
        return cells
    told = {tuple(line.split()[:3]) for line in said.splitlines()}
    return {(arm, task) for arm, task in cells if (arm, task, str(N)) not in told}


def journals(results: Path) -> list[Path]:
    return list((results / "journal").glob("*.jsonl"))
