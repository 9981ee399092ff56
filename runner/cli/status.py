"""What has been run, what it cost and what is running now.

example: runner status
"""

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from runner.cli import options as opt
from runner.cli.kinds import marked
from runner.cli.open_runs import OPEN, show_open_runs
from runner.cli.running import show_running
from runner.cli.sql import as_table
from runner.config.rates import RateCard, load_cards
from runner.config.settings import load_settings
from runner.errors import EXIT_OK, OperatorError
from runner.ledger.database import look, rebuild, sync
from runner.ledger.duck import Ask, Table, reader
from runner.ledger.update import Known

CELLS = """
    select arm, task, provider_kind as kind, attempts, successes as solved,
           round(success_rate, 2) as rate,
           case when results = 0 then 'no data' when results < 3 then 'n too small'
                else format('{:.2f} to {:.2f}', wilson_low, wilson_high) end as "95 % interval",
           round(median_usd, 4) as "median USD",
           round(usd_per_success, 4) as "USD per solved", round(median_wall_s, 1) as "median s",
           median_iterations as turns
    from cells where card = $card order by kind, task, arm
"""

LATEST = """
    with latest as (from trials order by started_at desc limit $last)
    select latest.trial_id as trial, provider_kind as kind, status, success,
           harness_green as harness, iterations as turns, round(wall_s, 1) as seconds,
           round(sum(costs.usd), 4) as usd, strftime(started_at, '%Y-%m-%d %H:%M') as started
    from latest left join costs on costs.trial_id = latest.trial_id and costs.card = $card
    group by all order by any_value(started_at) desc
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rebuild", action="store_true", help="make the database anew first")
    parser.add_argument("--last", type=opt.whole(0), default=15, help="how many trials to list")


@dataclass(frozen=True)
class Answers:
    """What the database says: cells, the latest trials, runs to go on with."""

    cells: Table
    latest: Table
    open_runs: Table


def run(options: argparse.Namespace, console: Console) -> int:
    """Print what is running, cells and the latest trials."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    card = opt.chosen("rate card", settings.card, cards)
    database, wait_s = settings.database, settings.db_wait_s
    # One opening for all that is asked of the database: an opening takes longer than most
    # questions. The answers stand unless there is something to bring in, and mostly there is not:
    # who writes a journal does that.
    with ExitStack() as opening:
        said, has = None, None
        if not options.rebuild:
            said, has = at_once(opening, database, cards, card.id, options.last)
        # Before anything waits for a database that somebody holds.
        show_running(console, settings.journals, database, cards, card)
    if options.rebuild:
        done = rebuild(database, settings.journals, cards, wait_s=wait_s)
        console.print(f"rebuilt {database} from the journals: {len(done.trials)} trials")
    else:
        done = sync(database, settings.journals, cards, wait_s=wait_s, has=has)
    if not database.exists():
        console.print("nothing has been run yet; try `make demo`")
        return EXIT_OK
    if said is None or done.wrote:
        with reader(database, wait_s=wait_s) as ask:
            said = answers(ask, card.id, options.last)
    console.print(f"[bold]Cells[/]  USD by the card {card.id}")
    console.print(grid(said.cells))
    console.print("\n[bold]Latest trials[/]")
    console.print(grid(said.latest))
    show_open_runs(console, said.open_runs.rows)
    for path in done.torn:
        console.print(f"{path}: a torn last line was left out; it was never confirmed")
    return EXIT_OK


def at_once(
    opening: ExitStack, database: Path, cards: Mapping[str, RateCard], card: str, last: int
) -> tuple[Answers | None, Known | None]:
    """What the database says as it is, and how far that is; open until `opening` ends.

    Nothing when it is not there, not ready, damaged, or held by somebody: bringing it up to date
    mends that, or says what is wrong.
    """
    try:
        with ExitStack() as asked:
            ask = asked.enter_context(reader(database, wait_s=0.0))
            found = answers(ask, card, last), look(database, cards, wait_s=0.0)
            opening.enter_context(asked.pop_all())
    except OperatorError:
        return None, None
    return found


def answers(ask: Ask, card: str, last: int) -> Answers:
    """What the database says, by the prices of `card`, with so many of the latest trials."""
    return Answers(
        cells=ask(CELLS, {"card": card}),
        latest=ask(LATEST, {"card": card, "last": last}),
        open_runs=ask(OPEN, {}),
    )


def grid(found: Table) -> Grid:
    """An answer as a table for the eye; simulated cells say so in their kind."""
    rows = [tuple(marked(value) for value in row) for row in found.rows]
    return as_table(found.columns, rows)
