"""One trial: its verdict, its calls, and every word that was said.

example: runner show scripted-C-T3-0-1
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from runner.cli import options as opt
from runner.cli.sql import as_table
from runner.cli.summary import show_summary
from runner.config.rates import load_cards
from runner.config.settings import Settings, load_settings
from runner.errors import EXIT_OK, UsageError
from runner.ledger.database import sync
from runner.ledger.duck import Table, query
from runner.ledger.transcript import Answered, Broke, Entry, Opened, Returned, Told, read_transcript

TABLES = {
    "trial": "select * from trials where trial_id = $trial",
    "checks": "select * exclude trial_id from checks where trial_id = $trial",
    "calls": "select * exclude trial_id from calls where trial_id = $trial order by seq",
    "tool_calls": "select * exclude trial_id from tool_calls where trial_id = $trial order by seq",
    "costs": "select * exclude trial_id from costs where trial_id = $trial order by all",
}

CALLS = """
    select seq, role, model, iteration as turn, input_tokens as input,
           cache_write_5m_tokens + cache_write_1h_tokens as written,
           cache_read_tokens as read, output_tokens as output,
           round(latency_s, 2) as seconds, stop_reason as stopped, error
    from calls where trial_id = $trial order by seq
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("trial", metavar="TRIAL", help="its id, or as much of it as is unique")
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")


def run(options: argparse.Namespace, console: Console) -> int:
    """Show it; page by page on a terminal."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    opt.chosen("rate card", settings.card, cards)
    sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    trial_id = found(settings, options.trial)
    if options.json:
        console.print(as_json(settings, trial_id), markup=False, soft_wrap=True)
    elif console.is_terminal:
        with console.pager(styles=True):
            show(console, settings, trial_id)
    else:
        show(console, settings, trial_id)
    return EXIT_OK


def found(settings: Settings, name: str) -> str:
    """The one trial whose id begins with `name`.

    Raises:
        UsageError: there is none, or more than one.
    """
    table = ask(settings, "select trial_id from trials where starts_with(trial_id, $trial)", name)
    ids = [str(row[0]) for row in table.rows]
    if name in ids:
        return name
    if len(ids) != 1:
        what = f"there is no trial '{name}'" if not ids else f"'{name}' begins {', '.join(ids)}"
        raise UsageError(f"{what}; `runner status` lists the trials")
    return ids[0]


def ask(settings: Settings, sql: str, trial_id: str) -> Table:
    """The rows of a query about one trial."""
    parameters = {"trial": trial_id}
    return query(settings.database, sql, wait_s=settings.db_wait_s, parameters=parameters)


def as_json(settings: Settings, trial_id: str) -> str:
    """All tables and the transcript."""
    whole: dict[str, object] = {}
    for name, sql in TABLES.items():
        table = ask(settings, sql, trial_id)
        whole[name] = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    whole["transcript"] = [
        {"kind": type(entry).__name__, **asdict(entry)} for entry in entries(settings, trial_id)
    ]
    return json.dumps(whole, default=str, ensure_ascii=False, indent=1)


def entries(settings: Settings, trial_id: str) -> Iterator[Entry]:
    """The transcript's entries; none for a trial that was imported."""
    path = settings.transcripts / f"{trial_id}.jsonl"
    if path.exists():
        yield from read_transcript(path)


def show(console: Console, settings: Settings, trial_id: str) -> None:
    """The summary, the calls, and what was said."""
    show_summary(console, settings, trial_id)
    console.print(Rule("calls"))
    table = ask(settings, CALLS, trial_id)
    console.print(as_table(table.columns, table.rows))
    console.print(Rule("transcript"))
    for entry in entries(settings, trial_id):
        console.print(said(entry))


def said(entry: Entry) -> Text:
    """One entry as text: control characters of the model's or a tool's are shown, not obeyed."""
    match entry:
        case Opened():
            head = f"conversation {entry.conversation}: {entry.role} {entry.model}"
            body = entry.system
        case Told():
            head, body = f"to {entry.role}, turn {entry.turn}", entry.text
        case Answered():
            head = f"{entry.role}, turn {entry.turn} ({entry.stop_reason})"
            calls = (f"→ {c.name} {json.dumps(c.arguments, default=str)}" for c in entry.calls)
            body = "\n".join([entry.text, *calls]).strip()
        case Returned():
            head = f"{entry.tool} to {entry.role}" + (" (refused)" if entry.is_error else "")
            body = entry.text
        case Broke():
            head, body = f"{entry.role}, turn {entry.turn}: broke off", entry.error
    return Text(f"\n[{head}]\n", style="bold") + Text(printable(body), style="")


def printable(text: str) -> str:
    """The text with every control character but line ends and tabs made visible."""
    return "".join(
        char if char in "\n\t" or char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )
