"""A figure we hold ourselves to, and how a person is shown whether it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`value` may be at most `goal`; `note` says under what it was measured."""

    name: str
    value: float
    unit: str
    goal: float
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the figure is at most its goal."""
        return self.value <= self.goal


def as_table(title: str, figures: Sequence[Figure]) -> Table:
    """One line a figure; what misses its goal says so."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("figure", "measured", "at most", "", "note"):
        table.add_column(name, justify="right" if name in ("measured", "at most") else "left")
    for figure in figures:
        mark = "[green]holds[/]" if figure.holds else "[red]misses[/]"
        unit = f" {figure.unit}" if figure.unit else ""
        value, goal = f"{figure.value:.4g}{unit}", f"{figure.goal:.4g}{unit}"
        table.add_row(figure.name, value, goal, mark, figure.note)
    return table
