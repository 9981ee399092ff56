"""The trial's meter: every model call goes through it, money first.

`reserve` (the call's worst case) is on record before the call is sent and `settle` after it, so
a crash in between leaves the reserve on record as spent.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.budget import Account
from runner.config.rates import RateCard
from runner.errors import LimitReached, ModelFailure, Stopped
from runner.events import CallReserved, CallSettled, Record, ToolUsed, Waited
from runner.slots import Slots
from runner.types import Message, Model, Reply, Role, ToolResult, ToolSpec, Usage, UserText

# Added to a prompt's bytes for what the vendor adds itself: the tool-use system prompt (at most
# 804 tokens for our models, Anthropic's tool-use page of 2026-07) and message framing.
OVERHEAD_TOKENS = 1_000
MESSAGE_TOKENS = 16


# A call whose reply got lost is sent again at most so often, each time with a new reserve.
SEND_AGAIN = 2
_LOST_ON_THE_WAY = ("connection_lost", "timeout")


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
    started: float = field(init=False)
    model_s: float = 0.0
    wait_s: float = 0.0  # for earlier attempts at a call, for a place, for money
    waits_s: dict[str, float] = field(default_factory=dict)  # the same, by what was waited for
    tool_s: float = 0.0
    seq: int = 0
    lead_turns: int = 0

    def __post_init__(self) -> None:
        self.started = self.clock()

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
            Stopped: the run is being stopped; nothing was sent.
            ModelFailure: the call failed; its reserve stays spent if a reply may be lost.
        """
        if role != "executor":
            self.lead_turns = iteration
        bound = input_bound(system, messages, tools)
        worst = self.card.worst_case_usd(model.name, bound, max_tokens)
        for again in range(SEND_AGAIN, -1, -1):
            self._set_aside(worst)
            try:
                return self._ask(model, role, iteration, worst, system, messages, tools)
            except ModelFailure as failure:
                if not again or not failure.lost or failure.kind not in _LOST_ON_THE_WAY:
                    raise
        raise AssertionError("the last try returns or raises")

    def _set_aside(self, usd: float) -> None:
        self.check_time()
        if reason := self.stopped():
            raise Stopped(reason)
        if not self.account.try_reserve(usd):
            self.waiting("money", None)
            self.waiting("money", self.account.reserve(usd))
            if reason := self.stopped():
                self.account.settle(usd, 0.0)
                raise Stopped(reason)

    def _ask(
        self,
        model: Model,
        role: Role,
        iteration: int,
        worst: float,
        system: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
    ) -> Reply:
        self.seq += 1
        seq, spent = self.seq, worst  # whatever breaks in here may have been billed
        began = self.clock()
        try:
            self.record(CallReserved(self.trial_id, seq, iteration, role, model.name, worst))
            reply = model.reply(system, messages, tools)
            # A vendor that leaves out a count may bill it all the same.
            if not reply.detail.get("usage_missing"):
                spent = self.card.usd(model.name, reply.usage)
        except ModelFailure as failure:
            took = self.clock() - began
            self.model_s += took
            spent = worst if failure.lost else 0.0
            self._settle(seq, iteration, role, model.name, took, failure=failure)
            raise
        finally:
            self.account.settle(worst, spent)
        self.model_s += reply.latency_s
        self._count_wait("rate limit", waited(reply))
        self._settle(seq, iteration, role, model.name, reply.latency_s, reply=reply)
        return reply

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

    def _settle(
        self,
        seq: int,
        iteration: int,
        role: Role,
        model: str,
        latency_s: float,
        *,
        reply: Reply | None = None,
        failure: ModelFailure | None = None,
    ) -> None:
        self.record(
            CallSettled(
                self.trial_id,
                seq,
                iteration,
                role,
                model,
                usage=reply.usage if reply else Usage(),
                latency_s=latency_s,
                stop_reason=reply.stop_reason if reply else None,
                request_id=given.request_id if (given := reply or failure) else None,
                error=f"{failure.kind}: {failure}" if failure else None,
                lost=failure.lost if failure else bool(reply and reply.detail.get("usage_missing")),
                detail=reply.detail if reply else {},
            )
        )


def waited(reply: Reply) -> float:
    """Seconds a reply waited for earlier attempts to fail; 0 when the model says nothing of it."""
    seconds = reply.detail.get("wait_s", 0.0)
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def input_bound(system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
    """No prompt of this conversation can hold more tokens than this.

    A byte-pair token is at least one byte. What the vendor has counted already is taken from
    its own last count; only what came after it is bounded by its bytes.
    """
    after: list[Message] = []
    for message in reversed(messages):
        if isinstance(message, Reply) and message.usage.context_tokens:
            counted = message.usage.context_tokens + message.usage.output_tokens
            return counted + sum(map(_bytes, after)) + MESSAGE_TOKENS * (len(after) + 1)
        after.append(message)
    offered = sum(
        _size(tool.name) + _size(tool.description) + _json(tool.parameters) for tool in tools
    )
    first = _size(system) + offered + OVERHEAD_TOKENS
    return first + sum(map(_bytes, after)) + MESSAGE_TOKENS * len(after)


def _bytes(message: Message) -> int:
    if isinstance(message, UserText):
        return _size(message.text)
    if isinstance(message, ToolResult):
        return _size(message.call_id) + _size(message.name) + _size(message.text)
    asked = sum(_size(call.id) + _size(call.name) + _json(call.arguments) for call in message.calls)
    return _size(message.text) + asked + _json(message.raw)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _json(value: object) -> int:
    return len(json.dumps(value, default=_plain))  # ASCII with escapes: never shorter than UTF-8


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
