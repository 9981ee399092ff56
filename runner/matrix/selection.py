"""What a run is asked to try, by name, and what these names stand for on this machine.

The names are JSON-able: a worker of a cluster is told them and finds its own things for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from runner import preflight, wiring
from runner.catalogue import Catalogue, load_catalogue
from runner.config.arms import Arm, ArmFile, arm_of
from runner.config.loading import chosen
from runner.config.rates import RateCard
from runner.config.settings import Settings
from runner.manifest import manifest
from runner.matrix.engine import Cell
from runner.matrix.lock import run_lock
from runner.matrix.schedule import Goal
from runner.types import JsonObject


@dataclass(frozen=True)
class Selection:
    """The question: which arms on which tasks, played by whom, sampled how; money in USD.

    Empty `arms` are those that run by default and those of `arm_files`, which are told whole;
    empty `tasks` are all there are. `max_turns` None leaves each arm its own cap.
    """

    arms: tuple[str, ...]
    tasks: tuple[str, ...]
    models: str
    n: int
    fixed: bool
    seed: int
    max_turns: int | None = None
    trial_usd: float | None = None
    call_usd: float | None = None
    arm_files: tuple[ArmFile, ...] = ()


@dataclass(frozen=True)
class Parts:
    """What the names stand for; nothing of the engine's yet."""

    settings: Settings
    catalogue: Catalogue
    players: wiring.Players
    card: RateCard
    arms: Mapping[str, Arm]
    goal: Goal
    max_turns: Mapping[Cell, int]


def parts(selection: Selection, settings: Settings) -> Parts:
    """Look the names up; raises `UsageError` naming what is unknown, or wrong in a file."""
    catalogue = load_catalogue(settings, selection.arm_files)
    added = (arm_of(file).id for file in selection.arm_files)
    names = selection.arms or tuple(dict.fromkeys((*catalogue.default_arms, *added)))
    arms = {
        name: with_limits(
            chosen("arm", name, catalogue.arms), selection.trial_usd, selection.call_usd
        )
        for name in names
    }
    tasks = [
        chosen("task", name, catalogue.tasks).id for name in selection.tasks or catalogue.tasks
    ]
    card = chosen("rate card", settings.card, catalogue.cards)
    for arm in arms.values():
        preflight.check_prices(arm, card)
        preflight.check_seats(arm, catalogue.file_of(arm.id))
    cells = tuple(Cell(arm, task) for arm in arms for task in tasks)
    return Parts(
        settings,
        catalogue,
        wiring.Players.read(selection.models),
        card,
        arms,
        Goal(cells, selection.n, selection.fixed, selection.seed),
        {cell: selection.max_turns or arms[cell.arm].max_turns(cell.task) for cell in cells},
    )


def with_limits(arm: Arm, trial_usd: float | None, call_usd: float | None) -> Arm:
    """The arm with other limits of money where they are given, in USD."""
    limits = replace(
        arm.limits,
        usd=arm.limits.usd if trial_usd is None else trial_usd,
        call_usd=arm.limits.call_usd if call_usd is None else call_usd,
    )
    return replace(arm, limits=limits)


Benches = Mapping[str, wiring.Bench]


def benches(what: Parts, say: Callable[[str], None]) -> Benches:
    """What trials of each task stand on here; raises what `wiring.prepare` raises."""
    return {
        task: wiring.prepare(what.settings, what.catalogue, what.catalogue.tasks[task], say)
        for task in dict.fromkeys(cell.task for cell in what.goal.cells)
    }


def lock_of(what: Parts, there: Benches) -> JsonObject:
    """The lock of a run made of these parts."""
    turns = {f"{cell.arm}/{cell.task}": turns for cell, turns in what.max_turns.items()}
    return run_lock(what.goal, what.arms, there, what.players, what.card, turns)


def manifests(what: Parts, there: Benches) -> Mapping[Cell, JsonObject]:
    """The manifest of each cell's trials."""
    return {
        cell: manifest(
            there[cell.task], what.arms[cell.arm], what.card, what.players, what.max_turns[cell]
        )
        for cell in what.goal.cells
    }
