"""The exact text of an event as `encode` writes it, as a pattern: the fast way to check one.

A text that fits decodes to its class without a doubt (but for what stands inside a free JSON
object, which only has its braces checked). One that does not fit may be right all the same,
written in another order by another program: then `decode` decides, slowly.
"""

import dataclasses
import re
import types
import typing
from functools import cache
from typing import Any, Literal, Union

from runner.ledger.journal_lines import ANY

_TEXT = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
_WHOLE = r"-?(?:0|[1-9][0-9]*+)"
_NUMBER = _WHOLE + r"(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_PLAIN = {str: _TEXT, int: _WHOLE, float: _NUMBER, bool: "(?:true|false)"}


@cache
def shape(record: type, *wanted: str) -> str:
    """What a text of this class looks like; `wanted` fields become groups, in the class's order.

    A wanted field of an inner record is named with a dot: `usage.input_tokens`. A text's group
    has its quotes, a missing value is `null`.
    """
    return _record(record, "", frozenset(wanted), kind=True)


@cache
def any_of(*shapes: str) -> str:
    """A text of one of these shapes, or any other: then no group took part."""
    return "|".join((*shapes, ANY))


@cache
def compiled(pattern: str) -> re.Pattern[bytes]:
    """The pattern, ready for use; made once, since these are long."""
    return re.compile(pattern.encode("ascii"))


def _record(record: type, prefix: str, wanted: frozenset[str], *, kind: bool) -> str:
    hints = typing.get_type_hints(record)
    parts = [f'"kind":"{record.__name__}"'] if kind else []
    for field in dataclasses.fields(record):
        name = prefix + field.name
        value = _value(hints[field.name], name, wanted)
        parts.append(f'"{field.name}":' + (f"({value})" if name in wanted else value))
    return r"\{" + ",".join(parts) + r"\}"


def _value(hint: Any, name: str, wanted: frozenset[str]) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return f"(?:null|{_value(args[0], name, wanted)})"
    if origin is Literal:
        return '"(?:' + "|".join(map(re.escape, args)) + ')"'
    if dataclasses.is_dataclass(hint):
        return _record(typing.cast("type", hint), name + ".", wanted, kind=False)
    return _PLAIN.get(hint, r"\{.*\}")  # a free object: at most one in a class
