"""Waiting for money others have set aside, and the limit of one call."""

import pytest
from fakes import PlayedModel, meter, says
from meter_calls import ask, worst_usd

from runner.budget import Account
from runner.errors import EnvironmentProblem, LimitReached, Stopped
from runner.events import CallSettled, Event, Waited

# ---- waiting for money -------------------------------------------------------------------


def crowded() -> tuple[Account, Account]:
    """A run's account with another's call in flight, and a trial's under it."""
    run = Account("run", worst_usd() * 1.5)
    run.reserve(worst_usd())
    return run, Account("trial", 1000.0, run)


def test_a_wait_for_money_is_on_record_and_no_time_of_the_trial() -> None:
    run, trial = crowded()
    events: list[Event] = []

    def record(event: Event) -> None:
        events.append(event)
        if event == Waited("t1", "money"):
            run.settle(worst_usd(), 0.0)

    counted = meter([], account=trial, record=record)
    ask(counted, PlayedModel("big", [says("hi")]))
    begun, over = events[:2]
    assert begun == Waited("t1", "money")
    assert isinstance(over, Waited)
    assert counted.waits_s == {"money": over.seconds}
    assert run.reserved_usd == 0.0


def test_who_is_stopped_while_waiting_for_money_sends_nothing_and_holds_nothing() -> None:
    run, trial = crowded()
    events: list[Event] = []
    model = PlayedModel("big", [says("hi")])
    counted = meter(events, account=trial, stopped=lambda: "interrupted" if events else None)
    with pytest.raises(Stopped, match="interrupted"):
        ask(counted, model)
    assert (model.seen, events) == ([], [Waited("t1", "money")])
    assert run.reserved_usd == pytest.approx(worst_usd())


def test_who_is_stopped_just_as_the_money_comes_gives_it_back() -> None:
    run, trial = crowded()
    events: list[Event] = []

    def record(event: Event) -> None:
        events.append(event)
        if len(events) == 1:
            run.settle(worst_usd(), 0.0)

    model = PlayedModel("big", [says("hi")])
    stopped = lambda: "interrupted" if len(events) == 2 else None  # noqa: E731
    with pytest.raises(Stopped, match="interrupted"):
        ask(meter([], account=trial, record=record, stopped=stopped), model)
    assert (model.seen, run.reserved_usd, run.spent_usd) == ([], 0.0, 0.0)


@pytest.mark.parametrize("fails_at", [1, 2], ids=["begins", "is over"])
def test_a_wait_for_money_that_cannot_be_written_leaves_nothing_aside(fails_at: int) -> None:
    run, trial = crowded()
    written: list[Event] = []

    def record(event: Event) -> None:
        written.append(event)
        if len(written) == 1:
            run.settle(worst_usd(), 0.0)
        if len(written) == fails_at:
            raise EnvironmentProblem("no space left")

    with pytest.raises(EnvironmentProblem):
        ask(meter([], account=trial, record=record), PlayedModel("big", [says("hi")]))
    assert (run.reserved_usd, run.spent_usd) == (0.0, 0.0)


# ---- one call's own limit ----------------------------------------------------------------


def test_a_call_over_its_own_limit_is_not_sent() -> None:
    events: list[Event] = []
    model = PlayedModel("big", [says("hi")])
    counted = meter(events, call_limit_usd=worst_usd() * 0.99)
    with pytest.raises(LimitReached, match="for one call") as caught:
        ask(counted, model)
    assert (caught.value.status, caught.value.scope) == ("budget", "call")
    assert (model.seen, events, counted.account.reserved_usd) == ([], [], 0.0)


def test_a_call_at_its_own_limit_is_sent() -> None:
    counted = meter([], call_limit_usd=worst_usd())
    assert ask(counted, PlayedModel("big", [says("hi")])).text == "hi"


@pytest.mark.parametrize("usd", [float("nan"), float("inf"), -0.01])
def test_a_calls_limit_that_is_no_amount_is_refused(usd: float) -> None:
    with pytest.raises(ValueError, match="no amount of money"):
        meter([], call_limit_usd=usd)


def test_a_call_that_cost_more_than_its_worst_case_counts_in_full_and_is_marked() -> None:
    events: list[Event] = []
    counted = meter(events)
    ask(counted, PlayedModel("big", [says("x", output_tokens=1_000_000)]))
    assert counted.account.spent_usd == pytest.approx(25.0)
    settled = events[-1]
    assert isinstance(settled, CallSettled)
    assert settled.detail["over_reserve_usd"] == pytest.approx(25.0 - worst_usd())
