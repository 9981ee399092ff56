"""The Messages API's own shapes: our conversation into a request, its answer into a `Reply`.

Pure functions; nothing here sends anything.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import cast, get_args

from runner.models.answer import as_object, as_text, count, malformed, shown
from runner.types import (
    JsonObject,
    Message,
    Reply,
    StopReason,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    UserText,
)

Block = dict[str, object]

# The API looks back 20 positions from a mark for what was written before. A turn that comes
# near it gets a second mark where the previous request wrote; vendor docs, "prompt caching".
LONGEST_UNMARKED_TURN = 15
_NOTHING = "(empty)"  # the API refuses blank text


def request_system(system: str, mark: Block) -> list[Block]:
    """The system prompt as one marked block; no block for a blank prompt."""
    if not system.strip():
        return []
    return [{"type": "text", "text": system, "cache_control": mark}]


def request_tools(tools: Sequence[ToolSpec], mark: Block) -> list[Block]:
    """The tools as the API takes them, the last one marked."""
    blocks: list[Block] = [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
        for tool in tools
    ]
    if blocks:
        blocks[-1]["cache_control"] = mark
    return blocks


def request_messages(messages: Sequence[Message], mark: Block) -> list[Block]:
    """The conversation as API messages, at most two of its blocks marked.

    Tool results that follow each other are one user message. A reply is echoed block by block;
    one without any content is left out, because the API refuses an empty message.
    """
    turns: list[tuple[str, list[Block]]] = []
    for message in messages:
        role = "assistant" if isinstance(message, Reply) else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, blocks))
    _mark(turns, mark)
    return [{"role": role, "content": blocks} for role, blocks in turns]


def _blocks(message: Message) -> list[Block]:
    if isinstance(message, UserText):
        return [{"type": "text", "text": message.text if message.text.strip() else _NOTHING}]
    if isinstance(message, ToolResult):
        return [_result_block(message)]
    if isinstance(message.raw, list):
        return [dict(block) for block in message.raw if not _blank(block)]
    blocks: list[Block] = [{"type": "text", "text": message.text}] if message.text.strip() else []
    for call in message.calls:
        blocks.append(
            {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        )
    return blocks


def _result_block(result: ToolResult) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": result.call_id}
    block["content"] = result.text if result.text.strip() else _NOTHING
    if result.is_error:
        block["is_error"] = True
    return block


def _blank(block: Mapping[str, object]) -> bool:
    return block.get("type") == "text" and not str(block.get("text") or "").strip()


def _mark(turns: Sequence[tuple[str, list[Block]]], mark: Block) -> None:
    """Mark the latest user message's end, and the one before when it is far behind."""
    ends = [index for index, (role, _) in enumerate(turns) if role == "user"]
    if not ends:
        return
    turns[ends[-1]][1][-1]["cache_control"] = mark
    if len(ends) > 1:
        added = sum(len(blocks) for _, blocks in turns[ends[-2] + 1 : ends[-1] + 1])
        if added > LONGEST_UNMARKED_TURN:
            turns[ends[-2]][1][-1]["cache_control"] = mark


def read_reply(body: JsonObject, *, request_id: str | None) -> Reply:
    """The API's answer as a `Reply`; usage fields that are absent count 0 and are named.

    `latency_s` is left at 0 for whoever knows it.

    Raises:
        ModelFailure: kind `malformed_reply`, when this is not an answer of the Messages API.
    """
    content = body.get("content")
    if body.get("type") != "message" or not isinstance(content, list):
        raise malformed(f"it holds no message: {shown(dict(body))}", request_id)
    blocks = [_read_block(block, index, request_id) for index, block in enumerate(content)]
    raw, calls = _read_calls(blocks)
    usage, missing = _read_usage(body, request_id)
    extra: dict[str, object] = {}
    if missing:
        extra["usage_missing"] = missing
    for field in ("stop_details", "model"):
        if body.get(field) is not None:
            extra[field] = body[field]
    stop = body.get("stop_reason")
    if stop not in get_args(StopReason):
        extra["stop_reason"] = stop
        stop = "unknown"
    return Reply(
        text="\n".join(str(block["text"]) for block in raw if block["type"] == "text"),
        calls=tuple(calls),
        usage=usage,
        stop_reason=cast(StopReason, stop),
        latency_s=0.0,
        request_id=request_id,
        raw=raw,
        detail=extra,
    )


def _read_block(block: object, index: int, request_id: str | None) -> Block:
    table = dict(as_object(block, f"content[{index}]", request_id))
    kind = as_text(table.get("type"), f"content[{index}].type", request_id)
    if kind == "text":
        as_text(table.get("text"), f"content[{index}].text", request_id)
    return table


def _read_calls(blocks: Sequence[Block]) -> tuple[list[Block], list[ToolCall]]:
    """The blocks as they may be echoed, and their tool calls.

    Only a block the API would refuse to take back is mended: an input that is no object, an id
    that is missing or used twice, a name that is none.
    """
    raw: list[Block] = []
    calls: list[ToolCall] = []
    for block in blocks:
        if block["type"] == "tool_use":
            call = _read_call(block, {known.id for known in calls})
            calls.append(call)
            mended = {"id": call.id, "name": call.name, "input": dict(call.arguments)}
            block = block if mended.items() <= block.items() else {**block, **mended}
        raw.append(block)
    return raw, calls


def _read_call(block: Block, used: set[str]) -> ToolCall:
    name, arguments, call_id = block.get("name"), block.get("input"), block.get("id")
    wrong = None
    if not isinstance(name, str) or not name:
        name, wrong = "unnamed", "the call has no tool name"
    if not isinstance(arguments, dict):
        wrong = wrong or f"the tool's input is {shown(arguments)}, not an object"
        arguments = {}
    if not isinstance(call_id, str) or not call_id or call_id in used:
        call_id = f"toolu_{uuid.uuid4().hex[:24]}"
    return ToolCall(call_id, name, arguments, malformed=wrong)


def _read_usage(body: JsonObject, request_id: str | None) -> tuple[Usage, list[str]]:
    if body.get("usage") is None:
        return Usage(), ["usage"]
    table = as_object(body["usage"], "usage", request_id)
    missing: list[str] = []
    written = count(table, "cache_creation_input_tokens", request_id)
    split = table.get("cache_creation")
    write_5m, write_1h = written, 0
    if split is not None:
        by_life = as_object(split, "usage field cache_creation", request_id)
        write_1h = count(by_life, "ephemeral_1h_input_tokens", request_id)
        write_5m = max(count(by_life, "ephemeral_5m_input_tokens", request_id), written - write_1h)
    usage = Usage(
        input_tokens=count(table, "input_tokens", request_id, missing),
        output_tokens=count(table, "output_tokens", request_id, missing),
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        cache_read_tokens=count(table, "cache_read_input_tokens", request_id),
    )
    return usage, missing
