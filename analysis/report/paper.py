"""The paper's own tables from its data: its value, ours, and why they differ where they do."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from analysis.report.paper_figures import (
    NOT_PRINTED,
    Figure,
    delta_figures,
    growth_figures,
    p_figures,
    published,
    summary_figures,
    trial_row,
)
from analysis.report.parts import Column, Report, Section, Table, columns
from analysis.stats.summary import Answers, analyse
from runner.config.rates import RateCard
from runner.published.reading import Row


def paper_report(rows: Sequence[Row], card: RateCard, made: str = "") -> Report:
    """Their tables 3, 4 and 5, each figure beside ours from the same data at their prices."""
    taken = [trial_row(row, card) for row in rows]
    answers = analyse(taken)
    theirs = published()
    if total(answers) != f"${theirs.total_usd}":
        theirs = replace(theirs, explained={})  # the explanations are of the published data
    tables = {
        "Table 3: summary": list(summary_figures(answers, theirs)),
        "Table 4: Mann-Whitney's p": list(p_figures(answers, theirs)),
        "Table 5: Cliff's delta": list(delta_figures(answers, theirs)),
        "Cache reads of B over A": list(growth_figures(rows, theirs)),
    }
    figures = [figure for found in tables.values() for figure in found]
    printed = [figure for figure in figures if figure.printed != NOT_PRINTED]
    differing = [figure for figure in printed if not figure.same]
    return Report(
        title="The paper's tables from its own data",
        kinds=("imported",),
        warning="",
        scope=(
            f"{len(printed)} printed figures: {len(printed) - len(differing)} equal to every "
            f"digit, {len(differing)} not, {sum(bool(each.why) for each in differing)} of these "
            f"explained; {len(figures) - len(printed)} more follow from the data and are not "
            "printed.",
            f"Total: ${theirs.total_usd} printed, {total(answers)} ours, by {theirs.card}.",
            f"Printed figures: {theirs.source}.",
        ),
        answers=(),
        sections=(
            Section("differences", "Differences", told(differing)),
            *(
                Section(f"table-{n}", title, tables=(table(title, found),))
                for n, (title, found) in enumerate(tables.items(), start=3)
            ),
        ),
        made=made,
        arms=tuple(sorted({row.arm for row in taken})),
    )


def same(figure: Figure) -> str:
    """Whether it agrees, for a table."""
    if figure.printed == NOT_PRINTED:
        return ""
    return "yes" if figure.same else "no"


def told(differing: Iterable[Figure]) -> tuple[str, ...]:
    """Every difference in words."""
    said = tuple(
        f"{each.where}, {each.what}: printed {each.printed}, ours {each.ours}. "
        f"{each.why or 'Not explained: these data are not the published ones.'}"
        for each in differing
    )
    return said or ("There are none.",)


def total(answers: Answers) -> str:
    """All the trials' money."""
    return "not known" if answers.total_usd is None else f"${answers.total_usd:.2f}"


def table(title: str, figures: Sequence[Figure]) -> Table:
    """The figures of one of their tables, a line each."""
    return Table(
        title,
        (
            *columns("where", "what"),
            Column("printed", "number"),
            Column("ours", "number"),
            Column("same"),
            Column("why not"),
        ),
        tuple(
            (each.where, each.what, each.printed, each.ours, same(each), each.why)
            for each in figures
        ),
    )
