"""How every picture is set: type, lines and ground, in the light colours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import altair

from analysis.charts.picture import Spec
from analysis.colours import ALERT, GRID, GROUND, INK, MUTED, arm_colours

Layer = Any  # Altair's own methods are not typed through
Datum = Mapping[str, object]  # one mark's data

FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
WIDTH = 560  # of the plot, in pixels
ROW = 30  # height of a bar's or an interval's row, in pixels
SIMULATED = "SIMULATED"
OWN = ("$schema", "config")  # what a whole specification has and a part of one has not
DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3))  # so that lines differ without their colours

_AXIS = {
    "labelColor": INK.light,
    "titleColor": INK.light,
    "gridColor": GRID.light,
    "domainColor": MUTED.light,
    "tickColor": MUTED.light,
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "labelLimit": 200,
}
CONFIG: Mapping[str, object] = {
    "background": GROUND.light,
    "font": FONT,
    "padding": 12,
    "view": {"stroke": None},
    "axis": _AXIS,
    "header": {
        "labelColor": INK.light,
        "labelFontSize": 13,
        "labelFontWeight": "bold",
        "labelAnchor": "start",
        "title": None,
    },
    "legend": {
        "labelColor": INK.light,
        "titleColor": INK.light,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "orient": "top",
        "symbolStrokeWidth": 1.5,
    },
    "text": {"color": INK.light, "fontSize": 12},
    "title": {"color": INK.light, "fontSize": 13},
    "point": {"opacity": 1},
}
THOUSANDS = "datum.value == 0 ? '0' : format(datum.value, '~s')"  # 0, 200k, 1.2M


def marks(data: Iterable[Datum]) -> Layer:
    """A chart of these data, to be given its marks."""
    return altair.Chart(altair.InlineData(values=list(data)))


def joined(
    how: Literal["layer", "vconcat"], parts: Iterable[Layer | Spec], **more: object
) -> dict[str, object]:
    """The parts' specification as one, `how` they stand together; `more` is what it has besides.

    Altair's own way copies every part several times over, which takes longer than drawing.
    """
    datasets: dict[str, object] = {}
    specs = []
    for part in parts:
        spec = dict(part if isinstance(part, Mapping) else part.to_dict(validate=False))
        datasets |= spec.pop("datasets", {})
        specs.append({name: each for name, each in spec.items() if name not in OWN})
    return {how: specs, "datasets": datasets, **more}


def titled(title: str, how: Iterable[str], simulated: bool) -> Spec:
    """A title, and under it how to read the picture; simulated data can't be missed."""
    return {
        "text": f"{SIMULATED} · {title}" if simulated else title,
        "subtitle": list(how),
        "anchor": "start",
        "color": ALERT.light if simulated else INK.light,
        "subtitleColor": MUTED.light,
        "fontSize": 15,
        "subtitleFontSize": 12,
        "offset": 14,
    }


def counted(number: int, noun: str = "trial") -> str:
    """`1 trial`, `4 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def apart(
    places: Sequence[tuple[float, float]], near: tuple[float, float]
) -> list[tuple[float, float]]:
    """The places with those that would cover each other moved up, so that names can be read.

    Two cover each other if both their distances are below `near`.
    """
    put: dict[int, tuple[float, float]] = {}
    for n in sorted(range(len(places)), key=lambda n: (places[n][1], n)):
        x, y = places[n]
        for other_x, other_y in sorted(put.values(), key=lambda place: place[1]):
            if abs(other_x - x) < near[0] and abs(other_y - y) < near[1]:
                y = other_y + near[1]
        put[n] = (x, y)
    return [put[n] for n in range(len(places))]


def rows() -> altair.Y:
    """A row per arm; `arm_names` says whose."""
    return altair.Y("arm:N", title=None, axis=None)


def arm_names(arms: Sequence[str], all_arms: Iterable[str]) -> Layer:
    """The arms' names, each in its colour, in the place of labels at the left of rows."""
    return (
        marks({"arm": arm} for arm in arms)
        .mark_text(align="right", dx=-8, fontSize=13, fontWeight="bold", limit=140)
        .encode(
            x=altair.value(0),
            y=rows(),
            text=altair.Text("arm:N"),
            color=altair.Color("arm:N", scale=arm_scale(all_arms), legend=None),
        )
    )


def arm_scale(arms: Iterable[str]) -> altair.Scale:
    """The scale that gives each arm its colour."""
    colours = arm_colours(arms)
    return altair.Scale(domain=list(colours), range=[each.light for each in colours.values()])


def dash_scale(arms: Iterable[str]) -> altair.Scale:
    """The scale that gives each arm its kind of line."""
    names = list(arm_colours(arms))
    return altair.Scale(
        domain=names, range=[list(DASHES[n % len(DASHES)]) for n in range(len(names))]
    )
