"""Run every arm on every task until each cell has what it needs; safe to break off any time.

The same command goes on where it stopped: nothing that has a result is run again.

example: runner matrix -n 3 --arms A,D --tasks T3 --jobs 4 --budget 40 --models scripted
"""

import argparse
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType

from rich.console import Console

from runner import preflight, wiring
from runner.catalogue import Catalogue, load_catalogue
from runner.cli import options as opt
from runner.cli.board import MatrixDisplay
from runner.cli.run_summary import show_run
from runner.config.arms import Arm
from runner.config.rates import RateCard
from runner.config.settings import Settings, load_settings
from runner.errors import (
    EXIT_BUDGET,
    EXIT_ENVIRONMENT,
    EXIT_INTERRUPTED,
    EXIT_NOT_SOLVED,
    EXIT_OK,
    EnvironmentProblem,
    OperatorError,
    SandboxFailure,
)
from runner.events import Event, TrialEnded
from runner.ledger.database import sync
from runner.ledger.journal import Journal
from runner.ledger.journal_format import read_journal
from runner.ledger.runs import RunRecord
from runner.manifest import manifest
from runner.matrix.attempts import Trials, with_limits
from runner.matrix.board import Board
from runner.matrix.driver import Ending, Session, Why, drive
from runner.matrix.engine import Cell, Need, Outcome, StopAsked
from runner.matrix.here import LocalEngine
from runner.matrix.lock import run_lock
from runner.matrix.schedule import Goal, Tally, reached, tallies
from runner.matrix.session import Money, begin, finish, past, pick_journal, taken_up
from runner.matrix.upkeep import Upkeep
from runner.sandbox.reaper import remove_own
from runner.slots import Slots

EXITS: Mapping[Why, int] = {
    "budget": EXIT_BUDGET,
    "environment": EXIT_ENVIRONMENT,
    "stopped": EXIT_INTERRUPTED,
}
OPENING_S = 10.0  # what is half open at a sudden end is waited for so long


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    opt.add(parser, "n", help="successes wanted in each cell", read=opt.whole(1), default=3)
    opt.add(parser, "arms", help="the arms, with commas between; default: all", read=opt.names)
    opt.add(parser, "tasks", help="the tasks, with commas between; default: all", read=opt.names)
    opt.add(
        parser,
        "models",
        help="live, or scripted[:oracle|nop|blunder] (free, offline, simulated)",
        default="live",
    )
    opt.add(parser, "jobs", help="trials side by side", read=opt.whole(1), default=4)
    opt.add(parser, "budget", help="USD for the whole run, all sessions", read=opt.usd)
    opt.add(parser, "arm-budget", help="USD for each arm, all sessions", read=opt.usd)
    opt.add(parser, "trial-budget", help="USD for a trial, in place of the arm's", read=opt.usd)
    opt.add(parser, "call-budget", help="USD a call may cost at worst", read=opt.usd)
    opt.flag(parser, "fixed", help="exactly N attempts a cell, solved or not: unbiased")
    opt.add(parser, "seed", help="seed of the cells' order", read=opt.whole(0), default=1)
    opt.add(parser, "max-iters", help="cap of the lead's turns", read=opt.whole(1))
    opt.add(parser, "run", help="the id of the run to go on with; default: the one that fits")
    opt.flag(parser, "new", help="start a new run even if one could go on")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and stop")


@dataclass(frozen=True)
class Chosen:
    """What the options ask for, checked."""

    settings: Settings
    catalogue: Catalogue
    players: wiring.Players
    card: RateCard
    arms: Mapping[str, Arm]
    goal: Goal
    max_turns: Mapping[Cell, int]
    money: Money
    jobs: int


