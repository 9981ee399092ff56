"""USD against seconds: every trial, the median of each arm's successes, and the frontier."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair

from analysis.answers import money
from analysis.charts.drawing import charted, message
from analysis.charts.picture import Picture
from analysis.charts.theme import WIDTH, Layer, apart, arm_scale, counted, joined, marks, titled
from analysis.colours import GROUND, INK, MUTED
from analysis.stats.pareto import frontier
from analysis.stats.samples import TrialRow
from analysis.stats.summary import CellAnswer, TaskAnswer

SOLVED, FAILED, MEDIAN = "solved", "not solved", "median of the solved"
CROSS = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"
FAR = 30  # times: from there on the dearest would press all others into one corner
NEAR = 0.06  # of the scale: nearer names would cover each other
CROWD = 60  # trials: from there on they step back behind the medians
FEW, MANY = {"size": 75, "opacity": 0.8}, {"size": 30, "opacity": 0.35}
Point = Mapping[str, str | float]

HOW = (
    "Lower left is better. Line: the arms whose median no other arm's beats in both.",
    "A trial that failed or met a cap is a cross; it is in no median.",
)


def pareto_picture(
    task: TaskAnswer, rows: Sequence[TrialRow], arms: Sequence[str], *, simulated: bool
) -> Picture:
    """The picture of a task; `rows` are all trials, `arms` all arms of the report."""
    title = f"What a trial costs and how long it takes, {task.task}"
    trials = [point for row in rows if (point := trial_point(row, task.task))]
    if not trials:
        text = f"On {task.task} there is no trial whose USD and seconds are both known."
        return message(title, text, simulated=simulated)
    medians = [point for cell in task.cells if (point := median_point(cell))]
    place = axes(trials)
    layers = [
        staircase(best(medians)),
        points(trials, arms, place, {"filled": True, **(FEW if len(trials) < CROWD else MANY)}),
        points(medians, arms, place, {"filled": False, "size": 260, "strokeWidth": 3}),
        *labels(named(trials, medians), arms),
    ]
    hidden = sum(cell.trials for cell in task.cells) - len(trials)
    unseen = f"Not shown, for want of USD or seconds: {counted(hidden)}."
    heading = titled(title, (*HOW, *([unseen] if hidden else ())), simulated)
    chart = joined("layer", layers, width=WIDTH, height=340, title=heading)
    said = words(task, trials, medians) + (f" {unseen}" if hidden else "")
    return charted(title, said, chart, simulated=simulated)


def trial_point(row: TrialRow, task: str) -> Point | None:
    """A trial's place, if it is a result of this task and both its numbers are known."""
    void = row.void or row.status == "infra"
    if row.task != task or void or row.usd is None or row.wall_s is None:
        return None
    return {
        "arm": row.arm, "usd": row.usd, "wall_s": row.wall_s, "trial": row.trial_id,
        "status": row.status, "what": SOLVED if row.success else FAILED,
    }  # fmt: skip


def median_point(cell: CellAnswer) -> Point | None:
    """The place of an arm's median success; None without one."""
    usd, wall_s = (cell.metrics[name].median.value for name in ("usd", "wall_s"))
    if usd is None or wall_s is None:
        return None
    return {"arm": cell.arm, "usd": usd, "wall_s": wall_s, "what": MEDIAN}


def best(medians: Sequence[Point]) -> list[Point]:
    """Those that no other beats in both, from the cheapest to the dearest."""
    places = [(float(each["usd"]), float(each["wall_s"])) for each in medians]
    on = frontier([usd for usd, _ in places], [wall_s for _, wall_s in places])
    kept = [each for each, kept in zip(medians, on, strict=True) if kept]
    return sorted(kept, key=lambda each: (float(each["usd"]), -float(each["wall_s"])))


def axes(trials: Sequence[Point]) -> tuple[altair.X, altair.Y]:
    """USD and seconds; USD on a logarithmic scale where one line would hide the cheap."""
    amounts = [float(each["usd"]) for each in trials]
    far = min(amounts) > 0 and max(amounts) / min(amounts) > FAR
    scale = altair.Scale(type="log" if far else "linear", zero=not far, nice=True)
    title = "USD a trial" + (" (logarithmic)" if far else "")
    return (
        altair.X("usd:Q", title=title, scale=scale, axis=altair.Axis(tickCount=6)),
        altair.Y("wall_s:Q", title="seconds a trial", scale=altair.Scale(zero=True, nice=True)),
    )


