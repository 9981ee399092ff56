"""Tables that are drawn several times a second: rich's own take ten times as long."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text


@dataclass(frozen=True)
class Column:
    """A column at least `least` and at most `most` cells wide, or as wide as what is `rest`.

    A width that does not follow every change keeps a living table from jumping.
    """

    title: str
    least: int = 0
    most: int = 80
    right: bool = False
    rest: bool = False


def lined(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int, gap: int = 1
) -> Text:
    """The table in `width` cells, with bold titles; what does not fit is cut with an ellipsis."""
    widths = [
        0
        if column.rest
        else min(
            column.most, max(column.least, cell_len(column.title), *(r[n].cell_len for r in rows))
        )
        for n, column in enumerate(columns)
    ]
    left = max(0, width - sum(widths) - gap * (len(columns) - 1))
    made = Text(no_wrap=True, overflow="crop")
    titles = [Text(column.title, style="bold") for column in columns]
    for row in (titles, *rows):
        made.append("\n" if made else "")
        for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
            room = left if column.rest else widths[place]
            made.append(" " * gap if place else "")
            fitted = cell.copy()
            fitted.truncate(room, overflow="ellipsis", pad=not column.right)
            made.append(" " * (room - fitted.cell_len))
            made.append_text(fitted)
    return made
