"""The chat API's own shapes: our conversation into a request, its answer into a `Reply`.

Pure functions; nothing here sends anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from runner.errors import ModelFailure
from runner.models.answer import as_object, count, malformed, shown
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

_DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


def request_messages(system: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The conversation as the chat API takes it; results carry their tool's name, not an id."""
    turns: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in messages:
        if isinstance(message, UserText):
            turns.append({"role": "user", "content": message.text})
        elif isinstance(message, ToolResult):
            # The API has no field for an error, so the model is told in words.
            text = f"ERROR: {message.text}" if message.is_error else message.text
            turns.append({"role": "tool", "tool_name": message.name, "content": text})
        elif isinstance(message.raw, dict):
            turns.append(message.raw)
        else:
            turns.append({"role": "assistant", **_echo(message.text, message.calls)})
    return turns


def _echo(text: str, calls: Sequence[ToolCall]) -> dict[str, Any]:
    echoed: dict[str, Any] = {"content": text}
    if calls:
        echoed["tool_calls"] = [
            {"function": {"name": call.name, "arguments": dict(call.arguments)}} for call in calls
        ]
    return echoed


def request_tool(spec: ToolSpec) -> dict[str, Any]:
    """A tool as the chat API takes it.

    The client keeps only a property's `type`, `items`, `description` and `enum`, so a type
    that may also be null is written as the plain type.
    """
    parameters = dict(spec.parameters)
    properties = parameters.get("properties")
    if isinstance(properties, Mapping):
        parameters["properties"] = {name: _plain(value) for name, value in properties.items()}
    return {
        "type": "function",
        "function": {
            "name": spec.name,
            "description": spec.description,
            "parameters": parameters,
        },
    }


def _plain(schema: object) -> object:
    if not isinstance(schema, Mapping) or not isinstance(schema.get("anyOf"), list):
        return schema
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    return {**kinds[0], **schema} if len(kinds) == 1 else schema


def read_reply(body: JsonObject) -> Reply:
    """The chat API's answer as a `Reply`; counts that are absent are 0 and named in `detail`.

    `latency_s` is left at 0 for whoever knows it.

    Raises:
        ModelFailure: kind `malformed_reply`, when this is not an answer of the chat API.
    """
    if isinstance(body.get("error"), str):
        raise ModelFailure(f"Ollama answered: {body['error']}", kind="api_error", lost=False)
    message = as_object(body.get("message"), "message")
    text = message.get("content") or ""
    if not isinstance(text, str):
        raise malformed(f"message.content is {shown(text)}, not a string")
    missing: list[str] = []
    usage = Usage(
        input_tokens=count(body, "prompt_eval_count", missing=missing),
        output_tokens=count(body, "eval_count", missing=missing),
    )
    calls = _read_calls(message.get("tool_calls"))
    return Reply(
        text=text,
        calls=calls,
        usage=usage,
        stop_reason=_stop_reason(body.get("done_reason"), bool(calls)),
        latency_s=0.0,
        raw=_raw(message, text, calls),
        detail=_detail(body, missing),
    )


def _read_calls(value: object) -> tuple[ToolCall, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise malformed(f"message.tool_calls is {shown(value)}, not a list")
    return tuple(_read_call(item, index) for index, item in enumerate(value))


def _read_call(item: object, index: int) -> ToolCall:
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict):
        return ToolCall(f"call_{index}", "unnamed", {}, f"{shown(item)} is no function call")
    name, arguments, wrong = function.get("name"), function.get("arguments"), None
    if not isinstance(name, str) or not name:
        name, wrong = "unnamed", "the call has no tool name"
    if not isinstance(arguments, dict):
        wrong = wrong or f"the tool's arguments are {shown(arguments)}, not an object"
        arguments = {}
    return ToolCall(f"call_{index}", name, arguments, wrong)


def _raw(message: Mapping[str, object], text: str, calls: Sequence[ToolCall]) -> dict[str, object]:
    """What is echoed: role, text, thinking and the calls in a shape the client accepts."""
    raw: dict[str, object] = {"role": "assistant", **_echo(text, calls)}
    if isinstance(message.get("thinking"), str):
        raw["thinking"] = message["thinking"]
    return raw


def _stop_reason(done: object, called: bool) -> StopReason:
    if done == "length":
        return "max_tokens"
    if called:
        return "tool_use"
    return "end_turn" if done == "stop" else "unknown"


def _detail(body: JsonObject, missing: Sequence[str]) -> dict[str, object]:
    detail: dict[str, object] = {}
    for field in _DURATIONS:
        nanoseconds = body.get(field)
        if isinstance(nanoseconds, int):
            detail[field.replace("_duration", "_s")] = nanoseconds / 1e9
    if missing:
        detail["usage_missing"] = list(missing)
    if body.get("done_reason") not in ("stop", "length"):
        detail["done_reason"] = body.get("done_reason")
    return detail
