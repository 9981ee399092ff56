"""Frozen dataclasses to JSON text and back, exactly.

The `kind` key names the class. Text is written as ASCII with escapes, so that strings which
are not valid UTF-8 (lone surrogates, as file names and tool output can hold) survive.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
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


Reader = Callable[[object], object]


@cache
def _readers(record: type) -> dict[str, Reader]:
    """By field, what turns a JSON value into the field's; made once, since journals are long."""
    return {name: _reader(hint) for name, hint in typing.get_type_hints(record).items()}


@cache
def _required(record: type) -> frozenset[str]:
    return frozenset(
        field.name
        for field in dataclasses.fields(record)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )


def _build(record: type, data: Mapping[str, object]) -> object:
    readers = _readers(record)
    if not data.keys() <= readers.keys():
        unknown = sorted(data.keys() - readers.keys())[0]
        raise CodecError(f"{record.__name__} has no field {unknown!r}")
    if not _required(record) <= data.keys():
        raise CodecError(f"{record.__name__} lacks {sorted(_required(record) - data.keys())[0]!r}")
    values, name = {}, ""
    try:
        for name, value in data.items():
            values[name] = readers[name](value)
    except CodecError as error:
        raise CodecError(f"{record.__name__}.{name}: {error}") from None
    return record(**values)


def _reader(hint: Any) -> Reader:
    """What reads a value of this type hint; only the hints our records use are known."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _optional(_reader(args[0]))
    if origin is Literal:
        return _checked(hint, lambda value: value in args)
    if origin is tuple:
        return _listed(_reader(args[0]))
    if dataclasses.is_dataclass(hint):
        return _nested(typing.cast("type", hint))
    if hint is float:
        return _checked(hint, lambda value: type(value) in (int, float))
    if hint in (int, str, bool):
        return _checked(hint, lambda value: type(value) is hint)
    return _checked(dict, lambda value: type(value) is dict)


def _checked(hint: Any, fits: Callable[[object], bool]) -> Reader:
    def read(value: object) -> object:
        if not fits(value):
            raise CodecError(f"{value!r} is not {getattr(hint, '__name__', hint)}")
        return value

    return read


def _optional(inner: Reader) -> Reader:
    return lambda value: None if value is None else inner(value)


def _listed(inner: Reader) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise CodecError(f"{value!r} is not a list")
        return tuple(map(inner, value))

    return read


def _nested(record: type) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise CodecError(f"{value!r} is not an object")
        return _build(record, value)

    return read
