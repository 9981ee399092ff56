"""What a matrix will take: attempts, USD and hours, from prices and from what was seen so far.

Nothing is run, no engine and no key is needed. With --detect: how many trials it would take to
see a difference of that size between two arms, from the spread on record.

example: runner plan -n 3 --arms A,D --tasks T3
         runner plan --models live --detect 20%
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from math import comb

from rich.console import Console

from analysis.answers import planned
from analysis.report.rows import Question, chosen_kinds, kinds_there, read_record
from analysis.stats.power import plans
from runner.cli import options as opt
from runner.cli.kinds import marked
from runner.cli.plan_shown import show_plan
from runner.cli.run_options import add_run_options, selected
from runner.config.settings import load_settings
from runner.errors import EXIT_OK
from runner.ledger.database import sync
from runner.matrix.engine import Cell
from runner.matrix.selection import Parts, parts


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_options(parser)
    opt.add(parser, "detect", help="a difference to be seen, such as 20%%", read=share)


def run(options: argparse.Namespace, console: Console) -> int:
    """Show the plan of the matrix that these options stand for."""
    what = parts(selected(options), load_settings())
    if options.detect is not None:
        return show_sizes(console, what, options.detect)
    return show_plan(console, what, options)


def share(text: str) -> float:
    """A reader of `20%` or `0.2`, between 0 and 1; argparse shows what it raises."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share between 0 and 100 %")
    return value


def show_sizes(console: Console, what: Parts, detect: float) -> int:
    """Print how many trials each task takes to see such a difference, in USD and in seconds."""
    settings = what.settings
    sync(settings.database, settings.journals, what.catalogue.cards, wait_s=settings.db_wait_s)
    if not settings.database.exists():
        console.print("nothing is on record yet, so no spread is known; `make demo` makes a trial")
        return EXIT_OK
    there = kinds_there(settings.database)
    kind = what.players.kind
    if kind == "live" and kind not in there and there:
        kind = chosen_kinds(there)[0]  # the published trials say more than none
    card = what.card.id
    question = Question(settings.database, (kind,), card, card, wait_s=settings.db_wait_s)
    wanted = {(cell.arm, cell.task) for cell in what.goal.cells}
    rows = [
        trial.row
        for trial in read_record(question).trials
        if (trial.row.arm, trial.row.task) in wanted
    ]
    console.print(f"From the {marked(kind)} trials on record, by the card {card}:", markup=False)
    family = comparisons(what.goal.cells)
    for metric in ("usd", "wall_s"):
        for found in plans(rows, metric, detect, comparisons=family):
            console.print(f"- {planned(found)}", markup=False, soft_wrap=True)
    if not rows:
        console.print("- there are none of these arms and tasks, so no spread is known")
    return EXIT_OK


def comparisons(cells: Iterable[Cell]) -> int:
    """How many pairs of arms a matrix compares, over all its tasks: the report's family."""
    return sum(comb(arms, 2) for arms in Counter(cell.task for cell in cells).values())
