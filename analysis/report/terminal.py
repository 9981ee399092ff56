"""The report on a terminal, in the same order as the page."""

from collections.abc import Iterator

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table as Drawn
from rich.text import Text

from analysis.colours import arm_colours
from analysis.report.figures import shown
from analysis.report.parts import Column, Report, Section, Table

_WARNING = "bold black on yellow"


def show(console: Console, report: Report) -> None:
    """Print it; folded tables are left out and counted, the page has them."""
    for part in _parts(report):
        console.print(part)


def _parts(report: Report) -> Iterator[RenderableType]:
    if report.warning:
        yield Text(f" {shown(report.warning)} ", style=_WARNING)
    yield Text(f"\n{shown(report.title)}", style="bold")
    yield Text("\n".join(shown(line) for line in report.scope), style="dim")
    for label, said in (*report.verdict, *report.legend):
        yield Text.assemble((f"{shown(label):>9}  ", "bold"), shown(said))
    for answer in report.answers:
        lines = [Text(shown(answer.headline), style="bold")]
        lines += [Text(f"- {shown(line)}") for line in (*answer.rest, *answer.fine)]
        yield Panel(Text("\n").join(lines), title=shown(answer.task), title_align="left")
    mark = " (simulated)" if "scripted" in report.kinds else ""
    for section in report.sections:
        yield from _section(section, report, mark)
    if report.made:
        yield Text(f"\n{shown(report.made)}", style="dim")


def _section(section: Section, report: Report, mark: str) -> Iterator[RenderableType]:
    yield Rule(Text(section.title, style="bold"), align="left")
    for line in section.sentences:
        yield Padding(Text(shown(line)), (0, 0, 0, 2))
    for table in section.tables:
        if not table.folded:
            yield _table(table, report, mark)
            yield from (Text(f"  {shown(note)}", style="dim") for note in table.notes)
    folded = [table.caption for table in section.tables if table.folded]
    if folded:
        yield Text(f"  In the page and in Markdown besides: {'; '.join(folded)}.", style="dim")
    for picture in section.pictures:
        yield Text(f"  {shown(picture.title)}: {shown(picture.text)}")


def _table(table: Table, report: Report, mark: str) -> Drawn:
    drawn = Drawn(
        title=Text(f"{table.caption}{mark}", style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in table.columns:
        right = column.shape == "number"
        drawn.add_column(Text(column.title), justify="right" if right else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_cell(c, text, report) for c, text in zip(table.columns, row, strict=True)))
    return drawn


def _cell(column: Column, text: str, report: Report) -> Text:
    style = ""
    if column.shape == "arm":
        colour = arm_colours(report.arms).get(text)
        style = f"bold {colour.dark}" if colour else "bold"
    elif column.shape == "kind" and text == "simulated":
        style = _WARNING
    elif column.shape == "status":
        style = "green" if text.endswith("solved") else "red"
    return Text(shown(text), style=style)
