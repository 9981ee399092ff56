"""The rate cards there are: prices, sources and dates; or check a card of your own.

example: runner rates --check my-prices.toml
"""

import argparse
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.config.arms import Arm, load_arms
from runner.config.rates import Rate, RateCard, load_card, load_cards
from runner.config.settings import load_settings
from runner.errors import EXIT_OK

COLUMNS = ("input", "output", "write 5 min", "write 1 h", "cache read")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--check", type=Path, metavar="FILE", help="a TOML card of your own")


def run(options: argparse.Namespace, console: Console) -> int:
    """List all cards, or say whether one is right."""
    settings = load_settings()
    if options.check is None:
        for card in load_cards(settings.rates_dir).values():
            show(console, card, card.id == settings.card)
        return EXIT_OK
    card = load_card(options.check)
    show(console, card, in_force=False)
    for doubt in doubts(card, load_arms(settings.arms_dir)):
        console.print(f"note: {doubt}", markup=False, soft_wrap=True)
    console.print(f"{options.check}: the card is well formed", markup=False, soft_wrap=True)
    if options.check.resolve().parent != settings.rates_dir.resolve():
        console.print(f"to use it: copy it to {settings.rates_dir}", markup=False, soft_wrap=True)
    return EXIT_OK


def show(console: Console, card: RateCard, in_force: bool) -> None:
    """One card: whence and when, a row a model in USD per million tokens, and prices by time."""
    force = "  (in force: caps and summaries use it)" if in_force else ""
    console.print(f"[bold]{card.id}[/]  as of {card.as_of}{force}")
    console.print(f"source: {card.source}", markup=False)
    if card.note:
        console.print(" ".join(card.note.split()), markup=False, style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("USD per million tokens")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for model, rate in card.rates.items():
        table.add_row(model, *(f"{price:g}" for price in prices(rate)))
    console.print(table)
    for model, rate in card.rates.items():
        if priced := ", ".join(by_time(rate)):
            console.print(f"{model}: {priced}", markup=False, highlight=False, soft_wrap=True)
    console.print()


def prices(rate: Rate) -> tuple[float, ...]:
    """A model's prices in the order of `COLUMNS`."""
    return (rate.input, rate.output, rate.cache_write_5m, rate.cache_write_1h, rate.cache_read)


def by_time(rate: Rate) -> Iterator[str]:
    """What a model's time and power cost, in words; nothing where they have no price."""
    if rate.gpu_hour:
        yield f"{cents(rate.gpu_hour)} USD a GPU-hour"
    if rate.kwh:
        yield f"{cents(rate.kwh)} USD/kWh at {rate.watts:g} W"


def cents(price: float) -> str:
    """A price with two digits, or all of them where it has more."""
    return f"{price:.2f}" if round(price, 2) == price else f"{price:g}"


def doubts(card: RateCard, arms: Mapping[str, Arm]) -> Iterator[str]:
    """What is allowed but looks like a slip, and which arms the card cannot price."""
    if card.as_of > date.today():
        yield f"as_of {card.as_of} lies ahead"
    for model, rate in card.rates.items():
        if rate.output < rate.input:
            yield f"{model}: output is cheaper than input"
        if rate.cache_read > rate.input:
            yield f"{model}: reading the cache is dearer than input"
        if rate.cache_write_1h < rate.cache_write_5m:
            yield f"{model}: an hour of cache is cheaper to write than five minutes"
        if rate.cache_write_5m < rate.input:
            yield f"{model}: writing the cache is cheaper than input"
    for arm in arms.values():
        for model in arm.models:
            if model not in card.rates:
                yield f"arm {arm.id} cannot run by this card: no price for {model}"
