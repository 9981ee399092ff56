"""One colour per arm, the same in every table and picture, on paper and on a dark screen.

The pairs are told apart by people with any common colour blindness and, by their lightness, in
print without colour. A picture must not rely on them alone: it names the arm or draws a shape.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """One hue for a light and for a dark ground; both have a contrast of at least 3 to it."""

    light: str
    dark: str


KNOWN: Mapping[str, Colour] = {
    "A": Colour("#0067a5", "#5cb8f2"),
    "B": Colour("#c4500a", "#ff9a57"),
    "C": Colour("#00866a", "#35cfa5"),
    "D": Colour("#8b3f9e", "#dc9bec"),
}
SPARE: tuple[Colour, ...] = (
    Colour("#8a6d00", "#e6c84a"),
    Colour("#a8254f", "#ff8fae"),
    Colour("#4a5568", "#b8c2d0"),
    Colour("#1f6f78", "#7fd6df"),
)


def arm_colours(arms: Iterable[str]) -> Mapping[str, Colour]:
    """The colour of each arm; give all arms there are, so that a new picture changes none.

    Arms A to D have their own; others share the spare ones in the order of their names.
    """
    names = sorted(set(arms))
    others = [name for name in names if name not in KNOWN]
    spare = {name: SPARE[place % len(SPARE)] for place, name in enumerate(others)}
    return {name: KNOWN.get(name) or spare[name] for name in names}
