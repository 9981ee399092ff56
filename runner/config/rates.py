"""Rate cards: dated, sourced prices. Tokens are recorded, what they cost is looked up here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, load_toml
from runner.errors import UsageError
from runner.types import Usage

_PER = 1_000_000  # prices are USD per million tokens

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


@strict_dataclass(frozen=True, config=STRICT)
class Rate:
    """One model's prices, USD per million tokens of each class."""

    input: Price
    output: Price
    cache_write_5m: Price
    cache_write_1h: Price
    cache_read: Price


@strict_dataclass(frozen=True, config=STRICT)
class _CardFile:
    id: Text
    as_of: date
    source: Text
    rates: Mapping[str, Rate]
    note: str = ""


@dataclass(frozen=True)
class RateCard:
    """The prices of one day, by model id as the vendor spells it."""

    id: str
    as_of: date
    source: str
    note: str
    rates: Mapping[str, Rate]
    path: Path  # the file it was read from

    def usd(self, model: str, usage: Usage) -> float:
        """What `usage` costs, in USD.

        Raises:
            UsageError: the card has no price for `model`; nothing is ever priced at a guess.
        """
        rate = self.rate(model)
        return (
            usage.input_tokens * rate.input
            + usage.output_tokens * rate.output
            + usage.cache_write_5m_tokens * rate.cache_write_5m
            + usage.cache_write_1h_tokens * rate.cache_write_1h
            + usage.cache_read_tokens * rate.cache_read
        ) / _PER

    def worst_case_usd(self, model: str, input_tokens: int, max_output_tokens: int) -> float:
        """The most a call can cost, in USD: all input in the dearest class, written to a cache.

        Raises:
            UsageError: the card has no price for `model`.
        """
        rate = self.rate(model)
        dearest = max(rate.input, rate.cache_write_5m, rate.cache_write_1h)
        return (input_tokens * dearest + max_output_tokens * rate.output) / _PER

    def rate(self, model: str) -> Rate:
        """The prices of `model`.

        Raises:
            UsageError: the card has no price for it; the message says what to add where.
        """
        found = self.rates.get(model)
        if found is None:
            raise UsageError(
                f'{self.path}: rate card {self.id} has no price for "{model}": add a table '
                f'[rates."{model}"] with input, output, cache_write_5m, cache_write_1h and '
                "cache_read in USD per million tokens (all 0 for a model you run yourself)"
            )
        return found


def load_card(path: Path) -> RateCard:
    """Read one card.

    Raises:
        UsageError: the file is missing or wrong; the message names the file and the key.
    """
    card = load_toml(path, _CardFile)
    if card.id != path.stem:
        raise UsageError(f"{path}: key 'id': \"{card.id}\" must be the file's name, {path.stem}")
    if not card.rates:
        raise UsageError(f"{path}: key 'rates': the card prices no model")
    return RateCard(card.id, card.as_of, card.source, card.note, card.rates, path)


def load_cards(folder: Path) -> dict[str, RateCard]:
    """All cards of a folder (`*.toml`), by id.

    Raises:
        UsageError: the folder holds no card, or one of them is wrong.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise UsageError(f"{folder}: no rate card (*.toml) here")
    return {path.stem: load_card(path) for path in paths}
