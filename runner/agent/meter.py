"""The trial's meter: every model call goes through it, money first.

`reserve` (the call's worst case) is on record before the call is sent and `settle` after it, so
a crash in between leaves the reserve on record as spent.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from runner.agent.bound import input_bound
from runner.budget import Account
from runner.config.rates import RateCard
from runner.errors import LimitReached, ModelFailure, Stopped
from runner.events import CallReserved, CallSettled, Record, ToolUsed, Waited
from runner.models.connection import PLACE_WAIT, refused_usage
from runner.models.failures import sent_again
from runner.slots import Slots
from runner.types import Message, Model, Reply, Role, ToolSpec, Usage

# A call whose reply got lost is sent again at most so often, each time with a new reserve.
SEND_AGAIN = 2


@dataclass
class Meter:
    """Counts one trial's calls, seconds and USD and ends it at its limits.

    `clock` is monotonic and in seconds; `stopped` says why no further call may be sent, or
    None. Not shared between threads: a trial is one thread.
    """

    trial_id: str
    card: RateCard
    account: Account
    limit_s: float  # of the trial's own time: waits do not count
    record: Record
    clock: Callable[[], float] = time.monotonic
    stopped: Callable[[], str | None] = lambda: None
    call_limit_usd: float | None = None
    call_s: float = 1200.0  # how long one call can last, its retries with it
    started: float = field(init=False)
    model_s: float = 0.0
    wait_s: float = 0.0  # for earlier attempts at a call, for a place, for money
    waits_s: dict[str, float] = field(default_factory=dict)  # the same, by what was waited for
    tool_s: float = 0.0
    seq: int = 0
    lead_turns: int = 0
    context_full: int = 0  # conversations of the executor's that ended because of that

    def __post_init__(self) -> None:
        self.started = self.clock()
        limit = self.call_limit_usd
        if limit is not None and not (math.isfinite(limit) and limit >= 0):
            raise ValueError(f"${limit} is no amount of money")

    def call(
        self,
        model: Model,
        role: Role,
        iteration: int,
        system: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        max_tokens: int,
    ) -> Reply:
        """Ask the model, on record; ask again, with a new reserve, when a reply got lost.

        Raises:
            LimitReached: the call's worst case would pass a USD limit, or the trial's time is
                up; nothing was sent.
            Stopped: the run is being stopped; nothing was sent, or it was refused.
            ModelFailure: the call failed; its reserve stays spent if a reply may be lost.
        """
        bound = input_bound(system, messages, tools)
        worst = self.card.worst_case_usd(model.name, bound, max_tokens, self.call_s)
        self._check_call(worst)
        ask = partial(model.reply, system, messages, tools)
        for again in range(SEND_AGAIN, -1, -1):
            self._set_aside(worst)
            if role != "executor":
                self.lead_turns = iteration
            self.seq += 1
            try:
                return self._ask(_Call(self.seq, iteration, role, model.name, worst), ask)
            except ModelFailure as failure:
                if not failure.lost and (reason := self.stopped()):
                    raise Stopped(reason) from failure
                if not again or not failure.lost or not sent_again(failure.kind):
                    raise
        raise AssertionError("the last try returns or raises")

    def _check_call(self, usd: float) -> None:
        if self.call_limit_usd is not None and usd > self.call_limit_usd:
            raise LimitReached(
                f"the next call may cost ${usd:.4f}: over the limit of ${self.call_limit_usd:.4f} "
                "for one call",
                "budget",
                "call",
            )

    def _set_aside(self, usd: float) -> None:
        self.check_time()
        if reason := self.stopped():
            raise Stopped(reason)
        if self.account.try_reserve(usd):
            return
        self.waiting("money", None)
        seconds = self.account.reserve(usd, self.stopped)
        if seconds is None:
            raise Stopped(self.stopped() or "the run is being stopped")
        try:
            self.waiting("money", seconds)
            if reason := self.stopped():
                raise Stopped(reason)
        except BaseException:
            self.account.settle(usd, 0.0)  # nothing was sent
            raise

    def _ask(self, call: "_Call", ask: Callable[[], Reply]) -> Reply:
        """Send a call whose money is set aside.

        What is spent counts as the worst case until the end of the call is on record: until
        then the record says so too, and a crash now must not find more there than the limit.
        """
        spent = call.worst
        began = self.clock()
        try:
            self._reserved(call)
            reply = ask()
            self._count(reply.latency_s, reply.detail)
            cost = self._cost(call, reply)
            self._settle(call, reply, cost)
            spent = call.worst if cost is None else cost
        except ModelFailure as failure:
            lost_s = waited(failure.detail) + waited(failure.detail, PLACE_WAIT)
            took = max(0.0, self.clock() - began - lost_s)
            self._count(took, failure.detail)
            self._failed(call, failure, took)
            spent = call.worst
            if not failure.lost:
                spent = self.card.usd(call.model, Usage(), took, failure.detail)
            raise
        finally:
            self.account.settle(call.worst, spent)
        return reply

    def _count(self, model_s: float, detail: Mapping[str, object]) -> None:
        self.model_s += model_s
        self._count_wait("rate limit", waited(detail))
        self._count_wait("local model", waited(detail, PLACE_WAIT))

    def _cost(self, call: "_Call", reply: Reply) -> float | None:
        """USD; None for a vendor that leaves out a count, for it may bill it all the same."""
        if reply.detail.get("usage_missing"):
            return None
        return self.card.usd(call.model, reply.usage, reply.latency_s, reply.detail)

    @contextmanager
    def place(self, slots: Slots) -> Iterator[None]:
        """Have one of the machine's slots; the wait for it is on record and not tool time."""
        with slots.held(lambda seconds: self.waiting("slot", seconds)):
            yield

    def waiting(self, what: str, seconds: float | None) -> None:
        """Put a wait on record: with None its beginning, then how long it was."""
        self._count_wait(what, seconds or 0.0)
        self.record(Waited(self.trial_id, what, seconds))

    def _count_wait(self, what: str, seconds: float) -> None:
        if seconds:
            self.wait_s += seconds
            self.waits_s[what] = self.waits_s.get(what, 0.0) + seconds

    def tool_used(self, event: ToolUsed, *, leaf: bool) -> None:
        """Put a tool use on record; only a leaf's seconds are tool time (delegation is not)."""
        if leaf:
            self.tool_s += event.seconds
        self.record(event)

    def check_time(self) -> None:
        """Raise `LimitReached` when the trial's seconds are up."""
        took = self.clock() - self.started - self.wait_s
        if took > self.limit_s:
            raise LimitReached(
                f"the trial ran {took:.0f} s, its limit is {self.limit_s:g} s", "timeout"
            )

    def _reserved(self, call: "_Call") -> None:
        place = (call.seq, call.iteration, call.role, call.model)
        self.record(CallReserved(self.trial_id, *place, call.worst))

    def _settle(self, call: "_Call", reply: Reply, cost: float | None) -> None:
        detail = dict(reply.detail)
        if cost is not None and cost > call.worst + 1e-9:
            # The bound was wrong, or the vendor's count is: either way a limit may be passed.
            detail["over_reserve_usd"] = round(cost - call.worst, 9)
        self.record(
            CallSettled(
                self.trial_id,
                call.seq,
                call.iteration,
                call.role,
                call.model,
                usage=reply.usage,
                latency_s=reply.latency_s,
                stop_reason=reply.stop_reason,
                request_id=reply.request_id,
                lost=cost is None,
                detail=detail,
            )
        )

    def _failed(self, call: "_Call", failure: ModelFailure, took_s: float) -> None:
        self.record(
            CallSettled(
                self.trial_id,
                call.seq,
                call.iteration,
                call.role,
                call.model,
                usage=refused_usage(failure.detail),
                latency_s=took_s,
                request_id=failure.request_id,
                error=f"{failure.kind}: {failure}",
                lost=failure.lost,
                detail=failure.detail,
            )
        )


@dataclass(frozen=True)
class _Call:
    """One call as it goes on record; `worst` is USD."""

    seq: int
    iteration: int
    role: Role
    model: str
    worst: float


def waited(detail: Mapping[str, object], key: str = "wait_s") -> float:
    """Seconds a call waited for earlier attempts, or for what `key` stands for; 0 when untold."""
    seconds = detail.get(key, 0.0)
    return float(seconds) if isinstance(seconds, int | float) else 0.0