def chosen(options: argparse.Namespace) -> Chosen:
    """Read options and data files; raises `UsageError` for what is wrong in them."""
    settings = load_settings()
    catalogue = load_catalogue(settings)
    arms = {
        name: with_limits(
            opt.chosen("arm", name, catalogue.arms), options.trial_budget, options.call_budget
        )
        for name in options.arms or catalogue.arms
    }
    tasks = {
        name: opt.chosen("task", name, catalogue.tasks) for name in options.tasks or catalogue.tasks
    }
    card = opt.chosen("rate card", settings.card, catalogue.cards)
    for arm in arms.values():
        preflight.check_prices(arm, card)
        preflight.check_seats(arm)
    cells = tuple(Cell(arm, task) for arm in arms for task in tasks)
    return Chosen(
        settings,
        catalogue,
        wiring.Players.read(options.models),
        card,
        arms,
        Goal(cells, options.n, options.fixed, options.seed),
        {cell: options.max_iters or arms[cell.arm].max_turns(cell.task) for cell in cells},
        Money(options.budget, options.arm_budget),
        options.jobs,
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Run or go on with the run these options stand for."""
    what = chosen(options)
    settings = what.settings
    if what.players.kind == "live":
        for arm in what.arms.values():
            preflight.check_players(arm, wiring.live_connection(settings))
    benches = {
        task: wiring.prepare(settings, what.catalogue, what.catalogue.tasks[task], console.print)
        for task in dict.fromkeys(cell.task for cell in what.goal.cells)
    }
    preflight.check_results(settings)
    turns = {f"{cell.arm}/{cell.task}": turns for cell, turns in what.max_turns.items()}
    lock = run_lock(what.goal, what.arms, benches, what.players, what.card, turns)
    path = pick_journal(
        settings.journals, what.players.kind, lock, asked=options.run, new=options.new
    )
    with taken_up(path, what.players.kind, lock, what.card) as (journal, record):
        state = tallies(what.goal, past(record))
        ending = Ending("complete", "every cell has what it needs")
        if not all(reached(what.goal, tally) for tally in state.values()):
            ending = session(console, what, benches, journal, record, state)
    show_end(console, what, path.stem, ending)
    if ending.why == "complete":
        return (
            EXIT_OK if all(met(what.goal, tally) for tally in state.values()) else EXIT_NOT_SOLVED
        )
    return EXITS[ending.why]


def met(goal: Goal, tally: Tally) -> bool:
    """Whether the cell ended with what was hoped for, not just with what was allowed."""
    return goal.fixed or tally.successes >= goal.n


def session(
    console: Console,
    what: Chosen,
    benches: Mapping[str, wiring.Bench],
    journal: Journal,
    run: RunRecord,
    state: Mapping[Cell, Tally],
) -> Ending:
    """One session: from the first attempt handed out to the last that came back."""
    settings = what.settings
    slots = Slots(settings.slots or places(next(iter(benches.values())), settings))
    accounts = what.money.accounts(tuple(what.arms), run.spent_usd)
    board = Board(what.card, what.goal.cells, slots=slots.count)
    display = MatrixDisplay(console, board)
    for event in read_journal(journal.path).events:
        board(event)
    upkeep = Upkeep(lambda: bring_up_to_date(what), lambda text: console.print(text, markup=False))

    def record(event: Event) -> None:
        journal.append(event)
        display(event)
        if isinstance(event, TrialEnded):
            upkeep.due()

    trials = Trials(
        settings,
        what.catalogue,
        what.players,
        what.card,
        what.arms,
        benches,
        what.max_turns,
        {
            cell: manifest(
                benches[cell.task],
                what.arms[cell.arm],
                what.card,
                what.players,
                what.max_turns[cell],
            )
            for cell in what.goal.cells
        },
        accounts,
        slots,
        record,
    )
    engine = LocalEngine(what.jobs, settings.ollama_slots, trials.run)
    needs = {arm.id: Need(gpu=arm.local_models) for arm in what.arms.values()}
    work = Session(run.run_id, what.goal, state, accounts, needs, engine, record, display.stopping)
    begin(record, run.run_id, what.goal, what.jobs, what.money)
    try:
        with display.shown():
            ending = driven(work, trials, next(iter(benches.values())))
    finally:
        engine.close()
        upkeep.close()
    finish(record, run.run_id, ending)
    return ending


def driven(work: Session, trials: Trials, bench: wiring.Bench) -> Ending:
    """Drive the session; a first Ctrl-C lets calls in flight finish, a second ends it at once."""
    try:
        with stop_signals(work.engine.outcomes):
            return drive(work)
    except BaseException as error:
        # Threads go on until the program ends: nothing of theirs may be left behind.
        work.engine.request_stop("the run is stopped at once")
        trials.gate.shut(OPENING_S)
        with suppress(SandboxFailure, EnvironmentProblem):
            remove_own(bench.engine)
        if isinstance(error, KeyboardInterrupt):
            left = len(work.in_flight)
            return Ending("stopped", f"stopped at once; {left} attempts in flight were given up")
        if isinstance(error, OperatorError):
            return Ending("environment", str(error), error)
        raise


@contextmanager
def stop_signals(outcomes: "SimpleQueue[Outcome | StopAsked]") -> Iterator[None]:
    """A first Ctrl-C is a wish told to the driver; a second, or SIGTERM, interrupts at once."""
    asked = False

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        outcomes.put(StopAsked("interrupted: calls in flight are finished, no more are sent"))

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def places(bench: wiring.Bench, settings: Settings) -> int:
    """How many heavy commands this machine runs at full speed, each with a container's CPUs."""
    return max(1, int(bench.about.cpus // settings.cpus))


def bring_up_to_date(what: Chosen) -> None:
    """Bring the database up to date with the journals."""
    settings = what.settings
    sync(settings.database, settings.journals, what.catalogue.cards, wait_s=settings.db_wait_s)


def show_end(console: Console, what: Chosen, run_id: str, ending: Ending) -> None:
    """Print what the run came to, and how it goes on if it is not complete."""
    try:
        bring_up_to_date(what)
        show_run(console, what.settings, run_id, what.goal, simulated=what.players.kind != "live")
    except EnvironmentProblem as problem:
        console.print(f"[yellow]{problem}[/]\nThe run is safe in its journal.")
    colour = "green" if ending.why == "complete" else "yellow"
    console.print(f"[bold {colour}]{ending.why.upper()}[/]  run {run_id}: ", end="")
    console.print(ending.reason, markup=False)
    if ending.why != "complete":
        more = " with a higher --budget" if ending.why == "budget" else ""
        console.print(f"the same command{more} goes on with it", markup=False)
