"""The chat API's own shapes: our conversation into a request, its answer into a `Reply`.

Pure functions; nothing here sends anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.errors import ModelFailure
from runner.models.answer import as_object, count, malformed, shown
from runner.models.ollama_text import arguments_of, calls_in
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


@dataclass(frozen=True)
class _Said:
    """What a message says, with the calls that were written as text taken out of it."""

    text: str
    thinking: str | None
    calls: tuple[ToolCall, ...]
    place: str | None = None  # where the calls were found: `content` or `thinking`


def read_reply(body: JsonObject, tools: Sequence[ToolSpec] = ()) -> Reply:
    """The chat API's answer as a `Reply`; counts that are absent are 0 and named in `detail`.

    Calls of `tools` that were written as text are read by the rule of `ollama_text`; `detail`
    tells where (`calls_from`) and how many calls were malformed (`malformed_calls`).
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
    said = _said(message, text, tools)
    return Reply(
        text=said.text,
        calls=said.calls,
        usage=usage,
        stop_reason=_stop_reason(body.get("done_reason"), bool(said.calls)),
        latency_s=0.0,
        raw=_raw(said),
        detail={**_detail(body, missing), **_found(said)},
    )


def _said(message: Mapping[str, object], text: str, tools: Sequence[ToolSpec]) -> _Said:
    """Calls the server read are taken as they are; else those in the text, else in the thoughts."""
    thoughts = message.get("thinking")
    thinking = thoughts if isinstance(thoughts, str) else None
    calls = _read_calls(message.get("tool_calls"))
    if calls or not tools:
        return _Said(text, thinking, calls)
    if found := calls_in(text, tools):
        return _Said(found.rest, thinking, found.calls, "content")
    if thinking and not text.strip() and (found := calls_in(thinking, tools)):
        return _Said(text, found.rest, found.calls, "thinking")
    return _Said(text, thinking, ())


def _found(said: _Said) -> dict[str, object]:
    found: dict[str, object] = {"calls_from": said.place} if said.place else {}
    if wrong := sum(call.malformed is not None for call in said.calls):
        found["malformed_calls"] = wrong
    return found


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
    name, given, wrong = function.get("name"), function.get("arguments"), None
    if not isinstance(name, str) or not name:
        name, wrong = "unnamed", "the call has no tool name"
    arguments = arguments_of(given)
    if arguments is None:
        wrong = wrong or f"the tool's arguments are {shown(given)}, not an object"
    return ToolCall(f"call_{index}", name, arguments or {}, wrong)


def _raw(said: _Said) -> dict[str, object]:
    """What is echoed: role, text, thinking and the calls in a shape the server accepts."""
    raw: dict[str, object] = {"role": "assistant", **_echo(said.text, said.calls)}
    if said.thinking is not None:
        raw["thinking"] = said.thinking
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
    written, eval_s = body.get("eval_count"), detail.get("eval_s")
    if isinstance(written, int) and isinstance(eval_s, float) and eval_s > 0:
        detail["tokens_per_s"] = round(written / eval_s, 3)
    if missing:
        detail["usage_missing"] = list(missing)
    if body.get("done_reason") not in ("stop", "length"):
        detail["done_reason"] = body.get("done_reason")
    return detail
