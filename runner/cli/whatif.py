"""What trials would have cost with shorter executor returns, another cache life or other prices.

An estimate from the tokens on record; nothing is run again. Its assumptions are printed with it.

example: runner whatif --summary-cap 300 --cache 1h
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from rich.console import Console
from rich.table import Table

from analysis.calls import Measured, measured
from analysis.prices import NO_PRICE, Pair, PricedTrial, price_cells
from analysis.stats.samples import TrialRow, trial_rows
from analysis.whatif import CacheLife, Change, assumptions, recompute, unrecorded
from runner.cli import options as opt
from runner.cli.kinds import badge
from runner.cli.reprice import KINDS
from runner.config.rates import RateCard, load_cards
from runner.config.settings import Settings, load_settings
from runner.errors import EXIT_OK, UsageError
from runner.ledger.database import sync
from runner.ledger.duck import query
from runner.types import ProviderKind

CACHES: tuple[CacheLife, ...] = get_args(CacheLife)

TRIALS = """
    select trial_id, arm, task, provider_kind, status, success, wall_s, iterations,
           null as usd, null as tokens,
           status = 'infra' or coalesce(detail->>'limit', '') in ('arm', 'run') as void
    from trials order by provider_kind, task, arm, trial_id
"""


@dataclass(frozen=True)
class Wish:
    """What is asked: the change, and in words; by which card trials are priced before and after."""

    change: Change
    said: str
    before: RateCard
    after: RateCard


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    opt.add(
        parser, "summary-cap", help="the most tokens an executor's return may have",
        read=opt.whole(0),
    )  # fmt: skip
    opt.add(parser, "cache", help=f"life of the prompt cache: {', '.join(CACHES)}")
    opt.add(parser, "card", help="the card to price by afterwards; default is RUNNER_CARD's")
    opt.add(parser, "kind", help=f"only these trials: {', '.join(KINDS)}; default is all, apart")


def run(options: argparse.Namespace, console: Console) -> int:
    """Print every cell as it was and as it would have been."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    wish = wished(options, settings, cards)
    if options.kind is not None:
        opt.chosen("kind", options.kind, dict.fromkeys(KINDS))
    sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    rows = trials(settings) if settings.database.exists() else ()
    kinds = sorted({row.provider_kind for row in rows if options.kind in (None, row.provider_kind)})
    if not kinds:
        console.print(f"no {options.kind or ''} trial to reckon yet".replace("  ", " "))
        return EXIT_OK
    console.print(f"[bold]An estimate:[/] {wish.said}")
    for kind in kinds:
        mine = [row for row in rows if row.provider_kind == kind]
        found = measured(settings.database, [kind], wish.before.id, wait_s=settings.db_wait_s)
        show_kind(console, kind, mine, found, wish)
    console.print("[bold]Taken for granted[/]")
    for each in assumptions(wish.change):
        console.print(f"  {each}", markup=False, soft_wrap=True)
    return EXIT_OK


def wished(options: argparse.Namespace, settings: Settings, cards: Mapping[str, RateCard]) -> Wish:
    """The change that the options name.

    Raises:
        UsageError: they name none, or a cache life or a card that there is not.
    """
    before = opt.chosen("rate card", settings.card, cards)
    after = opt.chosen("rate card", options.card or settings.card, cards)
    cache = None
    if options.cache is not None:
        opt.chosen("cache life", options.cache, dict.fromkeys(CACHES))
        cache = cast(CacheLife, options.cache)
    cap = options.summary_cap
    said = [
        *([f"returns cut to {cap} tokens"] if cap is not None else []),
        *([f"cache: {cache}"] if cache else []),
        *([f"prices of {after.id} instead of {before.id}"] if after.id != before.id else []),
    ]
    if not said:
        raise UsageError("nothing to change: give --summary-cap, --cache or another --card")
    rates = after.rates if after.id != before.id else None
    return Wish(Change(cap, cache, rates), ", ".join(said), before, after)


def trials(settings: Settings) -> tuple[TrialRow, ...]:
    """Every trial on record."""
    table = query(settings.database, TRIALS, wait_s=settings.db_wait_s)
    return trial_rows(dict(zip(table.columns, row, strict=True)) for row in table.rows)


def show_kind(
    console: Console, kind: ProviderKind, rows: Sequence[TrialRow], found: Measured, wish: Wish
) -> None:
    """One kind's table, and which trials it can't tell about."""
    priced = recompute(rows, found, wish.change)
    missing = unrecorded(rows, found) if wish.change.summary_cap is not None else ()
    cards = " then ".join(dict.fromkeys((wish.before.id, wish.after.id)))
    console.print(f"\n[bold]{kind.capitalize()} trials[/]{badge(kind)}  USD by {cards}")
    console.print(cells_table(priced, unrecorded=bool(missing)))
    if missing:
        console.print(
            f"not on record: the calls of {len(missing)} orchestrated trials, one by one; their "
            "returns can't be cut (runner whatif --cache and --card need only their sums)",
            markup=False,
            soft_wrap=True,
        )


def cells_table(trials: Sequence[PricedTrial], *, unrecorded: bool) -> Table:
    """A row a cell: mean of a trial and USD per solved task, before, after and the difference."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "arm"):
        table.add_column(name, overflow="fold")
    for name in ("solved", "per trial\nbefore", "after", "change",
                 "per solved\nbefore", "after", "change"):  # fmt: skip
        table.add_column(name, justify="right")
    for cell in price_cells(trials):
        mine = [each for each in trials if (each.task, each.arm) == (cell.task, cell.arm)]
        table.add_row(
            cell.task,
            cell.arm,
            f"{cell.solved} of {cell.results}",
            *amounts(mean(mine), unrecorded),
            *amounts(cell.usd_per_solved, unrecorded),
        )
    return table


def mean(trials: Sequence[PricedTrial]) -> Pair:
    """The mean of a cell's trials that are results, in USD."""
    results = [each for each in trials if each.result]
    before = [each.usd.before for each in results]
    after = [each.usd.after for each in results]
    return Pair(_mean(before), _mean(after), NO_PRICE if results else "no result")


def _mean(amounts: Sequence[float | None]) -> float | None:
    known = [each for each in amounts if each is not None]
    return sum(known) / len(known) if known and len(known) == len(amounts) else None


def amounts(pair: Pair, unrecorded: bool) -> tuple[str, str, str]:
    """Before, after, and by how much the second differs; what is missing says why."""
    if pair.before is None:
        return pair.why, "", ""
    if pair.after is None:
        return f"{pair.before:.4f}", "not on record" if unrecorded else pair.why, ""
    change = "" if pair.ratio is None else f"{pair.ratio - 1:+.1%}"
    return f"{pair.before:.4f}", f"{pair.after:.4f}", change
