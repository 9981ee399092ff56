"""Run every arm on every task until each cell has what it needs; safe to break off any time.

The same command goes on where it stopped: nothing that has a result is run again.

example: runner matrix -n 3 --arms A,D --tasks T3 --jobs 4 --budget 40 --models scripted
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NoReturn

from rich.console import Console

from runner import preflight, wiring
from runner.cli import options as opt
from runner.cli.matrix_session import Order, bring_up_to_date, session
from runner.cli.output import forgiving
from runner.cli.plan_shown import show_plan
from runner.cli.pulling import pull_screen
from runner.cli.run_options import add_run_options, selected
from runner.cli.run_summary import show_run
from runner.config.settings import load_settings
from runner.errors import (
    EXIT_BUDGET,
    EXIT_ENVIRONMENT,
    EXIT_INTERRUPTED,
    EXIT_NOT_SOLVED,
    EXIT_OK,
    EnvironmentProblem,
)
from runner.ledger.journal import Journal
from runner.matrix.driver import Ending, Why
from runner.matrix.schedule import Goal, Tally, reached, tallies
from runner.matrix.selection import Parts, benches, lock_of, parts
from runner.matrix.session import Money, past, pick_journal, run_limit, taken_up

EXITS: Mapping[Why, int] = {
    "budget": EXIT_BUDGET,
    "environment": EXIT_ENVIRONMENT,
    "stopped": EXIT_INTERRUPTED,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_options(parser)
    opt.add(parser, "cluster", help="a Dask scheduler's address: its workers' places, not --jobs")
    opt.add(parser, "run", help="the id of the run to go on with; default: the one that fits")
    opt.flag(
        parser,
        "new",
        help="start a new run even if one could go on, or go on with the one that --new made",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the plan and stop")


def once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Says what is told for each task, such as what the host lacks, one time."""
    said: set[str] = set()

    def tell(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return tell


def run(options: argparse.Namespace, console: Console) -> int:
    """Run or go on with the run these options stand for."""
    selection = selected(options)
    what = parts(selection, load_settings())
    if options.dry_run:
        return show_plan(console, what, options)
    forgiving(console, "`runner status` shows the run")
    if what.players.kind == "live":
        for arm in what.arms.values():
            preflight.check_players(arm, wiring.live_connection(what.settings))
    there = benches(what, once(console.print))
    preflight.check_results(what.settings)
    if not options.cluster:  # whose workers have their own
        engine, arms = next(iter(there.values())).engine, tuple(what.arms.values())
        with pull_screen(console) as screen:
            players = wiring.with_server(what.players, what.settings, engine, arms, screen)
        what = replace(what, players=players)
    lock = lock_of(what, there)
    kind = what.players.kind
    path = pick_journal(what.settings.journals, kind, lock, asked=options.run, new=options.new)
    with taken_up(path, kind, lock, what.card, anew=options.new) as (journal, record):
        show_torn(console, journal)
        state = tallies(what.goal, past(record))
        ending = Ending("complete", "every cell has what it needs")
        if not all(reached(what.goal, tally) for tally in state.values()):
            limit_usd = run_limit(options.budget, kind, record.budget_usd)
            money = Money(limit_usd, options.arm_budget)
            order = Order(selection, lock, options.jobs, money, options.cluster)
            ending = session(console, what, there, order, journal, record, state)
    show_end(console, what, path.stem, ending, new=options.new)
    if ending.at_once:
        leave(EXITS[ending.why])
    if ending.why == "complete":
        return (
            EXIT_OK if all(met(what.goal, tally) for tally in state.values()) else EXIT_NOT_SOLVED
        )
    return EXITS[ending.why]


def leave(code: int) -> NoReturn:
    """End this process without waiting for what its threads are in: models, the database."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def met(goal: Goal, tally: Tally) -> bool:
    """Whether the cell ended with what was hoped for, not just with what was allowed."""
    return goal.fixed or tally.successes >= goal.n


def show_torn(console: Console, journal: Journal) -> None:
    """Say that the journal's last line was cut off, if it was."""
    if journal.torn_bytes:
        console.print(
            f"dropped a torn last line of {journal.torn_bytes} bytes from {journal.path}: it was "
            "never acknowledged, and what it told of is run again",
            markup=False,
            soft_wrap=True,
        )


def show_cells(console: Console, what: Parts, run_id: str) -> None:
    """Print the run's cells out of the database, brought up to date."""
    simulated = what.players.kind == "scripted"
    try:
        bring_up_to_date(what)
        show_run(console, what.settings, run_id, what.goal, simulated=simulated)
    except EnvironmentProblem as problem:
        console.print(f"[yellow]{problem}[/]\nThe run is safe in its journal.")


def show_end(console: Console, what: Parts, run_id: str, ending: Ending, *, new: bool) -> None:
    """Print what the run came to, and how it goes on if it is not complete."""
    if not ending.at_once:
        show_cells(console, what, run_id)
    colour = "green" if ending.why == "complete" else "yellow"
    console.print(f"[bold {colour}]{ending.why.upper()}[/]  run {run_id}: ", end="")
    console.print(ending.reason, markup=False)
    if ending.why != "complete":
        more = " with a higher --budget" if ending.why == "budget" else ""
        named = f" with --run {run_id} in place of --new" if new else ""
        also = " and" if named and more else ""
        console.print(f"the same command{named}{also}{more} goes on with it", markup=False)
