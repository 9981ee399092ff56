"""The most tokens a prompt can hold, known before it is sent."""

import json
from collections.abc import Mapping, Sequence

from runner.types import Message, Reply, ToolResult, ToolSpec, UserText

# Added to a prompt's bytes for what the vendor adds itself: the tool-use system prompt (at most
# 804 tokens for our models, Anthropic's tool-use page of 2026-07) and message framing.
OVERHEAD_TOKENS = 1_000
MESSAGE_TOKENS = 16


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
