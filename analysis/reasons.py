"""Why the cheapest arm is cheaper than the next: how many tokens it takes, and what one costs.

USD per solved task = tokens per solved task x USD per token, so the ratio of two arms is the
product of two ratios. Tokens are of all roles and classes, and each model's own: two models cut
the same text differently. The identity is exact for all that; it says where the money goes, and
nothing of what would have been.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.answers import money
from analysis.stats.samples import TrialRow
from analysis.stats.summary import Answers

_MILLION = 1e6


@dataclass(frozen=True)
class Bill:
    """What an arm takes for a solved task, failures included: tokens, and USD per million."""

    arm: str
    tokens: float
    usd_per_million: float


def bill(rows: Iterable[TrialRow], task: str, arm: str) -> Bill | None:
    """The bill of one cell; None where nothing is solved, or a trial's tokens or cost are not
    known or nothing."""
    found = [
        row
        for row in rows
        if (row.task, row.arm) == (task, arm) and not (row.void or row.status == "infra")
    ]
    solved = sum(row.success for row in found)
    tokens = math.fsum(math.nan if row.tokens is None else row.tokens for row in found)
    usd = math.fsum(math.nan if row.usd is None else row.usd for row in found)
    if not solved or not tokens > 0 or not usd > 0:
        return None
    return Bill(arm, tokens / solved, usd / tokens * _MILLION)


def reasons(rows: Sequence[TrialRow], answers: Answers) -> tuple[str, ...]:
    """A sentence a task: the cheapest arm beside the next whose tokens are known."""
    said = []
    for task in answers.tasks:
        ranked = [rank.arm for rank in task.ranking if rank.usd_per_solved.value is not None]
        bills = [bill(rows, task.task, arm) for arm in ranked]
        known = [found for found in bills if found]
        if len(known) > 1 and known[0] is bills[0]:
            said.append(f"On {task.task}, {_beside(known[0], known[1])}.")
    return tuple(said)


def _beside(arm: Bill, other: Bill) -> str:
    tokens = arm.tokens / other.tokens
    price = arm.usd_per_million / other.usd_per_million
    return (
        f"{arm.arm} takes {_times(tokens)} the tokens of {other.arm} for a solved task, each "
        f"token at {_times(price)} the price ({_spelt(arm)}; {other.arm}: {_spelt(other)})"
    )


def _times(factor: float) -> str:
    return f"{factor:.1f} times" if factor >= 1 else f"{factor:.2f} times"


def _spelt(found: Bill) -> str:
    tokens = found.tokens
    size = f"{tokens / _MILLION:.1f} million" if tokens >= _MILLION else f"{tokens:,.0f}"
    return f"{size} at ${money(found.usd_per_million)} a million"
