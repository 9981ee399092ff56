"""Write every table as a file, and a flat trials.csv in the paper's 18 columns.

example: runner export --parquet exported
"""

import argparse
import os
import shutil
from pathlib import Path

from rich.console import Console

from runner.cli import options as opt
from runner.cli.flat import Flat, flat_file
from runner.cli.reprice import KINDS, PAPER
from runner.config.rates import load_cards
from runner.config.settings import load_settings
from runner.errors import EXIT_OK, EnvironmentProblem, UsageError
from runner.ledger.database import sync
from runner.ledger.export import Form, export_tables

FLAT = "trials.csv"
TABLES = "tables"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    form = parser.add_mutually_exclusive_group(required=True)
    for name, what in (("csv", "CSV"), ("parquet", "Parquet"), ("jsonl", "JSON lines")):
        form.add_argument(
            f"--{name}", dest="form", action="store_const", const=name, help=f"tables as {what}"
        )
    parser.add_argument("dir", type=Path, metavar="DIR", help="the folder to make")
    parser.add_argument("--force", action="store_true", help="replace an earlier export")
    opt.add(parser, "card", help=f"the card of {FLAT}'s cost_usd", default=PAPER)
    opt.add(parser, "kind", help=f"the trials of {FLAT}: {', '.join(KINDS)}; never mixed")


def run(options: argparse.Namespace, console: Console) -> int:
    """Write all, whole or not at all, and say what is where."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    card = opt.chosen("rate card", options.card, cards)
    if options.kind is not None:
        opt.chosen("kind", options.kind, dict.fromkeys(KINDS))
    target = options.dir.resolve()
    check_target(target, options.force)
    sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    flat = flat_file(settings, card, options.kind)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        (fresh / TABLES).mkdir(parents=True)
        (fresh / FLAT).write_bytes(flat.text.encode("utf-8", "replace"))
        form: Form = options.form
        counts = export_tables(settings.database, fresh / TABLES, form, wait_s=settings.db_wait_s)
        put_in_place(fresh, target)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    for name, rows in counts.items():
        console.print(f"{target / TABLES / name}.{form}  {rows} rows", markup=False, soft_wrap=True)
    show_flat(console, target / FLAT, flat)
    return EXIT_OK


def check_target(target: Path, force: bool) -> None:
    """Refuse to replace what is not an earlier export, or one without leave.

    Raises:
        UsageError: the folder is no folder, holds something else, or `force` is not given.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target}: is a file: name a folder")
    names = sorted(path.name for path in target.iterdir())
    foreign = [name for name in names if name not in (FLAT, TABLES)]
    if foreign:
        raise UsageError(f"{target}: holds {foreign[0]}, which is no export: name another folder")
    if names and not force:
        raise UsageError(f"{target}: holds an export already: --force replaces it")


def put_in_place(fresh: Path, target: Path) -> None:
    """Move the new folder to its name; what was there goes only when the new one is in."""
    old = fresh.with_name(f"{fresh.name}.old")
    if target.exists():
        target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def show_flat(console: Console, path: Path, flat: Flat) -> None:
    """What is in the flat file, and what could not go in."""
    console.print(
        f"{path}  {flat.rows} {flat.kind} trials, cost_usd by {flat.card}",
        markup=False,
        soft_wrap=True,
    )
    for note in flat.notes:
        console.print(f"  {note}", markup=False, soft_wrap=True)
