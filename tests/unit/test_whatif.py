from dataclasses import replace

import pytest
from call_samples import RATE, M, conversation, recorded, tokens, trial

from analysis.calls import Measured, ReturnRow
from analysis.prices import Pair
from analysis.whatif import Change, assumptions, recompute, removed, unrecorded
from runner.config.rates import Rate
from runner.errors import UsageError

USD = 42.7  # of the conversation, see there


def usd(change: Change, measured: Measured | None = None) -> Pair:
    (found,) = recompute([trial()], measured or recorded(), change)
    return found.usd


# ---- what can't be told -----------------------------------------------------------------


def test_a_negative_cap_is_refused() -> None:
    with pytest.raises(UsageError, match="-1 tokens"):
        Change(summary_cap=-1)


def test_returns_of_a_trial_without_calls_can_not_be_cut() -> None:
    totals = Measured(tokens=recorded().tokens)
    assert usd(Change(summary_cap=300), totals) == Pair(pytest.approx(USD), None)
    assert unrecorded([trial()], totals) == ("t1",)
    assert unrecorded([trial()], recorded()) == ()


def test_other_cache_lives_and_cards_need_totals_only() -> None:
    totals = Measured(tokens=recorded().tokens)
    assert usd(Change(cache="none"), totals).after == pytest.approx(43.0)


def test_a_model_without_a_price_has_no_cost_rather_than_none() -> None:
    assert usd(Change(rates={})) == Pair(pytest.approx(USD), None)
    unpriced = Measured(tokens=(replace(recorded().tokens[0], rate=None),))
    assert usd(Change(), unpriced) == Pair(None, None)


def test_a_lost_call_costs_its_reserve_whatever_is_changed() -> None:
    lost = replace(recorded().tokens[0], model="", lost_usd=0.5, rate=None)
    assert usd(Change(cache="none", rates={}), Measured(tokens=(lost,))) == Pair(0.5, 0.5)


# ---- returns cut ------------------------------------------------------------------------


def test_a_cap_above_every_return_changes_nothing() -> None:
    assert usd(Change(summary_cap=2 * M)) == Pair(pytest.approx(USD), pytest.approx(USD))


def test_a_cap_of_nothing_takes_away_exactly_what_returns_cost() -> None:
    # Read first: two million written; read again: two million from the cache.
    assert usd(Change(summary_cap=0)).after == pytest.approx(USD - 4.0 - 0.2)
    assert sum(removed(conversation(), recorded().returns, 0)["t1", "orchestrator", "lead"].values()
    ) == pytest.approx(4 * M)  # fmt: skip


def test_half_the_return_costs_half() -> None:
    assert usd(Change(summary_cap=M)).after == pytest.approx(USD - 2.1)


def test_of_two_returns_only_the_longer_is_cut() -> None:
    # 500,000 and 1,500,000 tokens by their characters; half a million of the longer goes.
    both = replace(recorded(), returns=(ReturnRow("t1", 1, 1000), ReturnRow("t1", 1, 3000)))
    assert usd(Change(summary_cap=M), both).after == pytest.approx(USD - 1.05)


def test_returns_asked_for_later_are_not_in_the_context_yet() -> None:
    later = replace(recorded(), returns=(*recorded().returns, ReturnRow("t1", 5, 400_000)))
    assert usd(Change(summary_cap=M), later).after == pytest.approx(USD - 2.1)


def test_executors_cost_what_they_did() -> None:
    executor = tokens(conversation(), role="executor")
    both = replace(recorded(), tokens=(*recorded().tokens, executor))
    assert usd(Change(summary_cap=0), both).after == pytest.approx(2 * USD - 4.2)


# ---- cache and card ---------------------------------------------------------------------


def test_without_a_cache_all_is_priced_as_input() -> None:
    assert usd(Change(cache="none")).after == pytest.approx(13 * 1.0 + 30.0)


def test_an_hour_of_cache_is_written_at_its_own_price() -> None:
    assert usd(Change(cache="1h")).after == pytest.approx(6 * 4.0 + 7 * 0.1 + 30.0)


def test_five_minutes_are_what_was_used() -> None:
    assert usd(Change(cache="5m")) == Pair(pytest.approx(USD), pytest.approx(USD))


def test_another_card_prices_the_same_tokens() -> None:
    dearer = Rate(**{name: 2 * price for name, price in vars(RATE).items()})
    assert usd(Change(rates={"lead": dearer})).after == pytest.approx(2 * USD)


def test_changes_add_up() -> None:
    # Without a cache, and without the four million of returns: nine million of plain input.
    assert usd(Change(summary_cap=0, cache="none")).after == pytest.approx(9.0 + 30.0)


def test_no_change_is_no_change() -> None:
    assert usd(Change()) == Pair(pytest.approx(USD), pytest.approx(USD))


# ---- what is said with it ---------------------------------------------------------------


def test_each_change_names_what_it_takes_for_granted() -> None:
    assert len(assumptions(Change())) == 1
    said = assumptions(Change(summary_cap=300, cache="1h", rates={}))
    assert [words for words in ("asked twice", "estimated", "hits", "counted") for each in said
            if words in each] == ["asked twice", "estimated", "hits", "counted"]  # fmt: skip
