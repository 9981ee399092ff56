"""Calls made up for the mechanism, in millions of tokens, so that prices are plain USD."""

from collections.abc import Sequence

from analysis.calls import GrowthRow, Measured, ReturnRow, TokenRow
from analysis.stats.samples import TrialRow
from runner.config.rates import Rate
from runner.types import Role, Usage

M = 1_000_000
RATE = Rate(input=1.0, output=10.0, cache_write_5m=2.0, cache_write_1h=4.0, cache_read=0.1)


def call(
    seq: int,
    usage: Usage,
    *,
    base: int = 2,
    own_text: int = 0,
    returns: int = 0,
    trial: str = "t1",
    arm: str = "C",
    role: Role = "orchestrator",
    rate: Rate | None = RATE,
) -> GrowthRow:
    """A lead's call; `base`, `own_text` and `returns` are millions, the rest is tool output."""
    parts = (base * M, own_text * M, returns * M)
    rest = usage.context_tokens - sum(parts)
    return GrowthRow(
        trial, arm, "T1", seq, seq, role, "lead", parts[0], parts[1], rest, parts[2], usage, rate
    )


def billed(written: int, read: int = 0, *, plain: int = 0) -> Usage:
    """Millions written to the cache for five minutes, read from it, and plain; one is said."""
    return Usage(plain * M, M, written * M, 0, read * M)


def conversation() -> list[GrowthRow]:
    """Three calls: the first delegates, the second reads two million of returns, the third again.

    USD: 2 * 2 + 10 = 14, then 0.2 + 6 + 10 = 16.2, then 0.5 + 2 + 10 = 12.5; 42.7 in all.
    """
    return [
        call(1, billed(2)),
        call(4, billed(3, 2), own_text=1, returns=2),
        call(5, billed(1, 5), own_text=2, returns=2),
    ]


def tokens(
    calls: Sequence[GrowthRow], *, role: Role = "orchestrator", rate: Rate | None = RATE
) -> TokenRow:
    """The calls of one trial summed up."""
    usage = sum((each.usage for each in calls), Usage())
    return TokenRow(calls[0].trial_id, calls[0].arm, "T1", role, "lead", 0.0, usage, rate)


def trial(name: str = "t1", arm: str = "C") -> TrialRow:
    return TrialRow(name, arm, "T1", "solved", True, 1.0, 10.0, 3, 1)


def recorded() -> Measured:
    """The conversation with its sums and its one return, asked for by the first call."""
    calls = conversation()
    return Measured(tuple(calls), (tokens(calls),), (), (ReturnRow("t1", 1, 4000),))
