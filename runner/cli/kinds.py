"""Kinds of trials: what may not be taken for a live one says so wherever it is shown."""

from collections.abc import Sequence
from typing import get_args

from runner.types import ProviderKind

KINDS: tuple[str, ...] = get_args(ProviderKind)
NOTES = {"scripted": "simulated", "replayed": "replayed"}
FIRST = ("live", "imported", "replayed", "scripted")  # what tells most about models comes first


def noted(text: str, kind: str) -> str:
    """The text with the kind's note behind it: `A (simulated)`."""
    return f"{text} ({NOTES[kind]})" if kind in NOTES else text


def foremost(kinds: Sequence[str]) -> str:
    """Of the kinds there are, the one to show when none was asked for."""
    return min(kinds, key=FIRST.index)