def points(
    places: Sequence[Point],
    arms: Sequence[str],
    place: tuple[altair.X, altair.Y],
    style: Mapping[str, object],
) -> Layer:
    """Marks whose shape says what they are and whose colour says of whom."""
    x, y = place
    shapes = altair.Scale(domain=[SOLVED, FAILED, MEDIAN], range=["circle", CROSS, "square"])
    return (
        marks(places)
        .mark_point(**style)
        .encode(
            x=x,
            y=y,
            color=altair.Color("arm:N", scale=arm_scale(arms), legend=None),
            shape=altair.Shape(
                "what:N",
                scale=shapes,
                # Both colours: of layers with and without fill, only a stroke is drawn.
                legend=altair.Legend(
                    title=None,
                    symbolFillColor=MUTED.light,
                    symbolStrokeColor=MUTED.light,
                    symbolStrokeWidth=2,
                    symbolOpacity=1,
                    symbolSize=100,
                ),
            ),
            tooltip=[
                altair.Tooltip("arm:N"),
                altair.Tooltip("what:N"),
                altair.Tooltip("usd:Q", title="USD", format=".4f"),
                altair.Tooltip("wall_s:Q", title="seconds", format=".1f"),
                altair.Tooltip("trial:N"),
            ],
        )
    )


def staircase(places: Sequence[Point]) -> Layer:
    """The line under which no arm's median lies."""
    return (
        marks(places)
        .mark_line(interpolate="step-after", strokeDash=[5, 4], strokeWidth=1.5, color=MUTED.light)
        .encode(x=altair.X("usd:Q"), y=altair.Y("wall_s:Q"), order=altair.Order("usd:Q"))
    )


def labels(places: Sequence[Point], arms: Sequence[str]) -> tuple[Layer, Layer]:
    """Each arm's name beside its place, with a halo that keeps it readable over marks."""
    base = marks(places).encode(
        x=altair.X("usd:Q"), y=altair.Y("wall_s:Q"), text=altair.Text("arm:N")
    )
    style: Mapping[str, Any] = {
        "align": "left",
        "dx": 10,
        "dy": -10,
        "fontSize": 14,
        "fontWeight": "bold",
    }
    color = altair.Color("arm:N", scale=arm_scale(arms), legend=None)
    return (
        base.mark_text(**style, stroke=GROUND.light, strokeWidth=4, color=INK.light),
        base.mark_text(**style).encode(color=color),
    )


def named(trials: Sequence[Point], medians: Sequence[Point]) -> list[Point]:
    """Where the arms' names stand: at their medians, or at a trial of an arm that has none."""
    has = {each["arm"] for each in medians}
    others = {each["arm"]: each for each in trials if each["arm"] not in has}
    places = [*medians, *others.values()]
    at = [(float(each["usd"]), float(each["wall_s"])) for each in places]
    most = [(float(each["usd"]), float(each["wall_s"])) for each in trials]
    near = (NEAR * max(usd for usd, _ in most), NEAR * max(wall_s for _, wall_s in most))
    return [
        {**each, "wall_s": wall_s}
        for each, (_, wall_s) in zip(places, apart(at, near), strict=True)
    ]


def words(task: TaskAnswer, trials: Sequence[Point], medians: Sequence[Point]) -> str:
    """The picture in words."""
    said = [f"USD against seconds of {counted(len(trials))} on {task.task}."]
    places = {each["arm"]: each for each in medians}
    for cell in task.cells:
        what = f"Arm {cell.arm}: {cell.solved} of {cell.trials} solved"
        if cell.arm in places:
            usd, wall_s = (float(places[cell.arm][name]) for name in ("usd", "wall_s"))
            what += f", median of the solved ${money(usd)} and {wall_s:,.0f} s"
        said.append(f"{what}.")
    on = [str(each["arm"]) for each in best(medians)]
    if on:
        said.append(f"No other arm's median beats that of {', '.join(on)} in both.")
    shares = [
        f"{point.arm} in {point.share:.0%}"
        for plane in task.paretos
        if plane.axes == "usd_wall"
        for point in plane.points
        if point.share is not None
    ]
    if shares:
        said.append(
            "By USD and seconds per solved task an arm is on the frontier in this share of "
            f"resamples: {', '.join(shares)}."
        )
    return " ".join(said)
