"""Frozen dataclasses to JSON text and back, exactly.

The `kind` key names the class. Text is written as ASCII with escapes, so that strings which
are not valid UTF-8 (lone surrogates, as file names and tool output can hold) survive.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Union

Kinds = Mapping[str, type]


class CodecError(ValueError):
    """The text is not one of the known records; the message says what is wrong."""


def kinds(*classes: type) -> Kinds:
    """Name each class by its own name, as `encode` does."""
    return {each.__name__: each for each in classes}


def encode(record: object) -> str:
    """One line of JSON for a dataclass instance.

    Raises `CodecError` when a value inside has no exact JSON form (NaN, bytes, sets, ...).
    """
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        raise CodecError(f"not a record: {record!r}")
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    try:
        return json.dumps(
            {"kind": type(record).__name__, **fields},
            default=_plain,
            allow_nan=False,
            separators=(",", ":"),
        )
    except (TypeError, ValueError) as error:
        raise CodecError(f"{type(record).__name__} cannot be written: {error}") from error


def decode(text: str, known: Kinds) -> Any:
    """The record that `encode` wrote; one of the `known` classes.

    Raises `CodecError` for broken JSON, an unknown kind, unknown or missing fields and
    values of the wrong type.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise CodecError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise CodecError("not a JSON object")
    kind = data.pop("kind", None)
    if kind not in known:
        raise CodecError(f"unknown kind {kind!r} (known: {', '.join(sorted(known))})")
    return _build(known[kind], data)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@cache
def _hints(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record)


@cache
def _required(record: type) -> frozenset[str]:
    return frozenset(
        field.name
        for field in dataclasses.fields(record)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )


def _build(record: type, data: Mapping[str, object]) -> object:
    hints = _hints(record)
    if unknown := data.keys() - hints.keys():
        raise CodecError(f"{record.__name__} has no field {sorted(unknown)[0]!r}")
    if missing := _required(record) - data.keys():
        raise CodecError(f"{record.__name__} lacks {sorted(missing)[0]!r}")
    values = {}
    for name, value in data.items():
        try:
            values[name] = _value(value, hints[name])
        except CodecError as error:
            raise CodecError(f"{record.__name__}.{name}: {error}") from None
    return record(**values)


def _value(value: object, hint: Any) -> object:
    """`value` as the type hint wants it; only the hints our records use are known."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return None if value is None and type(None) in args else _value(value, args[0])
    if not (value in args if origin is Literal else _fits(value, origin or hint)):
        raise CodecError(f"{value!r} is not {getattr(hint, '__name__', hint)}")
    if origin is tuple:
        return tuple(_value(each, args[0]) for each in typing.cast("list[object]", value))
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast("type", hint), typing.cast("dict[str, object]", value))
    return value


def _fits(value: object, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (str, bool):
        return isinstance(value, kind)
    return isinstance(value, list if kind is tuple else dict)
