"""What has been run, what it cost and what is running now.

example: runner status
"""

import argparse

from rich.console import Console
from rich.table import Table as Grid

from runner.cli import options as opt
from runner.cli.kinds import marked
from runner.cli.open_runs import OPEN, show_open_runs
from runner.cli.running import show_running
from runner.cli.sql import as_table
from runner.config.rates import load_cards
from runner.config.settings import load_settings
from runner.errors import EXIT_OK
from runner.ledger.database import rebuild, sync
from runner.ledger.duck import Table, reader

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


def run(options: argparse.Namespace, console: Console) -> int:
    """Print what is running, cells and the latest trials."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    card = opt.chosen("rate card", settings.card, cards)
    # First: it hardly waits for a database that somebody holds.
    show_running(console, settings.journals, settings.database, cards, card)
    bring = rebuild if options.rebuild else sync
    done = bring(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    if options.rebuild:
        console.print(f"rebuilt {settings.database} from the journals: {len(done.trials)} trials")
    if not settings.database.exists():
        console.print("nothing has been run yet; try `make demo`")
        return EXIT_OK
    with reader(settings.database, wait_s=settings.db_wait_s) as ask:
        cells = ask(CELLS, {"card": settings.card})
        latest = ask(LATEST, {"card": settings.card, "last": options.last})
        open_runs = ask(OPEN, {})
    console.print(f"[bold]Cells[/]  USD by the card {settings.card}")
    console.print(grid(cells))
    console.print("\n[bold]Latest trials[/]")
    console.print(grid(latest))
    show_open_runs(console, open_runs.rows)
    for path in done.torn:
        console.print(f"{path}: a torn last line was left out; it was never confirmed")
    return EXIT_OK


def grid(found: Table) -> Grid:
    """An answer as a table for the eye; simulated cells say so in their kind."""
    rows = [tuple(marked(value) for value in row) for row in found.rows]
    return as_table(found.columns, rows)
