"""The report as Markdown, for a pull request or a wiki; pictures are told in words."""

import re
from collections.abc import Iterator, Sequence

from analysis.report.figures import shown
from analysis.report.parts import Report, Section, Table

# What Markdown or the HTML in it would act upon.
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")


def markdown(report: Report) -> str:
    """The whole report; every text in it is escaped."""
    return "\n".join(_lines(report)).rstrip() + "\n"


def _lines(report: Report) -> Iterator[str]:
    if report.warning:
        yield from (f"> **{plain(report.warning)}**", "")
    yield from (f"# {plain(report.title)}", "")
    yield from (*(f"{plain(line)}  " for line in report.scope), "")
    if report.answers:
        yield from ("## The answer", "")
        yield from (*(f"- **{plain(label)}:** {plain(said)}" for label, said in report.verdict), "")
        yield from (*(f"- Arm {plain(arm)}: {plain(what)}" for arm, what in report.legend), "")
        for answer in report.answers:
            yield from (f"### {plain(answer.task)}", "", f"**{plain(answer.headline)}**", "")
            yield from (*(f"- {plain(line)}" for line in (*answer.rest, *answer.fine)), "")
    for section in report.sections:
        yield from _section(section, "simulated" if "scripted" in report.kinds else "")
    yield plain(report.made)


def _section(section: Section, mark: str) -> Iterator[str]:
    yield from (f"## {plain(section.title)}", "")
    yield from (*(f"- {plain(line)}" for line in section.sentences), "")
    for table in section.tables:
        yield from _table(table, mark)
    for picture in section.pictures:
        yield from (f"- {plain(picture.title)}: {plain(picture.text)}",)


def _table(table: Table, mark: str) -> Iterator[str]:
    yield from (f"**{plain(table.caption)}{f' ({mark})' if mark else ''}**", "")
    yield _row([column.title for column in table.columns])
    yield _rule([column.shape == "number" for column in table.columns])
    yield from (_row(row) for row in table.rows)
    yield ""
    yield from (*(f"- {plain(note)}" for note in table.notes), "")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(plain(cell) for cell in cells)} |"


def _rule(right: Sequence[bool]) -> str:
    return f"|{'|'.join('---:' if each else '---' for each in right)}|"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _ACTIVE.sub(r"\\\1", " ".join(shown(text).split()))
