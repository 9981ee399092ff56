"""One colour per arm, everywhere: in pictures, tables and pages, on light and on dark ground.

The first four arms' colours keep a distance of 25 (CIELAB) from each other for every kind of
colour blindness, all eight 17; each has a contrast of at least 4.5 to its ground, so that text
may be set in it. Colour is never the only mark: what it tells is also told by shape or words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """One meaning's colour on light and on dark ground, each as `#rrggbb`."""

    light: str
    dark: str


GROUND = Colour("#ffffff", "#15191e")
INK = Colour("#1b2127", "#e8ebee")
MUTED = Colour("#56606b", "#a3adb8")
GRID = Colour("#dfe3e8", "#333a43")
ALERT = Colour("#a3004d", "#ffb000")  # simulated data, and what must not be overlooked

PAPER_ARMS: Mapping[str, Colour] = {
    "A": Colour("#0a2a66", "#c3d0fb"),
    "B": Colour("#b53c00", "#fa6a0c"),
    "C": Colour("#0d7f6c", "#2da67a"),
    "D": Colour("#b035bd", "#d75fdc"),
}
FURTHER_ARMS = (
    Colour("#4a1208", "#8af8a2"),
    Colour("#3d1ee6", "#a084ac"),
    Colour("#6b5a86", "#f2dc31"),
    Colour("#56383f", "#d8a55e"),
)

# Parts of a whole, from the largest to the smallest: dark to light, so that grey print keeps
# their order.
PARTS = (
    Colour("#00326e", "#4f83d1"),
    Colour("#5d6577", "#7f8796"),
    Colour("#9d956f", "#b5aa7c"),
    Colour("#e2c64a", "#ffe45c"),
    Colour("#f1e9c6", "#fdf6d8"),
    Colour("#c3c9d0", "#4a525c"),
)


def arm_colours(arms: Iterable[str]) -> Mapping[str, Colour]:
    """The colour of each arm, A to D always the same.

    Other arms take the further colours in the order of their names, so give all arms that are
    shown together. From the ninth on colours come again: there names tell them apart.
    """
    names = sorted(set(arms))
    others = [name for name in names if name not in PAPER_ARMS]
    unused = [colour for name, colour in PAPER_ARMS.items() if name not in names]
    free = (*FURTHER_ARMS, *unused)
    given = {name: free[n % len(free)] for n, name in enumerate(others)}
    return {name: PAPER_ARMS.get(name) or given[name] for name in names}


def every_colour() -> tuple[Colour, ...]:
    """All colours that pictures are drawn in."""
    return (GROUND, INK, MUTED, GRID, ALERT, *PAPER_ARMS.values(), *FURTHER_ARMS, *PARTS)


def darkened(svg: str) -> str:
    """A drawing made in light colours, in the dark ones."""
    for colour in every_colour():
        svg = svg.replace(colour.light, colour.dark)
    return svg
