"""The chapters that say what came out: the cells, and what tests and resamples make of them."""

import re
from collections.abc import Iterable, Sequence

from analysis.report.figures import (
    NONE,
    estimate,
    p_value,
    rate,
    reason,
    seconds,
    share,
    usd,
    whole,
)
from analysis.report.parts import Column, Section, Table, columns
from analysis.stats.comparison import Comparison
from analysis.stats.estimates import HONEST, TOO_SMALL
from analysis.stats.pareto import Axes
from analysis.stats.samples import METRICS, Metric
from analysis.stats.summary import Answers, CellAnswer, Ratio, TaskAnswer

COUNTED = re.compile(r"^n = \d+: | \(\d+\)$")  # the table has each cell's n already
METRIC_NAMES: dict[Metric, str] = {
    "usd": "USD",
    "wall_s": "wall seconds",
    "iterations": "turns",
    "tokens": "tokens",
}
AXES_NAMES: dict[Axes, str] = {
    "usd_success": "USD per trial against success rate",
    "usd_wall": "USD against seconds, per solved task",
}


def cells_section(answers: Answers, card: str) -> Section:
    """Every arm on every task in one table, and beside it what was left out of which figure."""
    cells = [(task, cell) for task in answers.tasks for cell in ranked(task)]
    main = Table(
        f"Every arm on every task, the cheapest per solved task first (USD by {card})",
        (
            *columns("task", "arm"),
            Column("USD per solved task", "number", "the failures' money in it; 95 % bootstrap"),
            Column("solved", "number", "solved trials of all trials with a result"),
            Column("success rate", "number", "with Wilson's 95 % interval"),
            Column(
                "cheapest", "number", "share of resamples in which no arm of known cost is cheaper"
            ),
            Column("median USD", "number", "of a success; 95 % bootstrap"),
            Column("median time", "number", "of a success"),
            Column("median turns", "number", "of the lead, in a success"),
            Column("spent", "number", "on all trials with a result"),
        ),
        tuple(cell_row(task, cell) for task, cell in cells),
        tuple(cell_notes([cell for _, cell in cells])),
    )
    return Section("cells", "Results", tables=(main, spread_table(cells), retry_table(cells)))


def ranked(task: TaskAnswer) -> Iterable[CellAnswer]:
    """The task's cells in the order of USD per solved task."""
    return (task.cell(rank.arm) for rank in task.ranking)


def cell_row(task: TaskAnswer, cell: CellAnswer) -> tuple[str, ...]:
    """A cell as the main table has it."""
    place = next(rank for rank in task.ranking if rank.arm == cell.arm)
    cheapest = NONE if cell.usd_per_solved.value is None else share(place.cheapest, place.note)
    return (
        task.task,
        cell.arm,
        estimate(cell.usd_per_solved),
        f"{cell.solved} of {cell.trials}",
        rate(cell.success),
        cheapest if len(task.cells) > 1 else NONE,
        estimate(cell.metrics["usd"].median),
        estimate(cell.metrics["wall_s"].median, ".0f", seconds),
        estimate(cell.metrics["iterations"].median, ".0f", whole),
        usd(cell.total_usd),
    )


def cell_notes(cells: Sequence[CellAnswer]) -> list[str]:
    """What to beware of, each said once with the cells it holds for."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        notes = [COUNTED.sub("", note) for note in cell.usd_per_solved.note.split("; ") if note]
        if cell.censored:
            notes.append(
                f"{cell.censored} met a cap ({cell.censored_solved} solved): in money and rate, in "
                "no median"
            )
        if cell.void:
            spent = "an unknown sum" if cell.void_usd is None else usd(cell.void_usd)
            notes.append(f"{cell.void} without a result left out, {spent} spent on them")
        for note in notes:
            found.setdefault(note, []).append(f"{cell.arm} on {cell.task}")
    return [
        f"{'Every cell' if len(names) == len(cells) > 1 else ', '.join(names)}: {note}."
        for note, names in found.items()
    ]


def spread_table(cells: Sequence[tuple[TaskAnswer, CellAnswer]]) -> Table:
    """Quartiles of every metric, and the paper's cost by success rate."""
    names = [f"{METRIC_NAMES[metric]}, quartiles" for metric in METRICS]
    rows = []
    for task, cell in cells:
        spreads = []
        for metric in METRICS:
            ends = cell.metrics[metric].quartiles
            show = usd if metric == "usd" else whole
            spreads.append(NONE if ends is None else f"{show(ends[0])} to {show(ends[1])}")
        tokens = estimate(cell.metrics["tokens"].median, ",.0f", whole)
        per_rate = NONE if cell.usd_per_rate is None else usd(cell.usd_per_rate)
        rows.append((task.task, cell.arm, *spreads, tokens, per_rate))
    numbers = (*names, "median tokens", "median USD / success rate")
    return Table(
        "Spread over the successes",
        columns("task", "arm", *numbers, numbers=numbers),
        tuple(rows),
        ("Median USD / success rate is the paper's figure: it prices failures as if they cost what "
         "successes do.",),
        folded=True,
    )  # fmt: skip


