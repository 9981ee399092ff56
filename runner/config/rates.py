"""Rate cards: dated, sourced prices. Tokens are recorded, what they cost is looked up here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, load_toml
from runner.errors import UsageError
from runner.events import CallSettled
from runner.types import JsonObject, Usage

_PER = 1_000_000  # prices are USD per million tokens
_HOUR_S = 3600
_KWH_WH = 1000
# Keys of a call's `detail` where NVIDIA's tools were asked: its energy, and the seconds in which
# the GPU was at work for it.
WATT_HOURS = "watt_hours"
GPU_SECONDS = "gpu_s"
MEASURED = (WATT_HOURS, GPU_SECONDS)

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


@strict_dataclass(frozen=True, config=STRICT)
class Rate:
    """One model's prices, USD per million tokens of each class.

    A model on a machine of one's own may have a price by its time as well: `gpu_hour` is USD per
    hour of its calls, `kwh` USD per kilowatt-hour, `watts` what is taken to be drawn in a call
    whose energy was not measured.
    """

    input: Price
    output: Price
    cache_write_5m: Price
    cache_write_1h: Price
    cache_read: Price
    gpu_hour: Price = 0.0
    kwh: Price = 0.0
    watts: Price = 0.0

    @property
    def free_tokens(self) -> bool:
        """Whether no token costs anything, as with a model on a machine of one's own."""
        classes = (self.cache_write_5m, self.cache_write_1h, self.cache_read)
        return not any((self.input, self.output, *classes))

    def tokens_usd(self, usage: Usage) -> float:
        """What tokens cost, in USD."""
        return (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_write_5m_tokens * self.cache_write_5m
            + usage.cache_write_1h_tokens * self.cache_write_1h
            + usage.cache_read_tokens * self.cache_read
        ) / _PER

    def time_usd(
        self, seconds: float | None, watt_hours: float, unmetered_s: float | None
    ) -> float | None:
        """What calls cost by their time, in USD; None where it has a price and is not known.

        `seconds` is how long they took in all, `unmetered_s` how long those did whose energy is
        not in `watt_hours`; None is not known.
        """
        machine = energy = 0.0
        if self.gpu_hour:
            if seconds is None:
                return None
            machine = seconds / _HOUR_S * self.gpu_hour
        if self.kwh:
            if unmetered_s is None:
                return None
            used = watt_hours + unmetered_s / _HOUR_S * self.watts
            energy = used / _KWH_WH * self.kwh
        return machine + energy


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

    def usd(
        self,
        model: str,
        usage: Usage,
        took_s: float | None = None,
        detail: JsonObject = MappingProxyType({}),
    ) -> float:
        """What a call costs, in USD, by its tokens and its time; None is not known.

        `detail` is the call's; it holds what was measured of its time and energy.

        Raises:
            UsageError: the card has no price for `model`, or one by a time that is not known;
                nothing is ever priced at a guess.
        """
        rate = self.rate(model)
        watt_hours = measured_wh(detail)
        unmetered_s = took_s if watt_hours is None else 0.0
        by_time = rate.time_usd(worked_s(detail, took_s), watt_hours or 0.0, unmetered_s)
        if by_time is None:
            raise UsageError(
                f"{self.path}: rate card {self.id} prices {model} by its time, and how long a call "
                "took is not on record"
            )
        return rate.tokens_usd(usage) + by_time

    def settled_usd(self, call: CallSettled) -> float:
        """What a call on record costs, in USD; a lost one costs its reserve, not this.

        Raises what `usd` raises.
        """
        return self.usd(call.model, call.usage, call.latency_s, call.detail)

    def worst_case_usd(
        self, model: str, input_tokens: int, max_output_tokens: int, seconds: float = 0.0
    ) -> float:
        """The most a call can cost, in USD: all input in the dearest class, written to a cache.

        `seconds` is how long the call can last; energy counts at the card's `watts`.

        Raises:
            UsageError: the card has no price for `model`.
        """
        rate = self.rate(model)
        dearest = max(rate.input, rate.cache_write_5m, rate.cache_write_1h)
        tokens = (input_tokens * dearest + max_output_tokens * rate.output) / _PER
        return tokens + (rate.time_usd(seconds, 0.0, seconds) or 0.0)

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
                "cache_read in USD per million tokens (all 0 for a model you run yourself, and "
                "gpu_hour or kwh with watts if its time has a price)"
            )
        return found


def measured_wh(detail: JsonObject) -> float | None:
    """The watt-hours that a call's detail says it took; None where nobody measured them."""
    return _amount(detail.get(WATT_HOURS))


def worked_s(detail: JsonObject, took_s: float | None) -> float | None:
    """The seconds of a call that have a price by the hour; None where they are not known.

    Those in which the GPU was at work if they were measured, else all it took, and never more:
    several GPUs are one machine with one price.
    """
    known = [each for each in (_amount(detail.get(GPU_SECONDS)), took_s) if each is not None]
    return min(known, default=None)


def _amount(said: object) -> float | None:
    """A number from 0 up; None for all else."""
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if 0 <= said < math.inf else None


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
    for model, rate in card.rates.items():
        if rate.kwh and not rate.watts:
            raise UsageError(
                f"{path}: key 'rates.{model}.watts' is missing: it stands beside kwh, for the "
                "reserves and for calls whose energy was not measured"
            )
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
