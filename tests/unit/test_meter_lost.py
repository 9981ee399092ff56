"""A reply that gets lost, a run that is being stopped, a disk that is full."""

from collections.abc import Sequence

import pytest
from fakes import HandClock, PlayedModel, meter, says
from meter_calls import ASK, ask, worst_usd

from runner.agent.meter import SEND_AGAIN
from runner.errors import EnvironmentProblem, LimitReached, ModelFailure, Stopped
from runner.events import CallReserved, CallSettled, Event
from runner.types import Message, Reply, ToolSpec

# ---- a lost reply ------------------------------------------------------------------------

RESET = ModelFailure("reset", kind="connection_lost")


def test_a_lost_reply_is_asked_for_again_with_a_reserve_of_its_own() -> None:
    events: list[Event] = []
    counted = meter(events)
    model = PlayedModel("big", [RESET, RESET, says("hi", output_tokens=10)])
    assert ask(counted, model, iteration=3).text == "hi"
    assert model.seen == [ASK] * 3
    kinds = [CallReserved, CallSettled] * 3
    assert [type(event) for event in events] == kinds
    settled = [event for event in events if isinstance(event, CallSettled)]
    assert [(event.seq, event.iteration, event.lost) for event in settled] == [
        (1, 3, True),
        (2, 3, True),
        (3, 3, False),
    ]
    assert counted.account.spent_usd == pytest.approx(2 * worst_usd() + 10 * 25 / 1e6)
    assert counted.account.reserved_usd == 0.0
    assert counted.lead_turns == 3


def test_a_reply_that_gets_lost_every_time_is_given_up() -> None:
    counted = meter([])
    model = PlayedModel("big", [RESET] * 9)
    with pytest.raises(ModelFailure, match="reset"):
        ask(counted, model)
    assert len(model.seen) == SEND_AGAIN + 1
    assert counted.account.spent_usd == pytest.approx(3 * worst_usd())


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        ("malformed_reply", True),
        ("deadline", True),
        ("timeout", False),
        ("overloaded_error", False),
    ],
)
def test_what_sending_again_cannot_help_is_sent_once(kind: str, lost: bool) -> None:
    model = PlayedModel("big", [ModelFailure("no", kind=kind, lost=lost)] * 9)
    with pytest.raises(ModelFailure):
        ask(meter([]), model)
    assert len(model.seen) == 1


def test_a_lost_reply_is_not_asked_for_again_beyond_the_limit() -> None:
    counted = meter([], limit_usd=worst_usd() * 1.5)
    model = PlayedModel("big", [RESET] * 9)
    with pytest.raises(LimitReached):
        ask(counted, model)
    assert len(model.seen) == 1
    assert counted.account.spent_usd == pytest.approx(worst_usd())


def test_a_lost_reply_is_not_asked_for_again_when_the_time_is_up() -> None:
    clock = HandClock()

    class Slow(PlayedModel):
        def reply(
            self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
        ) -> Reply:
            clock.now += 70
            return super().reply(system, messages, tools)

    model = Slow("big", [RESET] * 9)
    with pytest.raises(LimitReached) as caught:
        ask(meter([], limit_s=60.0, clock=clock), model)
    assert caught.value.status == "timeout"
    assert len(model.seen) == 1


# ---- being stopped -----------------------------------------------------------------------


def test_nothing_is_sent_once_the_run_is_being_stopped() -> None:
    events: list[Event] = []
    model = PlayedModel("big", [says("hi")])
    with pytest.raises(Stopped, match="interrupted"):
        ask(meter(events, stopped=lambda: "interrupted"), model)
    assert (model.seen, events) == ([], [])


def test_a_lost_reply_is_not_asked_for_again_while_stopping() -> None:
    model = PlayedModel("big", [RESET] * 9)
    counted = meter([], stopped=lambda: "interrupted" if model.seen else None)
    with pytest.raises(Stopped):
        ask(counted, model)
    assert len(model.seen) == 1
    assert counted.account.spent_usd == pytest.approx(worst_usd())


def test_a_turn_that_was_not_sent_is_no_turn() -> None:
    counted = meter([], limit_usd=worst_usd())
    ask(counted, PlayedModel("big", [says("hi", output_tokens=4096)]), iteration=1)
    with pytest.raises(LimitReached):
        ask(counted, PlayedModel("big", [says("hi")]), iteration=2)
    assert counted.lead_turns == 1


# ---- a record that cannot be written -----------------------------------------------------


@pytest.mark.parametrize(
    ("fails_at", "sent", "spent"), [(1, 0, 1.0), (2, 1, 1.0)], ids=["reserve", "settle"]
)
def test_a_full_disk_keeps_what_may_be_on_record_as_spent_and_nothing_aside(
    fails_at: int, sent: int, spent: float
) -> None:
    written: list[Event] = []

    def record(event: Event) -> None:
        written.append(event)
        if len(written) == fails_at:
            raise EnvironmentProblem("no space left")

    counted = meter([], record=record)
    model = PlayedModel("big", [says("hi")])
    with pytest.raises(EnvironmentProblem):
        ask(counted, model)
    assert len(model.seen) == sent
    assert counted.account.spent_usd == pytest.approx(spent * worst_usd())
    assert counted.account.reserved_usd == 0.0


def test_a_full_disk_after_a_failure_that_cost_nothing_keeps_the_reserve_as_spent() -> None:
    written: list[Event] = []

    def record(event: Event) -> None:
        written.append(event)
        if isinstance(event, CallSettled):
            raise EnvironmentProblem("no space left")

    counted = meter([], record=record)
    with pytest.raises(EnvironmentProblem):
        ask(counted, PlayedModel("big", [ModelFailure("no", kind="api_error", lost=False)]))
    assert counted.account.spent_usd == pytest.approx(worst_usd())
    assert counted.account.reserved_usd == 0.0
