"""Query the database of results.

example: runner sql "select arm, task, success, usd from trials join costs using (trial_id)"
"""

import argparse
import csv
import io
import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from runner.config.rates import load_cards
from runner.config.settings import load_settings
from runner.errors import EXIT_OK
from runner.ledger.database import sync
from runner.ledger.duck import query


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("query", help="one SQL statement; docs/database.md has the tables")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="comma-separated values with a header")
    form.add_argument("--json", action="store_true", help="one JSON object a row")


def run(options: argparse.Namespace, console: Console) -> int:
    """Run the query and print its rows."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    table = query(settings.database, options.query, wait_s=settings.db_wait_s)
    columns, rows = table.columns, table.rows
    if options.csv:
        console.print(as_csv(columns, rows), end="", markup=False, soft_wrap=True)
    elif options.json:
        for row in rows:
            line = json.dumps(dict(zip(columns, row, strict=True)), default=str)
            console.print(line, markup=False, soft_wrap=True)
    else:
        console.print(as_table(columns, rows))
    return EXIT_OK


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The rows as CSV text with a header line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def as_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """The rows as a table for a person; numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    numeric = [
        bool(rows) and all(isinstance(row[n], int | float) for row in rows)
        for n in range(len(columns))
    ]
    for name, right in zip(columns, numeric, strict=True):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(shown(value) for value in row))
    return table


def shown(value: object) -> str:
    """A value for a table cell: floats to six significant digits, NULL as an empty cell."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
