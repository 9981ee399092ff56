"""How a rule says what it found."""

from collections.abc import Iterable

from runner.types import Check

MOST = 50


def none_of(name: str, found: Iterable[str]) -> Check:
    """The check passes when nothing was found; else it names the first findings, sorted."""
    every = sorted(set(found))
    return Check(name, not every, {"found": every[:MOST], "count": len(every)})
