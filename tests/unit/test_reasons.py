"""Why one arm is cheaper than the next, in tokens and in their price."""

from dataclasses import replace

import pytest
from stats_samples import arm, row

from analysis.reasons import bill, reasons
from analysis.stats.samples import TrialRow
from analysis.stats.summary import analyse


def trials(name: str, usd: float, tokens: float | None, *, count: int = 3) -> list[TrialRow]:
    return [replace(each, tokens=tokens) for each in arm(name, *[usd] * count)]


def said(rows: list[TrialRow]) -> tuple[str, ...]:
    return reasons(rows, analyse(rows))


def test_the_ratio_of_costs_is_that_of_tokens_times_that_of_prices() -> None:
    rows = [*trials("A", 0.6, 600_000), *trials("D", 0.3, 3_000_000)]
    assert said(rows) == (
        "On T1, D takes 5.0 times the tokens of A for a solved task, each token at 0.10 times "
        "the price (3.0 million at $0.10 a million; A: 600,000 at $1.00 a million).",
    )


def test_what_failures_took_is_in_the_bill_and_what_is_no_result_is_not() -> None:
    rows = [
        replace(row(1.0), tokens=2e6),
        replace(row(1.0, success=False), tokens=2e6),
        replace(row(9.0, success=False, void=True), tokens=9e6),
        replace(row(9.0, success=False, status="infra"), tokens=9e6),
    ]
    found = bill(rows, "T1", "A")
    assert found is not None
    assert (found.tokens, found.usd_per_million) == (4e6, pytest.approx(0.5))


@pytest.mark.parametrize(
    ("usd", "tokens"), [(0.3, None), (0.3, 0.0), (0.0, 3e6)], ids=["unknown", "none", "free"]
)
def test_nothing_is_said_where_tokens_or_their_price_are_not_known(
    usd: float, tokens: float | None
) -> None:
    assert said([*trials("A", 0.6, 600_000), *trials("D", usd, tokens)]) == ()


def test_the_next_arm_whose_tokens_are_known_is_taken() -> None:
    rows = [*trials("A", 0.6, 6e5), *trials("B", 0.5, None), *trials("D", 0.3, 3e6)]
    (sentence,) = said(rows)
    assert "the tokens of A" in sentence


def test_one_arm_alone_or_none_that_solved_anything_needs_no_reason() -> None:
    assert said(trials("A", 0.6, 6e5)) == ()
    failed = [replace(each, success=False, status="failed") for each in trials("D", 0.3, 3e6)]
    assert said([*failed, *trials("A", 0.6, 6e5)]) == ()
