"""Reading what a server sent, when nothing about it may be taken for granted."""

import json
import math
from collections.abc import Mapping

from runner.errors import ModelFailure

MOST_TOKENS = 1_000_000_000  # of one call; more is nonsense, and would not fit the database


def malformed(what: str, request_id: str | None = None) -> ModelFailure:
    """The failure for an answer that is no reply: `what` says which part is wrong."""
    return ModelFailure(
        f"the server's answer is not a reply: {what}", kind="malformed_reply", request_id=request_id
    )


def as_json(body: bytes, request_id: str | None = None) -> Mapping[str, object]:
    """The JSON object in `body`, safe to write as UTF-8; raises `ModelFailure`."""
    try:
        value = json.loads(body, parse_constant=_no_number, parse_float=_finite)
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            # Lone surrogates are legal in JSON and in nothing we write afterwards.
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        start = shown(body[:60])
        raise malformed(f"not JSON ({error}), begins with {start}", request_id) from None
    return as_object(value, "the body", request_id)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    return number if math.isfinite(number := float(text)) else _no_number(text)


def as_object(value: object, what: str, request_id: str | None = None) -> Mapping[str, object]:
    """`value` as a JSON object; raises `ModelFailure` naming `what`."""
    if not isinstance(value, dict):
        raise malformed(f"{what} is {shown(value)}, not an object", request_id)
    return value


def as_text(value: object, what: str, request_id: str | None = None) -> str:
    """`value` as a string; raises `ModelFailure` naming `what`."""
    if not isinstance(value, str):
        raise malformed(f"{what} is {shown(value)}, not a string", request_id)
    return value


def count(
    table: Mapping[str, object],
    field: str,
    request_id: str | None = None,
    missing: list[str] | None = None,
) -> int:
    """A number of tokens; None or absent is 0, and named in `missing` when that is given.

    Raises:
        ModelFailure: the field is negative, or not a whole number.
    """
    value = table.get(field)
    if value is None:
        if missing is not None:
            missing.append(field)
        return 0
    if type(value) is not int or not 0 <= value <= MOST_TOKENS:  # True is an int, but no count
        raise malformed(f"usage field {field} is {shown(value)}, not a count", request_id)
    return value


def shown(value: object) -> str:
    """`value` for a person, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
