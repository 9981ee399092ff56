"""Why an orchestrator costs what it costs: what its executor returned, and how often it read it.

Attribution rule. A prompt is billed from its start: first what was read from the cache, then
what was written to it for an hour, then for five minutes, then the rest as plain input. Three
stretches lie in the same order: the base (what the first call had), what the call before had
read beyond it, and what is new. Executor returns that the call before had read already are
*read again* and lie in the middle stretch, new ones are *read first* and lie in the last. A
stretch's price classes follow from where it lies; within a stretch, returns are taken to be
spread evenly among the model's own text and the output of its own tools. How many tokens are
returns is what the view `context_growth` estimates. Output is attributed to nobody.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from analysis.answers import money
from analysis.calls import GrowthRow, TokenRow, usd
from analysis.stats.samples import TrialRow
from runner.config.rates import Rate
from runner.types import Usage

# Price classes in the order in which a prompt is billed.
BILLED = ("cache_read_tokens", "cache_write_1h_tokens", "cache_write_5m_tokens", "input_tokens")
Tokens = Mapping[str, float]


@dataclass(frozen=True)
class Returns:
    """Executor returns in one call's context, in tokens (estimates, not whole) by price class."""

    again: Tokens
    first: Tokens


@dataclass(frozen=True)
class Mechanism:
    """What one arm's lead read on one task, summed over `trials` that are on record by call.

    Tokens are sums over all calls, so that what stays in the context counts once per call.
    `again_tokens` and `first_tokens` make up `executor_returns`. `usd` is all the lead cost,
    output included; it and the shares of it are None when a model has no price.
    """

    task: str
    arm: str
    trials: int
    calls: int
    orchestrates: bool
    read_tokens: int
    cache_read_tokens: int
    base: int
    own_text: int
    own_tool_output: int
    executor_returns: int
    again_tokens: float
    first_tokens: float
    usd: float | None
    again_usd: float | None
    first_usd: float | None

    @property
    def again_share(self) -> float:
        """The share of all tokens read that were executor returns read again."""
        return self.again_tokens / self.read_tokens if self.read_tokens else 0.0

    @property
    def again_percent(self) -> str:
        """That share for a reader: 0 only where it is none at all."""
        share = self.again_share
        return f"{share:.0%}" if share >= 0.01 or not share else "<1%"


@dataclass(frozen=True)
class ReadRatio:
    """How many times as much an orchestrator read from the cache as the same model alone.

    Both are medians over solved trials of the lead's cache reads, in tokens; `ratio` is None
    when there is nothing to divide by. That needs no data by call.
    """

    task: str
    arm: str
    solo: str
    reads: float
    solo_reads: float
    ratio: float | None


def returns_of(call: GrowthRow, before: GrowthRow | None) -> Returns:
    """The executor returns in a call's context by price class; `before` is the lead's last call."""
    context = call.usage.context_tokens
    seen = min(before.usage.context_tokens, context) if before else call.base
    old = min(before.executor_returns, call.executor_returns) if before else 0
    new = call.executor_returns - old if context > seen else 0
    old = call.executor_returns - new
    return Returns(
        again=_spread(old, _classes(call.usage, min(call.base, seen), seen)),
        first=_spread(new, _classes(call.usage, seen, context)),
    )


def pairs(calls: Iterable[GrowthRow]) -> Iterable[tuple[GrowthRow, GrowthRow | None]]:
    """Each lead call with the one before it in its trial."""
    ordered = sorted(calls, key=lambda call: (call.trial_id, call.seq))
    for _, trial in groupby(ordered, key=lambda call: call.trial_id):
        before = None
        for call in trial:
            yield call, before
            before = call


def mechanism(growth: Iterable[GrowthRow]) -> tuple[Mechanism, ...]:
    """What executor returns cost the lead, by task and arm; nothing for cells without calls."""
    cells: defaultdict[tuple[str, str], list[GrowthRow]] = defaultdict(list)
    for call in growth:
        cells[call.task, call.arm].append(call)
    return tuple(_cell(task, arm, cells[task, arm]) for task, arm in sorted(cells))


