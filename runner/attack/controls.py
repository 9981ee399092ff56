"""The naive side without an attack: the same faults left in the tree, the same way of judging.

It must not win there. Else the naive judge lets everything through, and an attack that fools it
proves nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from runner.attack.catalogue import Trick
from runner.attack.outcome import Control
from runner.attack.stage import Arena
from runner.attack.theirs import against_naive


def controls_of(tricks: Sequence[Trick]) -> tuple[Trick, ...]:
    """One trick without steps for each way and each set of faults left that the tricks have."""
    found: dict[tuple[str, ...], Trick] = {}
    for trick in tricks:
        kind, way = trick.attack.kind, trick.variant.naive
        key = (kind, way, *sorted(trick.variant.leaves))
        name = "+".join(key)
        still = replace(trick.variant, name=name, calls=())
        found.setdefault(key, Trick(replace(trick.attack, id="control"), still))
    return tuple(found.values())


def without_attack(arena: Arena, trick: Trick) -> Control:
    """Play nothing of an attack and judge naively. Raises `SandboxFailure`."""
    side = against_naive(arena, trick, f"attack-{trick.name}".replace("+", "-"))
    return Control(trick.variant.name, side)
