"""Every call goes through the meter, money first."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from fakes import HandClock, PlayedModel, meter, says
from meter_calls import ASK, ask, worst_usd

from runner.agent.bound import input_bound
from runner.errors import LimitReached, ModelFailure, UsageError
from runner.events import CallReserved, CallSettled, Event, ToolUsed
from runner.types import Message, Reply, ToolSpec, Usage

# ---- money first -------------------------------------------------------------------------


def test_the_reserve_is_on_record_before_the_call_is_sent_and_settled_after() -> None:
    events: list[Event] = []

    @dataclass
    class Watching(PlayedModel):
        on_record: list[Event] = field(default_factory=list)

        def reply(
            self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
        ) -> Reply:
            self.on_record = list(events)
            return super().reply(system, messages, tools)

    model = Watching("big", [says("hi", input_tokens=100, output_tokens=10)])
    ask(meter(events), model, iteration=3)
    assert model.on_record == [CallReserved("t1", 1, 3, "solo", "big", worst_usd())]
    assert events[1:] == [
        CallSettled("t1", 1, 3, "solo", "big", Usage(100, 10), 0.5, stop_reason="end_turn")
    ]


def test_a_call_that_may_pass_the_limit_is_not_sent_nor_reserved() -> None:
    events: list[Event] = []
    model = PlayedModel("big", [says("hi")])
    with pytest.raises(LimitReached) as caught:
        ask(meter(events, limit_usd=worst_usd() * 0.99), model)
    assert caught.value.status == "budget"
    assert (model.seen, events) == ([], [])


def test_a_call_that_just_fits_is_sent() -> None:
    assert ask(meter([], limit_usd=worst_usd()), PlayedModel("big", [says("hi")])).text == "hi"


def test_spending_never_passes_the_limit_when_every_call_costs_its_worst() -> None:
    bound = input_bound("system", ASK, ())
    dearest = says("x", cache_write_1h_tokens=bound, output_tokens=4096)
    events: list[Event] = []
    counted = meter(events, limit_usd=1.0)
    model = PlayedModel("big", [dearest] * 1000)

    def ask_on() -> None:
        while model.replies:
            ask(counted, model)

    with pytest.raises(LimitReached):
        ask_on()
    assert counted.account.spent_usd <= 1.0
    assert counted.account.spent_usd + worst_usd() > 1.0
    assert counted.account.spent_usd == pytest.approx(counted.seq * worst_usd())


def test_only_what_was_used_is_spent() -> None:
    counted = meter([])
    ask(counted, PlayedModel("big", [says("x", input_tokens=1_000_000, output_tokens=100_000)]))
    assert counted.account.spent_usd == pytest.approx(5 + 2.5)


@pytest.mark.parametrize(("lost", "spent"), [(True, worst_usd()), (False, 0.0)])
def test_a_failed_call_stays_spent_only_if_a_reply_may_be_lost(lost: bool, spent: float) -> None:
    events: list[Event] = []
    clock = HandClock()
    counted = meter(events, clock=clock)
    failure = ModelFailure("cut off", kind="connection", request_id="r7", lost=lost)
    with pytest.raises(ModelFailure):
        ask(counted, PlayedModel("big", [failure]))
    assert counted.account.spent_usd == pytest.approx(spent)
    assert events[-1] == CallSettled(
        "t1",
        1,
        1,
        "solo",
        "big",
        Usage(),
        0.0,
        request_id="r7",
        error="connection: cut off",
        lost=lost,
    )


def test_seconds_of_a_failed_call_are_model_time() -> None:
    clock = HandClock()

    class Slow(PlayedModel):
        def reply(
            self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
        ) -> Reply:
            clock.now += 7
            raise ModelFailure("gone", kind="connection")

    counted = meter([], clock=clock)
    with pytest.raises(ModelFailure):
        ask(counted, Slow("big", []))
    assert counted.model_s == 7


def test_an_interrupted_call_leaves_its_reserve_unsettled() -> None:
    class Interrupted(PlayedModel):
        def reply(
            self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
        ) -> Reply:
            raise KeyboardInterrupt

    events: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        ask(meter(events), Interrupted("big", []))
    assert [type(event) for event in events] == [CallReserved]


def test_a_model_without_a_price_is_never_called() -> None:
    model = PlayedModel("mystery", [says("hi")])
    with pytest.raises(UsageError, match="mystery"):
        ask(meter([]), model)
    assert model.seen == []


def test_calls_are_counted_across_roles_and_turns_for_the_lead_only() -> None:
    events: list[Event] = []
    counted = meter(events)
    for role, iteration in [("orchestrator", 1), ("executor", 9), ("orchestrator", 2)]:
        model = PlayedModel("big", [says("hi")])
        counted.call(model, role, iteration, "", ASK, (), 10)  # type: ignore[arg-type]
    assert [event.seq for event in events if isinstance(event, CallSettled)] == [1, 2, 3]
    assert (counted.lead_turns, counted.model_s) == (2, 1.5)


# ---- time --------------------------------------------------------------------------------


def test_no_call_is_sent_when_the_time_is_up() -> None:
    clock = HandClock(100.0)
    counted = meter([], limit_s=60.0, clock=clock)
    clock.now += 60.0
    counted.check_time()
    clock.now += 0.1
    model = PlayedModel("big", [says("hi")])
    with pytest.raises(LimitReached, match="60") as caught:
        ask(counted, model)
    assert caught.value.status == "timeout"
    assert model.seen == []


@pytest.mark.parametrize(("leaf", "seconds"), [(True, 3.0), (False, 0.0)])
def test_only_a_leafs_seconds_are_tool_time(leaf: bool, seconds: float) -> None:
    events: list[Event] = []
    counted = meter(events)
    used = ToolUsed("t1", 1, 1, "solo", "bash", 3.0, 0, False, False, 0, False, "ls")
    counted.tool_used(used, leaf=leaf)
    assert counted.tool_s == seconds
    assert events == [used]


def test_a_reply_without_a_count_keeps_its_reserve_as_spent() -> None:
    events: list[Event] = []
    counted = meter(events)
    reply = replace(says("hello"), detail={"usage_missing": ["output_tokens"]})
    ask(counted, PlayedModel("big", [reply]))
    reserved = next(event for event in events if isinstance(event, CallReserved))
    settled = next(event for event in events if isinstance(event, CallSettled))
    assert settled.lost
    assert counted.account.spent_usd == reserved.usd > 0


def test_what_a_reply_waited_for_failed_attempts_is_no_model_time() -> None:
    counted = meter([])
    reply = replace(says("hello"), detail={"wait_s": 7.5})
    ask(counted, PlayedModel("big", [reply]))
    assert counted.wait_s == 7.5
    assert counted.model_s == reply.latency_s


def test_what_a_failure_waited_for_failed_attempts_is_no_model_time_either() -> None:
    clock = HandClock()

    class Patient(PlayedModel):
        def reply(
            self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
        ) -> Reply:
            clock.now += 7
            raise ModelFailure("no", kind="api_error", lost=False, detail={"wait_s": 5.0})

    events: list[Event] = []
    counted = meter(events, clock=clock, limit_s=2.5)
    with pytest.raises(ModelFailure):
        ask(counted, Patient("big", []))
    assert (counted.model_s, counted.waits_s) == (2.0, {"rate limit": 5.0})
    assert isinstance(events[-1], CallSettled)
    assert (events[-1].latency_s, events[-1].detail) == (2.0, {"wait_s": 5.0})
    counted.check_time()
