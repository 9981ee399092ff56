from dataclasses import replace

import pytest
from call_samples import M, billed, call, conversation, tokens, trial
from stats_samples import paper_row, paper_table

from analysis.calls import TokenRow
from analysis.mechanism import mechanism, read_ratios, returns_of, sentences
from runner.types import Usage


def classes(found: object) -> dict[str, float]:
    assert isinstance(found, dict)
    return {name: count / M for name, count in found.items() if count}


# ---- one call ---------------------------------------------------------------------------


def test_a_first_call_holds_no_returns() -> None:
    found = returns_of(conversation()[0], None)
    assert not any(found.again.values())
    assert not any(found.first.values())


def test_new_returns_are_billed_as_the_end_of_the_prompt_was() -> None:
    before, now, _ = conversation()
    found = returns_of(now, before)
    assert classes(found.first) == {"cache_write_5m_tokens": 2.0}
    assert classes(found.again) == {}


def test_returns_read_again_are_billed_as_the_middle_of_the_prompt_was() -> None:
    _, before, now = conversation()
    assert classes(returns_of(now, before).again) == {"cache_read_tokens": 2.0}


def test_what_had_left_the_cache_is_written_again() -> None:
    _, before, _ = conversation()
    # Of the middle (the third to the fifth million) one million was read and two were written.
    now = call(5, billed(3, 3), own_text=2, returns=2)
    assert classes(returns_of(now, before).again) == pytest.approx(
        {"cache_read_tokens": 2 / 3, "cache_write_5m_tokens": 4 / 3}
    )


def test_without_a_cache_all_is_plain_input() -> None:
    before = call(1, billed(0, plain=2))
    now = call(2, billed(0, plain=5), returns=2)
    assert classes(returns_of(now, before).first) == {"input_tokens": 2.0}


def test_a_prompt_that_shrank_holds_nothing_new() -> None:
    before = call(1, billed(0, 6), returns=3)
    now = call(2, billed(0, 5), returns=3)
    assert classes(returns_of(now, before).again) == {"cache_read_tokens": 3.0}


# ---- a cell -----------------------------------------------------------------------------


def test_the_shares_of_a_cell_are_those_reckoned_by_hand() -> None:
    (found,) = mechanism(conversation())
    assert (found.task, found.arm, found.trials, found.calls) == ("T1", "C", 1, 3)
    assert found.read_tokens == 13 * M
    assert found.executor_returns == 4 * M
    assert (found.again_tokens, found.first_tokens) == (2 * M, 2 * M)
    assert found.usd == pytest.approx(42.7)
    assert found.first_usd == pytest.approx(4.0)
    assert found.again_usd == pytest.approx(0.2)


@pytest.mark.parametrize(("again", "said"), [(0, "0%"), (0.0064, "<1%"), (0.0149, "1%")])
def test_a_share_is_none_only_where_there_is_none(again: float, said: str) -> None:
    (found,) = mechanism(conversation())
    assert replace(found, again_tokens=again * found.read_tokens).again_percent == said


def test_trials_do_not_read_each_others_returns() -> None:
    other = [replace(each, trial_id="t2") for each in conversation()]
    (one,), (two,) = mechanism(conversation()), mechanism([*conversation(), *other])
    assert two.again_tokens == 2 * one.again_tokens
    assert two.trials == 2


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert mechanism(reversed(conversation())) == mechanism(conversation())


def test_without_a_price_tokens_are_told_and_money_is_not() -> None:
    (found,) = mechanism([replace(each, rate=None) for each in conversation()])
    assert found.again_tokens == 2 * M
    assert (found.usd, found.again_usd, found.first_usd) == (None, None, None)
    assert sentences([found], ()) == (
        "On T1, 15% of what arm C's orchestrator read was executor returns read again (1 trial; "
        "USD not known: a model has no price).",
    )


def test_the_sentence_gives_the_share_and_the_money_of_a_trial() -> None:
    assert sentences(mechanism(conversation()), ()) == (
        "On T1, 15% of what arm C's orchestrator read was executor returns read again: $0.20 of "
        "$42.70 (1 trial).",
    )


def test_nothing_is_said_of_an_arm_that_delegates_to_nobody() -> None:
    assert sentences(mechanism([call(1, billed(2), arm="A", role="solo")]), ()) == ()
    assert sentences((), ()) == ()


# ---- what totals allow ------------------------------------------------------------------


def solo(read: int) -> TokenRow:
    return tokens([call(1, billed(0, read), trial="t9", arm="A", role="solo")], role="solo")


def test_an_orchestrator_is_compared_with_its_model_alone() -> None:
    rows = [trial("t1"), trial("t9", "A")]
    (found,) = read_ratios(rows, [tokens(conversation()), solo(2)])
    assert (found.task, found.arm, found.solo, found.ratio) == ("T1", "C", "A", 3.5)
    assert sentences((), [found]) == (
        "On T1, C's orchestrator read 3.50 times as much from the cache as the same model alone "
        "in A (medians of successes: 7,000,000 and 2,000,000 tokens).",
        "How much of that were C's executor returns on T1 can't be told: its calls are not on "
        "record one by one.",
    )


def test_nothing_is_divided_by_a_model_that_never_read_a_cache() -> None:
    rows = [trial("t1"), trial("t9", "A")]
    (found,) = read_ratios(rows, [tokens(conversation()), solo(0)])
    assert found.ratio is None
    assert "and A did not" in sentences((), [found])[0]


def test_failures_and_other_models_are_not_compared() -> None:
    rows = [replace(trial("t1"), success=False), trial("t9", "A")]
    assert read_ratios(rows, [tokens(conversation()), solo(2)]) == ()
    other = replace(solo(2), model="another")
    assert read_ratios([trial("t1"), trial("t9", "A")], [tokens(conversation()), other]) == ()


def test_the_published_growth_ratios_come_out() -> None:
    table = paper_table()
    rows = [replace(paper_row(line), trial_id=str(n)) for n, line in enumerate(table)]
    used = [
        TokenRow(
            row.trial_id, row.arm, row.task, "solo" if row.arm == "A" else "orchestrator", "opus",
            0.0, Usage(cache_read_tokens=int(line["opus_cache_r"])), None,
        )
        for row, line in zip(rows, table, strict=True) if row.arm != "D"
    ]  # fmt: skip
    found = {(each.arm, each.task): each.ratio for each in read_ratios(rows, used)}
    ratios = [f"{found['B', task]:.2f}" for task in ("T1", "T2", "T3")]
    assert ratios == ["1.38", "1.39", "5.26"]