def read_ratios(rows: Iterable[TrialRow], tokens: Iterable[TokenRow]) -> tuple[ReadRatio, ...]:
    """Each orchestrating arm against the arms in which its lead's model works alone."""
    solved = {row.trial_id for row in rows if row.success}
    reads: defaultdict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for each in tokens:
        if each.trial_id in solved and each.role != "executor" and each.model:
            key = (each.task, each.role, each.arm, each.model)
            reads[key].append(each.usage.cache_read_tokens)
    medians = {key: float(median(values)) for key, values in sorted(reads.items())}
    return tuple(
        ReadRatio(task, arm, solo, mine, alone, mine / alone if alone else None)
        for (task, role, arm, model), mine in medians.items()
        for (other, kind, solo, same), alone in medians.items()
        if (role, kind, other, same) == ("orchestrator", "solo", task, model)
    )


def sentences(found: Sequence[Mechanism], ratios: Sequence[ReadRatio]) -> tuple[str, ...]:
    """The mechanism in words, task by task; what is not on record is said to be so."""
    said = [_said(cell) for cell in found if cell.orchestrates]
    by_call = {(cell.task, cell.arm) for cell in found}
    for ratio in ratios:
        said.append(_ratio(ratio))
        if (ratio.task, ratio.arm) not in by_call:
            said.append(
                f"How much of that were {ratio.arm}'s executor returns on {ratio.task} can't be "
                "told: its calls are not on record one by one."
            )
    return tuple(said)


def priced(tokens: Tokens, rate: Rate) -> float:
    """USD of tokens by price class."""
    prices = vars(rate)
    return (
        math.fsum(count * prices[name.removesuffix("_tokens")] for name, count in tokens.items())
        / 1e6
    )


def _classes(usage: Usage, start: int, end: int) -> Tokens:
    """How the prompt's tokens from `start` to `end` were billed."""
    found: dict[str, float] = {}
    at = 0
    for name in BILLED:
        until = at + getattr(usage, name)
        found[name] = max(0, min(until, end) - max(at, start))
        at = until
    return found


def _spread(tokens: int, classes: Tokens) -> Tokens:
    whole = sum(classes.values())
    return {name: tokens * part / whole if whole else 0.0 for name, part in classes.items()}


def _cell(task: str, arm: str, calls: Sequence[GrowthRow]) -> Mechanism:
    split = [
        (call, returns_of(call, before)) for call, before in pairs(calls) if call.executor_returns
    ]
    known = all(call.rate for call in calls)

    def spent(part: str) -> float | None:
        parts = (priced(getattr(each, part), call.rate) for call, each in split if call.rate)
        return math.fsum(parts) if known else None

    return Mechanism(
        task,
        arm,
        trials=len({call.trial_id for call in calls}),
        calls=len(calls),
        orchestrates=any(call.role == "orchestrator" for call in calls),
        read_tokens=sum(call.usage.context_tokens for call in calls),
        cache_read_tokens=sum(call.usage.cache_read_tokens for call in calls),
        base=sum(call.base for call in calls),
        own_text=sum(call.own_text for call in calls),
        own_tool_output=sum(call.own_tool_output for call in calls),
        executor_returns=sum(call.executor_returns for call in calls),
        again_tokens=math.fsum(sum(each.again.values()) for _, each in split),
        first_tokens=math.fsum(sum(each.first.values()) for _, each in split),
        usd=math.fsum(usd(call.usage, call.rate) for call in calls if call.rate) if known else None,
        again_usd=spent("again"),
        first_usd=spent("first"),
    )


def _said(cell: Mechanism) -> str:
    what = (
        f"On {cell.task}, {cell.again_percent} of what arm {cell.arm}'s orchestrator read was "
        "executor returns read again"
    )
    trials = "1 trial" if cell.trials == 1 else f"mean of {cell.trials} trials"
    if cell.usd is None or cell.again_usd is None:
        return f"{what} ({trials}; USD not known: a model has no price)."
    again, whole = (money(amount / cell.trials) for amount in (cell.again_usd, cell.usd))
    return f"{what}: ${again} of ${whole} ({trials})."


def _ratio(ratio: ReadRatio) -> str:
    medians = f"medians of successes: {ratio.reads:,.0f} and {ratio.solo_reads:,.0f} tokens"
    if ratio.ratio is None:
        return (
            f"On {ratio.task}, {ratio.arm}'s orchestrator read from the cache and {ratio.solo} "
            f"did not ({medians})."
        )
    return (
        f"On {ratio.task}, {ratio.arm}'s orchestrator read {ratio.ratio:.2f} times as much from "
        f"the cache as the same model alone in {ratio.solo} ({medians})."
    )
