"""Attempts of a run on another machine: what a worker of a cluster finds and runs at its place.

The worker is told names, and arms that lie in no folder of arms. It reads its own arms, tasks
and prompts, uses its own engine, images and keys, and compares the lock of what it found with the
driver's before anything runs.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from runner import wiring
from runner.budget import Account
from runner.config.arms import ArmFile
from runner.config.settings import load_settings
from runner.events import Record
from runner.matrix.attempts import Trials
from runner.matrix.engine import Attempt
from runner.matrix.selection import Benches, Parts, Selection, benches, lock_of, manifests, parts
from runner.slots import Slots
from runner.stop import Stop
from runner.types import JsonObject


def work_of(selection: Selection) -> JsonObject:
    """What a worker is told of a run."""
    return asdict(selection)


def facts_here(work: JsonObject) -> JsonObject:
    """The lock of what the run is made of on this machine.

    Raises:
        OperatorError: something is unknown or missing here.
    """
    return lock_of(*_found(json.dumps(work)))


def run_here(
    attempt: Attempt,
    work: JsonObject,
    folder: Path,
    slots: Slots,
    record: Record,
    stopped: Callable[[], str | None],
) -> None:
    """Run one attempt; its files go below `folder` as they would below the results.

    Its own limit of money is the trial's: the driver has set that aside.

    Raises:
        OperatorError: something that no attempt can mend.
    """
    what, there = _found(json.dumps(work))
    bench, arm = there[attempt.cell.task], what.arms[attempt.cell.arm]
    players = wiring.with_server(what.players, what.settings, bench.engine, (arm,))
    settings = what.settings.model_copy(update={"results": folder})
    here = replace(what, settings=settings, players=players)
    at_folder = {task: replace(bench, settings=here.settings) for task, bench in there.items()}
    trials = Trials(
        here,
        at_folder,
        manifests(here, at_folder),
        {arm: Account("arm", None) for arm in what.arms},
        slots,
        record,
    )
    trials.run(attempt, Stop(stopped))


@cache
def _found(work: str) -> tuple[Parts, Benches]:
    """What the names stand for here: looked up once in a worker's life for each run."""
    told = json.loads(work)
    lists = {name: tuple(told[name]) for name in ("arms", "tasks")}
    files = tuple(ArmFile(**each) for each in told["arm_files"])
    selection = Selection(**{**told, **lists, "arm_files": files})
    what = parts(selection, load_settings())
    return what, benches(what, lambda _line: None)
