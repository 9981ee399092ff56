"""What trials would have cost with shorter returns, another cache life or other prices.

An estimate: the trials are not run again, their tokens are reckoned anew. `assumptions` says
what is taken for granted; show it wherever a figure of this module is shown.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.calls import GrowthRow, Measured, ReturnRow, TokenRow
from analysis.mechanism import BILLED, Tokens, pairs, priced, returns_of
from analysis.prices import Pair, PricedTrial
from analysis.stats.samples import CENSORED, TrialRow
from runner.config.rates import Rate
from runner.errors import UsageError

CacheLife = Literal["5m", "1h", "none"]
Used = tuple[str, str, str]  # trial, role, model


@dataclass(frozen=True)
class Change:
    """What is changed; None leaves it as it was.

    `summary_cap` is the most tokens that one return may have; `rates` are the prices afterwards
    by model, and a model that is not in them has no price.
    """

    summary_cap: int | None = None
    cache: CacheLife | None = None
    rates: Mapping[str, Rate] | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a negative cap."""
        if self.summary_cap is not None and self.summary_cap < 0:
            raise UsageError(f"a summary can't have {self.summary_cap} tokens")


def recompute(
    rows: Iterable[TrialRow], measured: Measured, change: Change
) -> tuple[PricedTrial, ...]:
    """Each trial in USD as it was and as it would have been.

    `after` is None where that can't be told: a price is missing, or returns are to be cut in a
    trial whose calls are not on record one by one.
    """
    cut = removed(measured.growth, measured.returns, change.summary_cap)
    recorded = {call.trial_id for call in measured.growth}
    used: defaultdict[str, list[TokenRow]] = defaultdict(list)
    for each in measured.tokens:
        used[each.trial_id].append(each)
    return tuple(
        PricedTrial(
            row.task,
            row.arm,
            row.success,
            not (row.void or row.status == "infra"),
            Pair(
                _sum(each.usd for each in used[row.trial_id]),
                _sum(_after(each, change, cut, recorded) for each in used[row.trial_id]),
            ),
            row.status in CENSORED,
        )
        for row in rows
    )


def removed(
    growth: Iterable[GrowthRow], returns: Iterable[ReturnRow], cap: int | None
) -> Mapping[Used, Tokens]:
    """The tokens that leads would not have read had each return had at most `cap` tokens.

    By price class, summed over the calls of a trial. In each call, the tokens that
    `context_growth` counts as returns are shared out to the earlier returns by their characters.
    """
    found: defaultdict[Used, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    if cap is None:
        return {}
    asked: defaultdict[str, list[ReturnRow]] = defaultdict(list)
    for each in returns:
        asked[each.trial_id].append(each)
    for call, before in pairs(growth):
        earlier = [each for each in asked[call.trial_id] if each.call_seq < call.seq]
        again, first = _shares(call, before.seq if before else 0, earlier, cap)
        split = returns_of(call, before)
        for name in BILLED:
            tokens = split.again[name] * again + split.first[name] * first
            found[call.trial_id, call.role, call.model][name] += tokens
    return found


def unrecorded(rows: Iterable[TrialRow], measured: Measured) -> tuple[str, ...]:
    """The trials with an orchestrator whose calls are not on record one by one."""
    recorded = {call.trial_id for call in measured.growth}
    led = {each.trial_id for each in measured.tokens if each.role == "orchestrator"}
    return tuple(row.trial_id for row in rows if row.trial_id in led - recorded)


def assumptions(change: Change) -> tuple[str, ...]:
    """What the estimate takes for granted."""
    said = ["Every trial goes on as it did: the same calls, the same outcome, the same output."]
    if change.summary_cap is not None:
        said += [
            "A shorter return is as useful as the whole one: nothing is asked twice for want of "
            "what was cut, and the executor's own work and output stay.",
            "How many tokens of a context are returns, and how many each return has, is estimated "
            "from characters; each is billed as where it lies in the prompt was billed.",
        ]
    if change.cache in ("5m", "1h"):
        said.append(
            "Cache hits stay as they were: what had run out after five minutes still has, and "
            "what was there still is."
        )
    if change.cache == "none":
        said.append("Without a cache all that is read is plain input, executors' reading too.")
    if change.rates is not None:
        said.append("Tokens are counted as they were: another vendor or model counts otherwise.")
    return tuple(said)


def _shares(
    call: GrowthRow, before: int, earlier: Sequence[ReturnRow], cap: int
) -> tuple[float, float]:
    """Which share of the returns read again, and of those read first, is above the cap."""
    chars = sum(each.chars for each in earlier)
    if not chars:
        return 0.0, 0.0
    rate = call.executor_returns / chars
    old = [each.chars * rate for each in earlier if each.call_seq < before]
    new = [each.chars * rate for each in earlier if each.call_seq >= before]
    together = _above([*old, *new], cap)
    return (
        _above(old, cap) if sum(old) else together,
        _above(new, cap) if sum(new) else together,
    )


def _above(sizes: Sequence[float], cap: int) -> float:
    whole = sum(sizes)
    return sum(max(0.0, size - cap) for size in sizes) / whole if whole else 0.0


def _after(
    used: TokenRow, change: Change, cut: Mapping[Used, Tokens], recorded: set[str]
) -> float | None:
    if not used.model:
        return used.lost_usd
    if (
        change.summary_cap is not None
        and used.role == "orchestrator"
        and used.trial_id not in recorded
    ):
        return None
    rate = used.rate if change.rates is None else change.rates.get(used.model)
    if rate is None:
        return None
    gone = cut.get((used.trial_id, used.role, used.model), {})
    left = {name: getattr(used.usage, name) - gone.get(name, 0.0) for name in BILLED}
    said = {"output_tokens": float(used.usage.output_tokens)}
    if (by_time := used.time_usd(rate)) is None:
        return None
    return priced({**_lived(left, change.cache), **said}, rate) + by_time + used.lost_usd


def _lived(read: Tokens, cache: CacheLife | None) -> Tokens:
    """The tokens read as they would be billed with another life of the cache."""
    if cache is None:
        return read
    if cache == "none":
        return {"input_tokens": sum(read.values())}
    kept = f"cache_write_{cache}_tokens"
    written = read["cache_write_5m_tokens"] + read["cache_write_1h_tokens"]
    return {
        "input_tokens": read["input_tokens"],
        kept: written,
        "cache_read_tokens": read["cache_read_tokens"],
    }


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = list(amounts)
    return None if None in known else math.fsum(each or 0.0 for each in known)
