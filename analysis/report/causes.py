"""The chapter that says why: what orchestrators read, and what executor returns cost them."""

from collections.abc import Sequence

from analysis.calls import Measured
from analysis.mechanism import Mechanism, mechanism, read_ratios, sentences
from analysis.reasons import reasons
from analysis.report.figures import NONE, share, usd, whole
from analysis.report.parts import Column, Section, Table, columns
from analysis.stats.samples import TrialRow
from analysis.stats.summary import Answers


def mechanism_section(
    rows: Sequence[TrialRow], found: Measured, answers: Answers
) -> Section | None:
    """Why the cheapest arm is cheaper, then the mechanism in words and as a table; None where
    no two arms can be compared, no arm delegates and nothing is known."""
    results = {row.trial_id for row in rows if not row.void}
    cells = mechanism(each for each in found.growth if each.trial_id in results)
    said = (*reasons(rows, answers), *sentences(cells, read_ratios(rows, found.tokens)))
    if not said and not cells:
        return None
    return Section("mechanism", "Why it is so", said, (context_table(cells),) if cells else ())


def context_table(cells: Sequence[Mechanism]) -> Table:
    """What the lead read, by where it came from, and what the returns cost."""
    shares = ("first prompt", "own text", "own tools' output", "executor returns")
    money = ("lead USD", "of it returns read again")
    return Table(
        "What the lead read in all its calls, by where it came from",
        (
            *columns("task", "arm", "trials", numbers=("trials",)),
            Column("tokens read", "number", "summed over calls"),
            *columns(*shares, *money, numbers=(*shares, *money)),
        ),
        tuple(context_row(cell) for cell in cells),
        (
            "What a model read in all is exact; how it splits is an estimate from the lengths of "
            "tool results (docs/database.md). What stays in the context counts once per call.",
        ),
    )


def context_row(cell: Mechanism) -> tuple[str, ...]:
    """One cell of it."""
    parts = (cell.base, cell.own_text, cell.own_tool_output, cell.executor_returns)
    again = NONE
    if cell.again_usd is not None and cell.usd:
        again = f"{usd(cell.again_usd)} ({share(cell.again_usd / cell.usd)})"
    return (
        cell.task,
        cell.arm,
        str(cell.trials),
        whole(cell.read_tokens),
        *(share(part / cell.read_tokens) if cell.read_tokens else NONE for part in parts),
        usd(cell.usd),
        again if cell.orchestrates else NONE,
    )
