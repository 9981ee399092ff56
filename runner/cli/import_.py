"""Read published per-trial results (JSON lines) into the record, as imported trials.

example: runner import ../shared/paper
"""

import argparse
import hashlib
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.cli.show import printable
from runner.config.rates import RateCard, load_cards
from runner.config.settings import Settings, load_settings
from runner.errors import EXIT_OK, EnvironmentProblem, UsageError
from runner.events import CallSettled
from runner.ledger.database import sync
from runner.ledger.duck import query
from runner.ledger.journal import Journal
from runner.ledger.journal_file import sync_folder
from runner.published.events import delegating, outcome, trial_events, trial_id
from runner.published.reading import Row, read_folder

SHOWN, SHOWN_CHARS = 20, 400  # problems named one by one, and characters of each
AGREES_USD = 1e-6  # the files give USD to six places
KNOWN = "select trial_id, run_id from trials where provider_kind = 'imported'"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="the folder of *.jsonl files")
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out what cannot be read, import the rest"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Import what is not there yet and say what it is; a second time changes nothing."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    reading = read_folder(options.dir, {model for card in cards.values() for model in card.rates})
    if reading.problems and not (options.skip_bad and reading.rows):
        hint = "; --skip-bad imports the rest" if reading.rows else ""
        raise UsageError(f"{options.dir}: nothing was imported{hint}:\n{some(reading.problems)}")
    if reading.problems:
        console.print(f"left out:\n{some(reading.problems)}", markup=False)
    sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    known = imported(settings)
    fresh = [row for row in reading.rows if trial_id(row) not in known]
    delegating_arms = delegating(reading.rows)
    if fresh:
        path = write_journal(settings.journals, fresh, delegating_arms)
        sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
        console.print(f"imported {len(fresh)} trials into {path}", markup=False)
    if len(fresh) < len(reading.rows):
        console.print(f"{len(reading.rows) - len(fresh)} trials were there already")
    console.print(cells_table(reading.rows))
    console.print(reckoned(reading.rows, delegating_arms, cards), markup=False)
    return EXIT_OK


def some(problems: Sequence[str]) -> str:
    """The first problems, a line each, and how many more there are.

    They quote the files: control characters are shown, not obeyed, and long values cut.
    """
    lines = [f"  {printable(problem)[:SHOWN_CHARS]}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  and {len(problems) - SHOWN} more")
    return "\n".join(lines)


def imported(settings: Settings) -> frozenset[str]:
    """The ids of the imported trials on record.

    Raises:
        EnvironmentProblem: the journal of some is missing; what is written now could clash with
            it when it comes back.
    """
    if not settings.database.exists():
        return frozenset()
    rows = query(settings.database, KNOWN, wait_s=settings.db_wait_s).rows
    for run_id in sorted({str(run_id) for _, run_id in rows}):
        journal = settings.journals / f"{run_id}.jsonl"
        if not journal.exists():
            raise EnvironmentProblem(
                f"the database holds trials of {journal}, which is missing: put it back, or let "
                "go of them with `runner status --rebuild`"
            )
    return frozenset(str(name) for name, _ in rows)


def write_journal(folder: Path, rows: Sequence[Row], delegating_arms: Collection[str]) -> Path:
    """Write these rows as one journal, whole or not at all; its name stands for its content.

    Raises:
        EnvironmentProblem: the disk refuses.
    """
    names = "\n".join(sorted(map(trial_id, rows)))
    run_id = f"imported-{hashlib.sha256(names.encode()).hexdigest()[:12]}"
    path = folder / f"{run_id}.jsonl"
    unfinished = folder / f".{run_id}.{os.getpid()}"  # no name that is read as a journal
    try:
        with Journal.create(unfinished) as journal:
            for row in rows:
                for event in trial_events(row, run_id, delegating_arms):
                    journal.append(event)
        unfinished.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return path


def cells_table(rows: Sequence[Row]) -> Table:
    """How the rows of each arm and task ended, and the USD their source names."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("arm", "task"):
        table.add_column(name)
    for name in ("rows", "solved", "cap", "failed", "blocked", "failed starts", "source's USD"):
        table.add_column(name, justify="right")
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row.trial.arm, row.trial.task), []).append(row)
    for (arm, task), group in sorted(grouped.items()):
        ends = Counter(outcome(row.trial)[0] for row in group)
        counts = [ends[status] for status in ("solved", "cap", "failed", "blocked", "infra")]
        usd = sum(row.trial.total_cost_usd for row in group)
        table.add_row(arm, task, *map(str, (len(group), *counts)), f"{usd:.4f}")
    return table


def reckoned(
    rows: Sequence[Row], delegating_arms: Collection[str], cards: Mapping[str, RateCard]
) -> str:
    """By which card the rows' tokens cost what their source says."""
    total = sum(row.trial.total_cost_usd for row in rows)
    starts = sum(row.trial.failed_start for row in rows)
    said = f"{len(rows) - starts} trials, failed starts: {starts}; {total:.2f} USD by the source; "
    agreeing = [
        card.id
        for card in cards.values()
        if all(_agrees(row, delegating_arms, card) for row in rows)
    ]
    if not agreeing:
        return f"{said}no card here gives that for every trial: their prices were others"
    return f"{said}the card {' and '.join(agreeing)} gives the same for every trial"


def _agrees(row: Row, delegating_arms: Collection[str], card: RateCard) -> bool:
    calls = [e for e in trial_events(row, "", delegating_arms) if isinstance(e, CallSettled)]
    if not {call.model for call in calls} <= card.rates.keys():
        return False
    usd = sum(card.rate(call.model).tokens_usd(call.usage) for call in calls)
    return abs(usd - row.trial.total_cost_usd) <= AGREES_USD
