"""Tool calls that a local model wrote as text: read once, by the rule in docs/ollama.md.

The server's own parser misses some calls and hands them on as text. A call is read here only
when it is whole and plain; nothing is guessed or mended. What looks like a call and cannot be
read becomes a malformed one, so that the model is told.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runner.errors import ModelFailure
from runner.models.answer import as_json, shown
from runner.types import ToolCall, ToolSpec

_MARK = re.compile(r"</?tool_call\b|</?function\b|</?parameter=|</parameter>")
_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z|(?=<tool_call>))", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^<>\n]+)>(.*?)</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^<>\n]+)>(.*?)</parameter>", re.DOTALL)
_FENCE = re.compile(r"```(?:json)?\n(.*)\n```", re.DOTALL)


@dataclass(frozen=True)
class Found:
    """The calls in a text, malformed ones among them, and what the text says besides."""

    calls: tuple[ToolCall, ...]
    rest: str


def calls_in(text: str, tools: Sequence[ToolSpec]) -> Found | None:
    """The calls written in `text`; None when nothing in it looks like one."""
    if not _MARK.search(text):
        calls = _plain_json(text, tools)
        return Found(_numbered(calls), "") if calls else None
    pattern = _BLOCK if "<tool_call>" in text else _FUNCTION
    rest = pattern.sub("", text).strip()
    calls = [call for block in pattern.finditer(text) for call in _block(block[0], block[1], tools)]
    if not calls or _MARK.search(rest):
        calls.append(_wrong(f"a call that is neither begun nor ended as it must be: {shown(rest)}"))
    return Found(_numbered(calls), rest)


def arguments_of(value: object) -> dict[str, object] | None:
    """A call's arguments, which some models write as a string of JSON; None when they are none."""
    if isinstance(value, str):
        value = _loaded(value)
    return value if isinstance(value, dict) else None


def _numbered(calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    return tuple(replace(call, id=f"call_{index}") for index, call in enumerate(calls))


def _wrong(why: str, name: str = "unnamed") -> ToolCall:
    return ToolCall("", name, {}, why)


def _plain_json(text: str, tools: Sequence[ToolSpec]) -> list[ToolCall]:
    """Calls that are the whole text; JSON that names no tool of ours is an ordinary answer."""
    fenced = _FENCE.fullmatch(text.strip())
    inside = (fenced[1] if fenced else text).strip()
    if not inside.startswith(("{", "[")):
        return []
    calls = _json_calls(inside)
    offered = {tool.name for tool in tools}
    return calls if calls and all(call.name in offered for call in calls) else []


def _block(whole: str, inside: str, tools: Sequence[ToolSpec]) -> list[ToolCall]:
    if not whole.startswith("<tool_call>"):
        inside = whole
    inside = inside.strip()
    if inside.startswith(("{", "[")):
        return _json_calls(inside) or [_wrong(f"no JSON of a name and arguments: {shown(inside)}")]
    found = list(_FUNCTION.finditer(inside))
    if not found or _FUNCTION.sub("", inside).strip():
        return [_wrong(f"no whole <function=NAME>...</function>: {shown(inside)}")]
    return [_function(each[1].strip(), each[2], tools) for each in found]


def _function(name: str, body: str, tools: Sequence[ToolSpec]) -> ToolCall:
    if _PARAMETER.sub("", body).strip():
        return _wrong(f"no row of <parameter=NAME>...</parameter>: {shown(body.strip())}", name)
    arguments: dict[str, object] = {}
    for found in _PARAMETER.finditer(body):
        key = found[1].strip()
        if key in arguments:
            return _wrong(f"the parameter {shown(key)} is there twice", name)
        value = found[2].removeprefix("\n").removesuffix("\n")
        arguments[key] = value if _takes_text(name, key, tools) else _loaded(value, value)
    return ToolCall("", name, arguments)


def _takes_text(name: str, key: str, tools: Sequence[ToolSpec]) -> bool:
    """Whether the tool wants this parameter as text, which every tag's value is at first."""
    for tool in tools:
        properties = tool.parameters.get("properties")
        if tool.name == name and isinstance(properties, Mapping):
            return '"string"' in repr(properties.get(key)).replace("'", '"')
    return True


def _json_calls(text: str) -> list[ToolCall]:
    """The calls of a JSON object or list; none when one of them is no call."""
    value = _loaded(text)
    calls: list[ToolCall] = []
    for item in value if isinstance(value, list) else [value]:
        inner = item.get("function") if isinstance(item, dict) else None
        table = inner if isinstance(inner, dict) else item
        if not isinstance(table, dict) or not isinstance(table.get("name"), str):
            return []
        arguments = arguments_of(table.get("arguments", table.get("parameters")))
        if arguments is None:
            return [_wrong("the arguments are not an object", table["name"])]
        calls.append(ToolCall("", table["name"], arguments))
    return calls


def _loaded(text: str, otherwise: object = None) -> object:
    """The value of a JSON text, safe to be written again; `otherwise` when it is none."""
    try:
        return as_json(b'{"it":' + text.encode("utf-8", "replace") + b"}")["it"]
    except (ModelFailure, KeyError):
        return otherwise
