"""Figures as text: what is not known says so, and few trials never look sure."""

import re
from collections.abc import Callable

from analysis.answers import interval, money
from analysis.stats.estimates import ALL_EQUAL, NO_DATA, TOO_SMALL, Estimate

NONE = "–"
# Words of a note and what a cell says in the place of a figure, what weighs most first.
REASONS = {
    "not known": "not known",
    NO_DATA: NO_DATA,
    "costs nothing": "costs nothing",
    ALL_EQUAL: "all equal",
    TOO_SMALL: TOO_SMALL,
}
# Control characters, halves of surrogate pairs (how bytes that are no UTF-8 arrive) and marks
# that turn the direction of text: all could make a text look like another.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)
SEEN = bytes([9, 10, *range(32, 127)])  # what most texts are made of


def shown(text: object) -> str:
    """The text with every character that acts instead of being seen made visible."""
    said = str(text)
    if said.isascii() and not said.encode("ascii").translate(None, SEEN):
        return said  # many times as quick as looking for what is not there
    return HIDDEN.sub(_escape, said)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def usd(value: float | None) -> str:
    """An amount in USD."""
    return "not known" if value is None else f"${money(value)}"


def seconds(value: float | None) -> str:
    """Seconds, whole ones from ten up."""
    if value is None:
        return NONE
    return f"{value:,.0f} s" if value >= 10 else f"{value:.1f} s"


def whole(value: float | None) -> str:
    """A count with separators."""
    return NONE if value is None else f"{value:,.0f}"


def reason(note: str) -> str:
    """Why there is no figure, as short as a cell of a table has it."""
    return next((said for words, said in REASONS.items() if words in note), "not known")


def share(value: float | None, note: str = TOO_SMALL) -> str:
    """A share as a percentage that says 0 and 100 only when it is so; without one, why."""
    if value is None:
        return reason(note)
    if 0 < value < 0.01:
        return "<1%"
    return ">99%" if 0.99 < value < 1 else f"{value:.0%}"


def p_value(value: float | None, note: str = TOO_SMALL) -> str:
    """A p with three digits; without one, why."""
    if value is None:
        return reason(note)
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def estimate(found: Estimate, digits: str = "", show: Callable[[float], str] | None = None) -> str:
    """A value with its interval, or in its place why there is none.

    `digits` formats the ends (money without it), `show` the value (USD without it).
    """
    if found.value is None:
        return found.note.split(";")[0] or "not known"
    value = (show or usd)(found.value)
    if found.low is not None:
        return value + interval(found, digits)
    if TOO_SMALL in found.note or ALL_EQUAL in found.note:
        return f"{value} ({reason(found.note)})"
    return value


def rate(found: Estimate) -> str:
    """A success rate with Wilson's interval, in percent."""
    if found.value is None:
        return "no data"
    if found.low is None or found.high is None:
        return f"{found.value:.0%} ({TOO_SMALL})"
    return f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}]"
