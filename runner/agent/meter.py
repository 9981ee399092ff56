"""The trial's meter: every model call goes through it, money first.

`reserve` (the call's worst case) is on record before the call is sent and `settle` after it, so
a crash in between leaves the reserve on record as spent.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from runner.config.rates import RateCard
from runner.errors import LimitReached, ModelFailure
from runner.events import CallReserved, CallSettled, Record, ToolUsed
from runner.types import Message, Model, Reply, Role, ToolResult, ToolSpec, Usage, UserText

# Added to a prompt's bytes for what the vendor adds itself: the tool-use system prompt (at most
# 804 tokens for our models, Anthropic's tool-use page of 2026-07) and message framing.
OVERHEAD_TOKENS = 1_000
MESSAGE_TOKENS = 16


@dataclass
class Meter:
    """Counts one trial's calls, seconds and USD and ends it at its limits.

    `clock` is monotonic and in seconds. Not shared between threads: a trial is one thread.
    """

    trial_id: str
    card: RateCard
    limit_usd: float
    limit_s: float
    record: Record
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)
    spent_usd: float = 0.0
    model_s: float = 0.0
    wait_s: float = 0.0  # before the attempt that got an answer
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
        """Ask the model, on record.

        Raises:
            LimitReached: the call's worst case would pass the trial's USD limit, or its time
                is up; nothing was sent.
            ModelFailure: the call failed; its reserve stays spent if a reply may be lost.
        """
        self.check_time()
        worst = self.card.worst_case_usd(
            model.name, input_bound(system, messages, tools), max_tokens
        )
        if self.spent_usd + worst > self.limit_usd:
            raise LimitReached(
                f"${self.spent_usd:.4f} is spent and the next call may cost ${worst:.4f}: "
                f"over the trial's limit of ${self.limit_usd:.2f}",
                "budget",
            )
        self.seq += 1
        seq = self.seq
        if role != "executor":
            self.lead_turns = iteration
        self.record(CallReserved(self.trial_id, seq, iteration, role, model.name, worst))
        began = self.clock()
        try:
            reply = model.reply(system, messages, tools)
        except ModelFailure as failure:
            took = self.clock() - began
            self.model_s += took
            self.spent_usd += worst if failure.lost else 0.0
            self._settle(seq, iteration, role, model.name, took, failure=failure)
            raise
        self.model_s += reply.latency_s
        self.wait_s += waited(reply)
        # A vendor that leaves out a count may bill it all the same.
        uncounted = bool(reply.detail.get("usage_missing"))
        self.spent_usd += worst if uncounted else self.card.usd(model.name, reply.usage)
        self._settle(seq, iteration, role, model.name, reply.latency_s, reply=reply)
        return reply

    def tool_used(self, event: ToolUsed, *, leaf: bool) -> None:
        """Put a tool use on record; only a leaf's seconds are tool time (delegation is not)."""
        if leaf:
            self.tool_s += event.seconds
        self.record(event)

    def check_time(self) -> None:
        """Raise `LimitReached` when the trial's seconds are up."""
        took = self.clock() - self.started
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
