"""Write the report's pictures as files: SVG and PNG, light and dark, and one interactive page.

example: runner charts pictures --format svg
"""

import argparse
from pathlib import Path

from rich.console import Console

from analysis.calls import measured
from analysis.charts.files import FORMS, write
from analysis.charts.gallery import pictures
from analysis.report.build import MARKS, answered
from analysis.report.rows import FOREMOST, read_record
from runner.cli import options as opt
from runner.cli.report import PAPER, asked
from runner.config.rates import load_cards
from runner.config.settings import load_settings
from runner.errors import EXIT_OK, UsageError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the folder to write to")
    opt.add(
        parser,
        "format",
        help=f"only these, with commas: {', '.join(FORMS)}; default is all",
        read=opt.names,
        default=FORMS,
    )
    opt.add(
        parser,
        "kind",
        help=f"trials of these kinds: {', '.join(FOREMOST)}; default live if there are any",
        read=opt.names,
        default=(),
    )
    opt.add(parser, "run", help="only the trials of this run", default="")
    opt.add(parser, "card", help="the card to price by; default is RUNNER_CARD's")
    parser.set_defaults(against=PAPER)


def run(options: argparse.Namespace, console: Console) -> int:
    """Draw what the report draws, and name each file."""
    forms = [opt.chosen("format", name, dict(zip(FORMS, FORMS, strict=True)))
             for name in options.format]  # fmt: skip
    settings = load_settings()
    question = asked(options, settings, load_cards(settings.rates_dir))
    record = read_record(question)
    kinds = " and ".join(MARKS[kind] for kind in question.kinds)
    if not record.trials:
        raise UsageError(f"there are no {kinds} trials to draw: run a trial or a matrix first")
    found = measured(
        question.database, question.kinds, question.card, run=question.run, wait_s=question.wait_s
    )
    rows = [trial.row for trial in record.trials]
    drawn = pictures(rows, found.growth, found.tokens, answered(record), found.times)
    console.print(f"{len(rows)} {kinds} trials, USD by {question.card}", markup=False)
    for path in write(drawn, options.dir, forms):
        console.print(f"{path}  {path.stat().st_size / 1000:,.0f} kB", markup=False, soft_wrap=True)
    return EXIT_OK
