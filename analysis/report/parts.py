"""What a report is made of, whichever way it is shown: sections of sentences, tables, pictures.

Text is plain everywhere; who shows it escapes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.charts.picture import Picture
from runner.types import ProviderKind

Shape = Literal["text", "number", "arm", "status", "kind"]


@dataclass(frozen=True)
class Column:
    """A column's title, what its cells are, and what it means if the title does not say."""

    title: str
    shape: Shape = "text"
    meaning: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption. A `folded` one is opened by whoever wants it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Answer:
    """One task's answer: the decisive sentence, what has to be said with it, and the small print.

    Pages fold the `fine` print; nothing of it changes the decision.
    """

    task: str
    headline: str
    rest: tuple[str, ...]
    fine: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One chapter. `name` is its address in a page."""

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Report:
    """All of it in the order in which it is read.

    `verdict` is the first screen, label and sentence; `legend` says what each arm is. `kinds` are
    the kinds of trials in it, `warning` is what nobody may miss (simulated rows),
    `scope` says which trials it is about and which were left out.
    """

    title: str
    kinds: tuple[ProviderKind, ...]
    warning: str
    scope: tuple[str, ...]
    answers: tuple[Answer, ...]
    sections: tuple[Section, ...]
    made: str = ""
    arms: tuple[str, ...] = ()
    verdict: tuple[tuple[str, str], ...] = ()
    legend: tuple[tuple[str, str], ...] = ()


def columns(*titles: str, numbers: Sequence[str] = ()) -> tuple[Column, ...]:
    """Columns by their titles; `numbers` are shown to the right, `arm` in its colour."""
    shapes: dict[str, Shape] = {"arm": "arm", "status": "status", "kind": "kind"}
    return tuple(
        Column(title, "number" if title in numbers else shapes.get(title, "text"))
        for title in titles
    )
