"""When a call is tried again: which pauses, told to whom, and what they count as."""

import math
import time
from dataclasses import replace

import pytest
from fault_calls import (
    BOTH,
    GO,
    MAX_TOKENS,
    PLAIN,
    RETRIES,
    Caller,
    Vendor,
    good,
    refuses,
)
from fault_server import Act, FaultServer, answers

from runner.errors import ModelFailure, Stopped
from runner.models.attempts import LONGEST_PAUSE_S, Attempts, Refused, asked_pause_s
from runner.models.connection import Connection
from runner.types import Reply, Usage

RATE, BUSY = "429 Too Many Requests", "529 Overloaded"
DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
LATER = "Mon, 23 Nov 2026 10:00:20 GMT"


@pytest.mark.parametrize("vendor", BOTH)
def test_a_connection_closed_between_calls_is_opened_anew(vendor: Vendor) -> None:
    with FaultServer(answers(good(vendor), promises_more=True)) as server:
        caller = Caller(server.url, vendor)
        with caller.model() as model:
            for _ in range(3):
                caller.meter.call(model, "solo", 1, "", GO, (), MAX_TOKENS)
    assert [event.detail["attempts"] for event in caller.settled] == [1, 1, 1]
    assert caller.meter.account.spent_usd == pytest.approx(3 * PLAIN)


def pauses(vendor: Vendor, *acts: Act, retries: int = RETRIES) -> list[tuple[float, str]]:
    with FaultServer(*acts) as server:
        caller = Caller(server.url, vendor)
        caller.call(replace(caller.connection(), max_retries=retries, deadline_s=1e4))
    return caller.told


@pytest.mark.parametrize("vendor", BOTH)
@pytest.mark.parametrize(
    "headers",
    [{"retry_after": "20"}, {"retry_after_ms": "20000"}, {"date": DATE, "retry_after": LATER}],
)
def test_a_pause_asked_for_is_kept_and_told_with_its_reason(
    vendor: Vendor, headers: dict[str, str]
) -> None:
    ((seconds, why),) = pauses(vendor, refuses(RATE, **headers), answers(good(vendor)))
    assert 20.0 <= seconds <= 22.0
    assert why == "rate_limit_error, asked to wait 20 s"


@pytest.mark.parametrize("vendor", BOTH)
def test_pauses_of_our_own_grow_to_a_bound_and_no_two_runs_are_alike(vendor: Vendor) -> None:
    runs = [
        [seconds for seconds, _ in pauses(vendor, refuses("503 Busy"), retries=9)] for _ in range(2)
    ]
    assert runs[0] != runs[1]
    for run in runs:
        assert len(run) == 9
        for index, seconds in enumerate(run):
            longest = min(LONGEST_PAUSE_S, 0.5 * 2**index)
            assert longest / 2 <= seconds <= longest


def test_a_pause_that_does_not_fit_into_the_deadline_is_not_begun() -> None:
    assert pauses("anthropic", refuses(RATE, retry_after="9999")) == []


@pytest.mark.parametrize("vendor", BOTH)
def test_no_number_of_refusals_ends_a_call_before_its_deadline(vendor: Vendor) -> None:
    acts = [refuses("503 Busy")] * 30 + [answers(good(vendor))]
    with FaultServer(*acts) as server:
        caller = Caller(server.url, vendor)
        assert caller.call(replace(caller.connection(), max_retries=None)) is None
    assert caller.settled[-1].detail["attempts"] == 31


class Overloaded:
    """A service that refuses until `until` on a clock that only pauses move."""

    def __init__(self, until: float, asked_s: float | None = None) -> None:
        self.now, self.until, self.asked_s = 0.0, until, asked_s
        self.attempts = Attempts(Connection(wait=self.wait), clock=lambda: self.now)

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False

    def __call__(self) -> Reply:
        if self.now < self.until:
            failure = ModelFailure("529", kind="overloaded_error", lost=False)
            raise Refused(failure, self.asked_s)
        return Reply("", (), Usage(1, 1), "end_turn", 0.0)


def test_ten_minutes_of_overload_are_waited_out() -> None:
    service = Overloaded(until=600.0)
    reply = service.attempts.run(service)
    assert 600.0 <= float(str(reply.detail["wait_s"])) <= 600.0 + LONGEST_PAUSE_S


@pytest.mark.parametrize("asked_s", [None, 0.001, 3.0, 100.0])
def test_what_never_gets_better_is_given_up_at_the_deadline_and_not_asked_all_the_time(
    asked_s: float | None,
) -> None:
    service = Overloaded(until=math.inf, asked_s=asked_s)
    with pytest.raises(ModelFailure, match="529"):
        service.attempts.run(service)
    longest = max(LONGEST_PAUSE_S, 1.1 * (asked_s or 0.0))
    assert 1200.0 - longest <= service.now <= 1200.0
    assert service.attempts.count <= 100


def test_what_was_waited_for_is_no_model_time_and_on_record_by_name() -> None:
    def later() -> bool:
        time.sleep(0.05)
        return False

    for last in (answers(good("anthropic")), refuses("401 Unauthorized")):
        with FaultServer(refuses(BUSY), last) as server:
            caller = Caller(server.url, "anthropic", on_wait=later)
            caller.call()
        assert caller.meter.wait_s >= 0.05
        assert caller.meter.waits_s == {"rate limit": caller.meter.wait_s}
        assert caller.settled[-1].detail["wait_s"] == caller.meter.wait_s
        assert caller.settled[-1].latency_s == caller.meter.model_s


@pytest.mark.parametrize("vendor", BOTH)
def test_a_run_that_is_stopped_during_a_pause_gives_the_call_up(vendor: Vendor) -> None:
    with FaultServer(refuses(RATE, retry_after="90")) as server:
        caller = Caller(server.url, vendor, on_wait=lambda: True)
        caller.meter.stopped = lambda: "interrupted" if caller.pauses else None
        with pytest.raises(Stopped, match="interrupted"):
            caller.call()
        assert server.seen == 1
    assert caller.meter.account.spent_usd == caller.meter.account.reserved_usd == 0.0
    assert not caller.settled[-1].lost


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, float("inf")),
        ({"retry-after": "1e999"}, float("inf")),
        ({"retry-after": LATER, "date": DATE}, 20.0),
        ({"retry-after": DATE, "date": LATER}, None),
        ({"retry-after": LATER, "date": "yesterday"}, 1_000.0),
        ({"retry-after": LATER}, 1_000.0),
        ({"retry-after": "Mon, 99 Nov 2026 99:99:99 GMT"}, None),
    ],
)
def test_a_pause_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    later = 1_795_428_020.0  # LATER as seconds since 1970
    assert asked_pause_s(headers, now=lambda: later - 1_000.0) == seconds
