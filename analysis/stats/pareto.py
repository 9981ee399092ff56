"""Which arms are worth considering: no other arm is better in one thing and no worse in another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy

from analysis.stats.estimates import FEWEST, TOO_SMALL, finite
from analysis.stats.samples import Cell, Flags, Floats, Metric
from analysis.stats.spending import Draws

Axes = Literal["usd_success", "usd_wall"]
AXES: tuple[Axes, ...] = ("usd_success", "usd_wall")


@dataclass(frozen=True)
class ParetoPoint:
    """One arm in a plane. Cheaper is always better.

    `usd_success`: USD per trial against the success rate (more is better). `usd_wall`: USD
    against wall seconds, both per solved task. `share` is the share of resamples in which the
    arm is on the frontier; None where n is too small. An arm without a success is never on it.
    """

    arm: str
    usd: float | None
    other: float | None
    on_frontier: bool
    share: float | None
    note: str = ""


@dataclass(frozen=True)
class Pareto:
    """All arms of a task in one plane."""

    task: str
    axes: Axes
    points: tuple[ParetoPoint, ...]


def frontier(xs: Sequence[float], ys: Sequence[float]) -> tuple[bool, ...]:
    """For each point whether no other is as low in both and lower in one."""
    table = numpy.array([xs, ys], dtype=numpy.float64).reshape(2, 1, -1)
    return tuple(bool(on) for on in _undominated(*table)[0])


def pareto(task: str, axes: Axes, arms: Sequence[Draws]) -> Pareto:
    """The frontier as measured and how often resampled trials put each arm on it."""
    usable = [draws for draws in arms if _known(draws.cell, axes)]
    places = [_measured(draws.cell, axes) for draws in usable]
    measured = frontier([x for x, _ in places], [y for _, y in places])
    shares = _shares(usable, axes)
    where = dict(zip((d.cell.arm for d in usable), zip(measured, shares, strict=True), strict=True))
    return Pareto(task, axes, tuple(_point(draws.cell, axes, where) for draws in arms))


def _point(cell: Cell, axes: Axes, where: dict[str, tuple[bool, float | None]]) -> ParetoPoint:
    if cell.arm not in where:
        note = "no success" if cell.trials and not cell.solved else "not known"
        return ParetoPoint(cell.arm, None, None, False, None, note if cell.trials else "no data")
    usd, other = _measured(cell, axes)
    on, share = where[cell.arm]
    note = "" if share is not None else f"{TOO_SMALL} in an arm"
    shown = -other if axes == "usd_success" else other
    return ParetoPoint(cell.arm, finite(usd), finite(shown), on, share, note)


def _known(cell: Cell, axes: Axes) -> bool:
    needed: tuple[Metric, ...] = ("usd",) if axes == "usd_success" else ("usd", "wall_s")
    return cell.solved > 0 and not any(numpy.isnan(cell.values[name]).any() for name in needed)


def _measured(cell: Cell, axes: Axes) -> tuple[float, float]:
    usd = float(cell.values["usd"].sum())
    if axes == "usd_success":
        return usd / cell.trials, -cell.solved / cell.trials
    return usd / cell.solved, float(cell.values["wall_s"].sum()) / cell.solved


def _shares(arms: Sequence[Draws], axes: Axes) -> list[float | None]:
    if not arms or min(draws.cell.trials for draws in arms) < FEWEST:
        return [None] * len(arms)
    planes = [_drawn(draws, axes) for draws in arms]
    xs, ys = (numpy.stack(column, axis=1) for column in zip(*planes, strict=True))
    solved = numpy.stack([draws.solved for draws in arms], axis=1) > 0
    return [float(share) for share in (_undominated(xs, ys) & solved).mean(axis=0)]


def _drawn(draws: Draws, axes: Axes) -> tuple[Floats, Floats]:
    if axes == "usd_success":
        return draws.usd / draws.cell.trials, -draws.solved / draws.cell.trials
    return draws.per_solved("usd"), draws.per_solved("wall_s")


def _undominated(xs: Floats, ys: Floats) -> Flags:
    """Row by row (a resample), place by place (an arm)."""
    free = numpy.ones(xs.shape, dtype=bool)
    for other in range(xs.shape[1]):
        x, y = xs[:, other, None], ys[:, other, None]
        free &= ~((x <= xs) & (y <= ys) & ((x < xs) | (y < ys)))
    return free
