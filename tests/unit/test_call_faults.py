"""What a vendor's service can do to a call, and what the caller sees of it: one table.

Each case runs through the vendor's own client and the trial's meter.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest
from fault_calls import BOTH, CLAUDE, FOREVER, LOCAL, PLAIN, WORST, Caller, Vendor, good, refuses
from fault_server import (
    Act,
    FaultServer,
    answers,
    closes,
    drips,
    floods,
    half,
    hangs,
    resets,
)

from runner.agent.meter import SEND_AGAIN
from runner.events import CallReserved
from runner.models.failures import RULES


@dataclass(frozen=True)
class Case:
    """A fault and what comes of it.

    `acts(reply)` is what the server does with one connection after the other; `kind` is the
    failure's, or None when a reply comes in the end; `attempts` are those of the last call
    that was sent; `spent` says of each call on record what was spent: "nothing", its "reserve"
    or its "usage", so that more than one means it was sent again.
    """

    id: str
    acts: Callable[[dict[str, object]], Sequence[Act]]
    kind: str | None = None
    attempts: int = 1
    spent: tuple[str, ...] = ("usage",)
    vendors: tuple[Vendor, ...] = BOTH
    count: object = 2
    timeout_s: float = 5.0
    deadline_s: float = 100.0
    listens: Literal["always", "after a pause", "never"] = "always"


NOTHING = ("nothing",)
RESERVE = ("reserve",)
EACH_TIME = ("reserve",) * (SEND_AGAIN + 1)
RATE, BUSY = "429 Too Many Requests", "529 Overloaded"
DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
LATER = "Mon, 23 Nov 2026 10:00:20 GMT"


def once(act: Act) -> Callable[[dict[str, object]], Sequence[Act]]:
    return lambda reply: (act, answers(reply))


def always(*acts: Act) -> Callable[[dict[str, object]], Sequence[Act]]:
    return lambda reply: acts


CASES: tuple[Case, ...] = (
    # ---- asked to wait
    Case("429-retry-after", once(refuses(RATE, retry_after="20")), attempts=2),
    Case("429-retry-after-ms", once(refuses(RATE, retry_after_ms="20000")), attempts=2),
    Case("429-retry-after-date", once(refuses(RATE, date=DATE, retry_after=LATER)), attempts=2),
    Case("429-no-header", once(refuses(RATE)), attempts=2),
    Case("429-nonsense-header", once(refuses(RATE, retry_after="soon")), attempts=2),
    Case("429-forever", always(refuses(RATE)), "rate_limit_error", FOREVER, NOTHING),
    Case("429-wait-too-long", always(refuses(RATE, retry_after="86400")), "rate_limit_error", 1,
         NOTHING),
    Case("429-wait-endless", always(refuses(RATE, retry_after="inf")), "rate_limit_error", 1,
         NOTHING),
    Case("429-wait-too-long-date",
         always(refuses(RATE, retry_after="Fri, 31 Dec 2199 23:59:59 GMT")),
         "rate_limit_error", 1, NOTHING),
    Case("529-retry-after", once(refuses(BUSY, retry_after="20")), attempts=2),
    Case("529-no-header", once(refuses(BUSY)), attempts=2),
    Case("529-forever", always(refuses(BUSY)), "overloaded_error", FOREVER, NOTHING, CLAUDE),
    # ---- refused
    Case("429-spend-limit", always(refuses(RATE, "You have reached your specified usage limits")),
         "spend_limit", 1, NOTHING, CLAUDE),
    Case("400-spend-limit", always(refuses("400 Bad Request", "Your credit balance is too low")),
         "spend_limit", 1, NOTHING, CLAUDE),
    Case("402-spend-limit", always(refuses("402 Payment Required", "spending limit reached")),
         "spend_limit", 1, NOTHING, CLAUDE),
    Case("402-billing", always(refuses("402 Payment Required")), "billing_error", 1, NOTHING,
         CLAUDE),
    Case("400", always(refuses("400 Bad Request")), "invalid_request_error", 1, NOTHING),
    Case("400-context", always(refuses("400 Bad Request", "prompt is too long: 9 > 8")),
         "context_length", 1, NOTHING, CLAUDE),
    Case("401", always(refuses("401 Unauthorized")), "authentication_error", 1, NOTHING),
    Case("403", always(refuses("403 Forbidden")), "permission_error", 1, NOTHING),
    Case("404", always(refuses("404 Not Found")), "not_found_error", 1, NOTHING),
    Case("413", always(refuses("413 Too Large")), "request_too_large", 1, NOTHING),
    Case("redirect", always(refuses("307 Temporary Redirect", location="/v1/messages")),
         "redirect", 1, NOTHING),
    Case("redirect-elsewhere",
         always(refuses("302 Found", location="http://127.0.0.1:9/elsewhere")),
         "redirect", 1, NOTHING),
    # ---- broken for a while, or for good
    Case("500", once(refuses("500 Internal Server Error")), attempts=2),
    Case("500-forever", always(refuses("500 Internal Server Error")), "api_error", FOREVER,
         NOTHING),
    Case("502-page", always(answers(b"<html>", "502 Bad Gateway", {"content-type": "text/html"})),
         "api_error", FOREVER, NOTHING),
    Case("503", once(refuses("503 Service Unavailable")), attempts=2),
    Case("504", once(refuses("504 Gateway Timeout")), attempts=2),
    Case("500-told-not-to-retry",
         always(refuses("500 Internal Server Error", x_should_retry="false")),
         "api_error", 1, NOTHING, CLAUDE),
    # ---- the connection
    Case("refused", always(closes), "connection", FOREVER, NOTHING, listens="never"),
    Case("refused-then-up", lambda reply: (answers(reply),), attempts=2, listens="after a pause"),
    Case("reset-after-send", always(resets), "connection_lost", 1, EACH_TIME),
    Case("reset-after-send-once", once(resets), None, 1, ("reserve", "usage")),
    Case("closed-after-send", always(closes), "connection_lost", 1, EACH_TIME),
    Case("half-a-body", lambda reply: (half(reply),), "connection_lost", 1, EACH_TIME),
    Case("half-a-body-once", lambda reply: (half(reply), answers(reply)), None, 1,
         ("reserve", "usage")),
    Case("hang", always(hangs), "timeout", 1, EACH_TIME, CLAUDE, timeout_s=0.1),
    Case("hang-once", once(hangs), None, 1, ("reserve", "usage"), CLAUDE, timeout_s=0.3),
    Case("hang-local", always(hangs), "silent", 1, RESERVE, LOCAL, timeout_s=0.1),
    Case("hang-local-once", once(hangs), "silent", 1, RESERVE, LOCAL, timeout_s=0.3),
    Case("drip", always(drips), "deadline", 1, RESERVE, deadline_s=0.2),
    Case("flood", always(floods), "malformed_reply", 1, RESERVE),
    Case("overload-then-reset", lambda reply: (refuses(BUSY), resets, answers(reply)), None, 1,
         ("reserve", "usage")),
    # ---- answers that are none
    Case("garbage-json", always(answers(b'{"type": "message", "content": [')), "malformed_reply",
         1, RESERVE),
    Case("html", always(answers(b"<html>", headers={"content-type": "text/html"})),
         "malformed_reply", 1, RESERVE),
    Case("empty-body", always(answers(b"")), "malformed_reply", 1, RESERVE),
    Case("no-content", always(lambda c: c.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")),
         "malformed_reply", 1, RESERVE),
    Case("not-a-reply", always(answers({"object": "list"})), "malformed_reply", 1, RESERVE),
    Case("not-http", always(lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")), "connection_lost",
         1, EACH_TIME),
    Case("wrong-content-type",
         lambda reply: (answers(reply, headers={"content-type": "text/plain"}),)),
    # ---- usage
    Case("usage-missing", lambda reply: (answers(reply),), spent=RESERVE, count=...),
    Case("usage-null", lambda reply: (answers(reply),), spent=RESERVE, count=None),
    Case("usage-negative", lambda reply: (answers(reply),), "malformed_reply", 1, RESERVE,
         count=-1),
    Case("usage-nan", lambda reply: (answers(reply),), "malformed_reply", 1, RESERVE,
         count=float("nan")),
    Case("usage-fraction", lambda reply: (answers(reply),), "malformed_reply", 1, RESERVE,
         count=1.5),
    Case("usage-huge", lambda reply: (answers(reply),), "malformed_reply", 1, RESERVE,
         count=10**12),
)  # fmt: skip


PAIRS = [
    pytest.param(case, vendor, id=f"{case.id}-{vendor}")
    for case in CASES
    for vendor in case.vendors
]


@pytest.mark.parametrize(("case", "vendor"), PAIRS)
def test_every_fault_has_one_end(case: Case, vendor: Vendor) -> None:
    acts = case.acts(good(vendor, case.count))
    with FaultServer(*acts, asleep=case.listens != "always") as server:
        caller = Caller(server.url, vendor, case.timeout_s, case.deadline_s)
        if case.listens == "after a pause":
            caller.on_wait = server.wake
        failure = caller.call()

    told = failure.kind if failure else None
    assert told == case.kind
    if failure:
        assert failure.lost == RULES[failure.kind].lost == ("reserve" in case.spent)
    assert caller.settled[-1].detail["attempts"] == case.attempts
    assert [event.iteration for event in caller.settled] == [7] * len(case.spent)
    assert [event.lost for event in caller.settled] == [what == "reserve" for what in case.spent]
    costs = {"nothing": 0.0, "reserve": WORST, "usage": PLAIN}
    spent = sum(costs[what] for what in case.spent)
    assert caller.meter.account.spent_usd == pytest.approx(spent)
    assert caller.meter.account.reserved_usd == 0.0
    reserves = [event.seq for event in caller.events if isinstance(event, CallReserved)]
    assert reserves == [event.seq for event in caller.settled]
    assert [seconds for seconds, _ in caller.told] == caller.pauses
    assert caller.meter.lead_turns == 7


def test_the_table_names_each_case_once() -> None:
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids)


def test_every_kind_of_the_table_has_a_rule() -> None:
    assert {case.kind for case in CASES if case.kind} <= set(RULES)


@pytest.mark.parametrize("vendor", BOTH)
@pytest.mark.parametrize("case_id", ["429-retry-after-date", "drip", "hang", "529-no-header"])
def test_a_time_of_day_that_jumps_changes_nothing(
    vendor: Vendor, case_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = (case_id, f"{case_id}-local")
    (case,) = (case for case in CASES if case.id in ids and vendor in case.vendors)
    jumps = [86_400.0, -86_400.0]
    real = time.time

    def jumping() -> float:
        jumps.reverse()
        return real() + jumps[0]

    monkeypatch.setattr(time, "time", jumping)
    test_every_fault_has_one_end(case, vendor)
