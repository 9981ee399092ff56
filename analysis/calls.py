"""What model calls say: the lead's context call by call, tokens and seconds by trial.

Each row carries its model's prices by one rate card, so that whatever is reckoned from rows
needs no database.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from runner.config.rates import Rate
from runner.ledger.duck import query
from runner.types import ProviderKind, Role, Usage

TOKEN_CLASSES = tuple(each.name for each in fields(Usage))
PRICES = tuple(each.name for each in fields(Rate))
_VALUED = frozenset((*TOKEN_CLASSES, *PRICES))
_USAGE = ", ".join(TOKEN_CLASSES)
_RATE = ", ".join(f"rates.{name}" for name in PRICES)
_NUMBERS = "('DOUBLE', 'UBIGINT', 'BIGINT')"
_CHOSEN = "list_contains($kinds, provider_kind) and ($run = '' or run_id = $run)"

# Totals that were imported as if they were one call tell nothing about the way there.
GROWTH = f"""
    select growth.trial_id, arm, task, growth.seq, growth.iteration, growth.role, calls.model,
           base, own_text, own_tool_output, executor_returns, {_USAGE}, {_RATE}
    from context_growth as growth
    join trials on trials.trial_id = growth.trial_id
    join calls on calls.trial_id = growth.trial_id and calls.seq = growth.seq
    left join rates on rates.card = $card and rates.model = calls.model
    where {_CHOSEN} and coalesce(calls.detail->>'aggregated', '') <> 'true'
    order by task, arm, growth.trial_id, growth.seq
"""

TOKENS = f"""
    select usage.trial_id, arm, task, usage.role, usage.model, usage.lost_usd, {_USAGE}, {_RATE},
           usage.seconds, usage.watt_hours, usage.unmetered_s,
           coalesce(kept.calls, 0) as calls, coalesce(kept.gpu_calls, 0) as gpu_calls
    from usage join trials on trials.trial_id = usage.trial_id
    left join rates on rates.card = $card and rates.model = usage.model
    left join (
        select trial_id, role, model, count(*) as calls,
               count(*) filter (json_type(detail, '$.gpu_s') in {_NUMBERS}) as gpu_calls
        from calls where not lost group by all
    ) as kept on kept.trial_id = usage.trial_id and kept.role = usage.role
             and kept.model = usage.model
    where {_CHOSEN}
    order by task, arm, usage.trial_id, usage.role desc, usage.model
"""

TIMES = f"""
    select trial_id, arm, task, wall_s, model_s, tool_s, judge_s, wait_s
    from trials where {_CHOSEN} and status <> 'infra' and $card <> ''
    order by task, arm, trial_id
"""

RETURNS = f"""
    select tool_calls.trial_id, call_seq, output_chars as chars
    from tool_calls join trials on trials.trial_id = tool_calls.trial_id
    where {_CHOSEN} and tool = 'delegate_to_executor' and $card <> ''
    order by tool_calls.trial_id, call_seq, tool_calls.seq
"""


@dataclass(frozen=True)
class GrowthRow:
    """One call of a lead (solo or orchestrator), its context by where the tokens come from.

    `base`, `own_text`, `own_tool_output` and `executor_returns` add up to what the model read
    (`usage.context_tokens`); the sum is exact, the split an estimate (docs/database.md). `rate`
    is None when the card has no price for the model.
    """

    trial_id: str
    arm: str
    task: str
    seq: int
    iteration: int
    role: Role
    model: str
    base: int
    own_text: int
    own_tool_output: int
    executor_returns: int
    usage: Usage
    rate: Rate | None


@dataclass(frozen=True)
class TokenRow:
    """All calls of one role to one model in a trial.

    `lost_usd` is what was set aside for calls whose reply never came. A model of '' is not
    known; then there is nothing but that. `seconds` are those of the other calls that a price by
    the hour is for (`runner.config.rates.worked_s`), `unmetered_s`
    those of them whose energy is not in `watt_hours`; None is not known. Of the other calls'
    number (`calls`), `gpu_calls` have seconds in which the GPU was measured to be at work.
    """

    trial_id: str
    arm: str
    task: str
    role: Role
    model: str
    lost_usd: float
    usage: Usage
    rate: Rate | None
    seconds: float | None = None
    watt_hours: float = 0.0
    unmetered_s: float | None = None
    calls: int = 0
    gpu_calls: int = 0

    @property
    def usd(self) -> float | None:
        """What it cost, lost calls included; None without a price."""
        if not self.model:
            return self.lost_usd
        if self.rate is None or (by_time := self.time_usd(self.rate)) is None:
            return None
        return usd(self.usage, self.rate) + by_time + self.lost_usd

    def time_usd(self, rate: Rate) -> float | None:
        """What the calls' time costs at these prices; None where that is not known."""
        return rate.time_usd(self.seconds, self.watt_hours, self.unmetered_s)


@dataclass(frozen=True)
class TimeRow:
    """Where a trial's seconds went; None where nobody measured it."""

    trial_id: str
    arm: str
    task: str
    wall_s: float | None
    model_s: float | None
    tool_s: float | None
    judge_s: float | None
    wait_s: float | None


@dataclass(frozen=True)
class ReturnRow:
    """What a delegation gave back to the call (`call_seq`) that asked for it, in characters."""

    trial_id: str
    call_seq: int
    chars: int


@dataclass(frozen=True)
class Measured:
    """All rows of the trials asked for; empty where nothing was recorded call by call."""

    growth: tuple[GrowthRow, ...] = ()
    tokens: tuple[TokenRow, ...] = ()
    times: tuple[TimeRow, ...] = ()
    returns: tuple[ReturnRow, ...] = ()


def usd(usage: Usage, rate: Rate) -> float:
    """What tokens cost, in USD."""
    return rate.tokens_usd(usage)


def measured(
    database: Path,
    kinds: Iterable[ProviderKind],
    card: str,
    *,
    run: str = "",
    wait_s: float = 30.0,
) -> Measured:
    """What is on record about trials of these kinds (of one run, if named), priced by `card`.

    Raises:
        EnvironmentProblem: there is no database, or it cannot be read.
    """
    chosen: dict[str, object] = {"kinds": list(kinds), "run": run, "card": card}

    def rows(sql: str) -> list[dict[str, Any]]:
        table = query(database, sql, wait_s=wait_s, parameters=chosen)
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows]

    return Measured(
        tuple(GrowthRow(**row) for row in _valued(rows(GROWTH))),
        tuple(TokenRow(**row) for row in _valued(rows(TOKENS))),
        tuple(TimeRow(**row) for row in rows(TIMES)),
        tuple(ReturnRow(**row) for row in rows(RETURNS)),
    )


def _valued(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows, each with its tokens and its prices as one value; equal prices are one object."""
    rates: dict[object, Rate] = {}
    for row in rows:
        kept = {name: value for name, value in row.items() if name not in _VALUED}
        rate = None
        if row["input"] is not None:
            prices = tuple(row[name] for name in PRICES)
            rate = rates.get(prices)
            if rate is None:
                rate = rates[prices] = Rate(**dict(zip(PRICES, prices, strict=True)))
        yield {**kept, "usage": Usage(*(row[name] for name in TOKEN_CLASSES)), "rate": rate}
