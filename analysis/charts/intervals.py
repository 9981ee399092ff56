"""Figures with their doubt: USD per solved task, and success rates, by task and arm."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import altair

from analysis.answers import interval, money
from analysis.charts.drawing import charted, message
from analysis.charts.picture import Picture, Spec
from analysis.charts.theme import (
    ROW,
    WIDTH,
    Datum,
    arm_names,
    arm_scale,
    counted,
    joined,
    marks,
    rows,
    titled,
)
from analysis.stats.estimates import Estimate
from analysis.stats.summary import Answers, CellAnswer, TaskAnswer

NO_END = 1.12  # times the largest finite figure: how far an interval without an upper end is drawn
RIGHT = "triangle-right"


@dataclass(frozen=True)
class Kind:
    """What is shown: of which estimate, how a cell's is said, and the scale's end if it has one."""

    title: str
    how: tuple[str, ...]
    axis: str
    form: str
    estimate: Callable[[CellAnswer], Estimate]
    said: Callable[[CellAnswer], str]
    end: float | None = None


def said_cost(cell: CellAnswer) -> str:
    """`$0.35 [0.28, 0.52], n = 4`, or why there is none."""
    found = cell.usd_per_solved
    if found.value is None:
        return f"none: {found.note}"
    return f"${money(found.value)}{interval(found)}, n = {found.n}{why_not(found)}"


def why_not(found: Estimate) -> str:
    """Why there is no interval, in a few words; '' if there is one."""
    return "" if found.low is not None else f": {re.split('[;:(]', found.note)[0].strip()}"


def said_success(cell: CellAnswer) -> str:
    """`75% [30%, 95%], 3 of 4`."""
    found = cell.success
    if found.value is None:
        return f"none: {found.note}"
    known = found.low is not None and found.high is not None
    ends = f" [{found.low:.0%}, {found.high:.0%}]" if known else ""
    return f"{found.value:.0%}{ends}, {cell.solved} of {cell.trials}{why_not(found)}"


COST = Kind(
    "USD per solved task, the failures' money in it",
    (
        "Point: all money by the number of solved trials; bar: 95% bootstrap interval.",
        "An arrow instead of an end: no upper limit, too many resamples have no success.",
    ),
    "USD per solved task",
    "$.2~f",
    lambda cell: cell.usd_per_solved,
    said_cost,
)
SUCCESS = Kind(
    "Success rates",
    ("Point: share of trials solved; bar: 95% Wilson interval.",),
    "solved",
    "%",
    lambda cell: cell.success,
    said_success,
    end=1.0,
)


def intervals_picture(
    kind: Kind, answers: Answers, arms: Sequence[str], *, simulated: bool
) -> Picture:
    """The picture of all tasks; an arm without a figure has its reason in the figure's place."""
    if not answers.tasks:
        return message(kind.title, "There are no trials yet.", simulated=simulated)
    panels = [panel(kind, task, arms) for task in answers.tasks]
    chart = joined("vconcat", panels, spacing=18, title=titled(kind.title, kind.how, simulated))
    return charted(kind.title, words(kind, answers), chart, simulated=simulated)


def panel(kind: Kind, task: TaskAnswer, arms: Sequence[str]) -> Spec:
    """One task: a row per arm, with point, interval, and all of it in figures at the right."""
    end = limit(kind, task)
    data = [datum(kind, cell, end) for cell in task.cells]
    base = marks(data).encode(
        y=rows(),
        color=altair.Color("arm:N", scale=arm_scale(arms), legend=None),
    )
    scale = altair.Scale(domain=[0, end], nice=False)
    axis = altair.Axis(format=kind.form, tickCount=6)

    def x(field: str) -> altair.X:
        return altair.X(f"{field}:Q", title=kind.axis, scale=scale, axis=axis)

    bounded = base.transform_filter("isValid(datum.low)")
    stop = {"orient": "vertical", "thickness": 2.5, "size": 14}
    said = marks(data).mark_text(align="left", dx=12)
    layers = (
        bounded.mark_rule(strokeWidth=3, opacity=0.55).encode(x=x("low"), x2=altair.X2("high:Q")),
        bounded.mark_tick(**stop).encode(x=x("low")),
        bounded.transform_filter("!datum.open").mark_tick(**stop).encode(x=x("high")),
        bounded.transform_filter("datum.open")
        .mark_point(shape=RIGHT, size=130, filled=True)
        .encode(x=x("high")),
        base.transform_filter("isValid(datum.value)")
        .mark_point(size=110, filled=True)
        .encode(x=x("value"), tooltip=[altair.Tooltip("arm:N"), altair.Tooltip("said:N")]),
        said.encode(x=altair.value(WIDTH - 180), y=rows(), text=altair.Text("said:N")),
        arm_names([cell.arm for cell in task.cells], arms),
    )
    return joined(
        "layer",
        layers,
        width=WIDTH - 180,
        height=ROW * len(task.cells),
        title={"text": task.task, "anchor": "start"},
    )


def datum(kind: Kind, cell: CellAnswer, end: float) -> Datum:
    """A cell's marks; `open` says that the interval has no upper end."""
    found = kind.estimate(cell)
    known: Mapping[str, object] = {"arm": cell.arm, "said": kind.said(cell)}
    if found.value is None:
        return known
    if found.low is None or found.high is None:
        return {**known, "value": found.value}
    endless = math.isinf(found.high)
    ends = {"low": min(found.low, end), "high": end if endless else found.high, "open": endless}
    return {**known, **ends, "value": found.value}


def limit(kind: Kind, task: TaskAnswer) -> float:
    """Where the scale ends: past every finite figure, with room for arrows."""
    if kind.end is not None:
        return kind.end
    found = [kind.estimate(cell) for cell in task.cells]
    figures = [each for one in found for each in (one.value, one.low, one.high) if each is not None]
    return NO_END * max((each for each in figures if math.isfinite(each)), default=0.0) or 1.0


def words(kind: Kind, answers: Answers) -> str:
    """The picture in words."""
    said = [f"{kind.title}, with 95% intervals."]
    said += [
        f"{cell.arm} on {task.task}: {kind.said(cell)}."
        for task in answers.tasks
        for cell in task.cells
    ]
    said.append(f"In all {counted(answers.trials)}.")
    return " ".join(said)