def retry_table(cells: Sequence[tuple[TaskAnswer, CellAnswer]]) -> Table:
    """What trying again leads to."""
    rows = []
    for task, cell in cells:
        for retry in cell.retries:
            tries = "until solved" if retry.tries is None else f"at most {retry.tries}"
            attempts = NONE if retry.attempts is None else f"{retry.attempts:.1f}"
            solved = (
                "in the long run" if retry.tries is None and cell.solved else rate(retry.solved)
            )
            rows.append((task.task, cell.arm, tries, estimate(retry.usd), solved, attempts))
    numbers = ("expected USD", "solved", "tries on average")
    return Table(
        "Trying again after a failure",
        columns("task", "arm", "tries", *numbers, numbers=numbers),
        tuple(rows),
        ("Tries are taken as independent and alike.",),
        folded=True,
    )


def tests_section(answers: Answers) -> Section:
    """Could the differences be chance?"""
    every = [found for task in answers.tasks for found in task.comparisons]
    others = [comparison_table(every, metric, folded=True) for metric in METRICS if metric != "usd"]
    if not every:
        return Section("tests", "How sure it is", ("There are no two arms to compare.",))
    return Section(
        "tests",
        "How sure it is",
        (
            "Figures per solved task hold the money of every trial with a result; tests and "
            "medians look at successes only. Believe the p after Holm's correction; “n too small” "
            "means that after it no outcome of so few trials could have told the two arms apart.",
        ),
        (ratio_table(answers), comparison_table(every, "usd"), pareto_table(answers), *others),
    )


def ratio_table(answers: Answers) -> Table:
    """How many times as much one arm costs as another."""
    rows = [
        (
            task.task,
            found.over,
            found.under,
            estimate(found.ratio, ".2f", lambda value: f"{value:.2f}"),
            told_apart(found),
        )
        for task in answers.tasks
        for found in task.ratios
    ]
    return Table(
        "USD per solved task: how many times as much?",
        (
            Column("task"),
            Column("this arm", "arm"),
            Column("costs, by this one", "arm"),
            Column("times", "number"),
            Column("told apart", meaning="the interval leaves out 1"),
        ),
        tuple(rows),
    )


def told_apart(found: Ratio) -> str:
    """Whether an interval leaves out 1; few trials are named, for theirs are too narrow."""
    if found.ratio.value is None or found.ratio.low is None:
        return reason(found.ratio.note)
    if found.ratio.n < HONEST:
        return f"{'probably' if found.settled else 'no'}, n = {found.ratio.n}"
    return "yes" if found.settled else "no"


def comparison_table(every: Sequence[Comparison], metric: Metric, folded: bool = False) -> Table:
    """Every pair's test in one metric; folded also where none of them could tell anything."""
    numbers = ("n", "Cliff's δ", "p", "p after Holm", "paper's p")
    rows = [comparison_row(found) for found in every if found.metric == metric]
    silent = all(row[-1] == TOO_SMALL for row in rows)
    return Table(
        f"Mann-Whitney's test of the successes' {METRIC_NAMES[metric]}",
        (
            Column("task"),
            Column("arm", "arm"),
            Column("against", "arm"),
            *columns(*numbers, numbers=numbers),
            Column("told apart"),
        ),
        tuple(rows),
        ("A δ above 0: the first arm has the larger values. The paper's p is a normal "
         "approximation without corrections, kept for comparison.",),
        folded or silent,
    )  # fmt: skip


def comparison_row(found: Comparison) -> tuple[str, ...]:
    """A pair's test; where there is none, why."""
    delta = NONE if found.delta is None else f"{found.delta:+.2f} {found.magnitude}"
    p, after, published = (p_value(p, found.note) for p in (found.p, found.p_holm, found.p_paper))
    p += "" if found.p is None else f" ({found.method})"
    told = "yes" if found.settled else "no"
    if found.hopeless or not found.known:
        told = reason(found.note)
    n = f"{found.n_left}, {found.n_right}"
    return (found.task, found.left, found.right, n, delta, p, after, published, told)


def pareto_table(answers: Answers) -> Table:
    """Which arms no other beats, and in which share of resamples."""
    rows = []
    for task in answers.tasks:
        for plane in task.paretos:
            for point in plane.points:
                on = point.note if point.usd is None else ("yes" if point.on_frontier else "no")
                stays = NONE if point.usd is None else share(point.share, point.note)
                rows.append((task.task, AXES_NAMES[plane.axes], point.arm, on, stays))
    return Table(
        "On the Pareto frontier: no other arm is better in one thing and no worse in the other",
        columns("task", "plane", "arm", "on it", "share of resamples",
                numbers=("share of resamples",)),
        tuple(rows),
        folded=True,
    )  # fmt: skip
