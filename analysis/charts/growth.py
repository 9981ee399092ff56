"""How the lead's context grows: tokens read per turn, by arm."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import altair
import numpy

from analysis.calls import GrowthRow
from analysis.charts.drawing import charted, message
from analysis.charts.picture import Picture
from analysis.charts.theme import (
    THOUSANDS,
    WIDTH,
    Datum,
    Layer,
    apart,
    arm_scale,
    counted,
    dash_scale,
    joined,
    marks,
    titled,
)
from analysis.stats.estimates import FEWEST

NEAR = 0.06  # of the scale: nearer names would cover each other
HOW = (
    "Median of the trials that got so far; band: their middle half, from three trials on.",
    "The further right, the fewer and the longer trials are left.",
)


def growth_picture(
    task: str, growth: Iterable[GrowthRow], arms: Sequence[str], *, simulated: bool
) -> Picture:
    """The picture of a task; says so where no trial of it is on record call by call."""
    title = f"What the lead reads each turn, {task}"
    steps = turns(call for call in growth if call.task == task)
    if not steps:
        text = (
            f"No trial on {task} is on record call by call, so that nothing is known about how "
            "its context grew."
        )
        return message(title, text, simulated=simulated)
    ends = last(steps)
    color = altair.Color("arm:N", scale=arm_scale(arms), legend=None)
    layers = [band(steps, color), lines(steps, arms, color), names(ends, color)]
    heading = titled(title, HOW, simulated)
    chart = joined("layer", layers, width=WIDTH, height=320, title=heading)
    return charted(title, words(task, steps, ends), chart, simulated=simulated)


def turns(calls: Iterable[GrowthRow]) -> list[Datum]:
    """One datum per arm and turn: the median context in tokens, its quartiles, and of how many.

    Without quartiles where there are fewer than three trials.
    """
    found: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for call in calls:
        found[call.arm, call.iteration].append(call.usage.context_tokens)
    return [step(arm, turn, found[arm, turn]) for arm, turn in sorted(found)]


def step(arm: str, turn: int, contexts: Sequence[int]) -> Datum:
    """One turn of an arm."""
    low, middle, high = (float(q) for q in numpy.percentile(contexts, (25, 50, 75)))
    known = {"arm": arm, "turn": turn, "trials": len(contexts), "tokens": middle}
    return known if len(contexts) < FEWEST else {**known, "low": low, "high": high}


def last(steps: Sequence[Datum]) -> list[Datum]:
    """Each arm's last turn."""
    return list({str(each["arm"]): each for each in steps}.values())


def band(steps: Sequence[Datum], color: altair.Color) -> Layer:
    """The middle half of the trials."""
    return (
        marks(each for each in steps if "low" in each)
        .mark_area(opacity=0.22)
        .encode(x=altair.X("turn:Q"), y=altair.Y("low:Q"), y2=altair.Y2("high:Q"), color=color)
    )


def lines(steps: Sequence[Datum], arms: Sequence[str], color: altair.Color) -> Layer:
    """The medians, each arm with its own kind of line."""
    most = max(int(str(each["turn"])) for each in steps)
    return (
        marks(steps)
        .mark_line(strokeWidth=2.5, point={"size": 28, "filled": True})
        .encode(
            x=altair.X(
                "turn:Q",
                title="turn of the lead",
                scale=altair.Scale(domain=[0, most], nice=True),
                axis=altair.Axis(tickMinStep=1),
            ),
            y=altair.Y(
                "tokens:Q", title="tokens read in the turn", axis=altair.Axis(labelExpr=THOUSANDS)
            ),
            color=color,
            strokeDash=altair.StrokeDash("arm:N", scale=dash_scale(arms), legend=None),
            tooltip=[
                altair.Tooltip("arm:N"),
                altair.Tooltip("turn:Q"),
                altair.Tooltip("tokens:Q", format=",.0f"),
                altair.Tooltip("trials:Q"),
            ],
        )
    )


def names(ends: Sequence[Datum], color: altair.Color) -> Layer:
    """Each arm's name where its line ends."""
    places = [(float(str(end["turn"])), float(str(end["tokens"]))) for end in ends]
    near = (NEAR * max(x for x, _ in places), NEAR * max(y for _, y in places))
    moved = [{**end, "tokens": y} for end, (_, y) in zip(ends, apart(places, near), strict=True)]
    return (
        marks(moved)
        .mark_text(align="left", dx=8, fontSize=14, fontWeight="bold")
        .encode(
            x=altair.X("turn:Q"), y=altair.Y("tokens:Q"), text=altair.Text("arm:N"), color=color
        )
    )


def words(task: str, steps: Sequence[Datum], ends: Sequence[Datum]) -> str:
    """The picture in words."""
    first = {str(each["arm"]): each for each in reversed(steps)}
    said = [f"Tokens that the lead read in each turn on {task}."]
    for end in ends:
        arm, begun = str(end["arm"]), first[str(end["arm"])]
        trials = counted(int(str(begun["trials"])))
        said.append(
            f"Arm {arm} ({trials}): from {begun['tokens']:,.0f} in turn {begun['turn']} to "
            f"{end['tokens']:,.0f} in turn {end['turn']}, the last of the longest trial."
        )
    return " ".join(said)
