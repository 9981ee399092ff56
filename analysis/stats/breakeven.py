"""At which price of its hour an arm with a local model costs what another arm does.

Both amounts are USD per solved task: all trials' money over the number of successes. What the
local model's hours cost is left out of `paid`, so that paid + hours x price is the whole. Two
arms cost the same at price = (paid of the other - paid) / (hours - hours of the other).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy

from analysis.stats.comparison import quotients
from analysis.stats.estimates import FEWEST, TOO_SMALL, Estimate, short
from analysis.stats.resampling import interval, stream, sum_draws
from analysis.stats.samples import Floats

_HOUR_S = 3600

# The arm is the cheaper one `below` the price, `always` or `never` (whatever the price), or they
# cost the `same`; `at least` is a price that the break-even is not below, by the longest that its
# hours can have been; `unknown` is what cannot be told. All are of the trials that there were: how
# sure they are is said by `less`.
Outcome = Literal["below", "always", "never", "same", "at least", "unknown"]
# Where hours come from: measured at the GPU, in part so, or the seconds of the model's calls.
Hours = Literal["measured", "in part", "calls", "unknown"]


@dataclass(frozen=True)
class Outlay:
    """One trial that is a result.

    `paid_usd` is its cost without the local model's hours, `local_s` the seconds of that model
    that a price by the hour is for; of its `calls`, `gpu_calls` were measured at the GPU. None
    is not known. `seated` says whether the arm has a local model.
    """

    arm: str
    task: str
    success: bool
    paid_usd: float | None
    local_s: float | None
    wall_s: float | None
    calls: int = 0
    gpu_calls: int = 0
    seated: bool = False


@dataclass(frozen=True, eq=False)
class Side:
    """The trials of one arm on one task, ordered by their values. NaN is not known."""

    arm: str
    task: str
    success: Floats
    paid: Floats
    seconds: Floats
    wall: Floats
    calls: int
    gpu_calls: int
    seated: bool

    @property
    def trials(self) -> int:
        """How many there are."""
        return len(self.success)

    @property
    def solved(self) -> int:
        """How many of them were successes."""
        return int(self.success.sum())

    @property
    def hours_from(self) -> Hours:
        """Where its hours come from."""
        if not self.calls or numpy.isnan(self.seconds).any():
            return "unknown"
        if not self.gpu_calls:
            return "calls"
        return "measured" if self.gpu_calls >= self.calls else "in part"

    def per_solved(self, what: Literal["paid", "seconds", "wall"]) -> float | None:
        """The sum over all trials by success; None where that is not known or nothing solved."""
        values = getattr(self, what)
        if not self.solved or numpy.isnan(values).any():
            return None
        return math.fsum(values) / self.solved

    @property
    def hours(self) -> float | None:
        """Hours of the local model per solved task."""
        seconds = self.per_solved("seconds")
        return None if seconds is None else seconds / _HOUR_S


@dataclass(frozen=True)
class BreakEven:
    """An arm with a local model beside another arm on a task.

    `price` is in USD per hour of the local model; below 0 where the arm is dearer at no price
    at all. Its value is None where there is none, and its note says why. `less` is how much less
    USD the arm pays per solved task beside its local model; an interval around 0 tells nothing.
    """

    side: Side
    other: Side
    outcome: Outcome
    price: Estimate
    less: Estimate

    @property
    def told(self) -> bool:
        """Whether the interval of `less` leaves out 0; False without one."""
        low, high = self.less.low, self.less.high
        return low is not None and high is not None and (low > 0 or high < 0)


def break_evens(outlays: Iterable[Outlay]) -> tuple[BreakEven, ...]:
    """Each arm with a local model against each other arm of its task; the order is no matter.

    Of two arms with a local model the pair comes once, the one with more hours first.
    """
    groups: defaultdict[tuple[str, str], list[Outlay]] = defaultdict(list)
    for outlay in outlays:
        groups[outlay.task, outlay.arm].append(outlay)
    sides = [_side(groups[key]) for key in sorted(groups)]
    return tuple(
        _pair(side, other)
        for side in sides
        for other in sides
        if side.seated and side.task == other.task and side is not other and _first(side, other)
    )


def _first(side: Side, other: Side) -> bool:
    if not other.seated:
        return True
    return (-(side.hours or 0), side.arm) < (-(other.hours or 0), other.arm)


def _side(rows: Sequence[Outlay]) -> Side:
    def numbers(name: str) -> list[float]:
        return [math.nan if (v := getattr(row, name)) is None else float(v) for row in rows]

    table = numpy.array([numbers(n) for n in ("success", "paid_usd", "local_s", "wall_s")])
    success, paid, seconds, wall = table[:, numpy.lexsort(table[::-1])]
    return Side(
        rows[0].arm,
        rows[0].task,
        success,
        paid,
        seconds,
        wall,
        sum(row.calls for row in rows),
        sum(row.gpu_calls for row in rows),
        any(row.seated for row in rows),
    )


def _pair(side: Side, other: Side) -> BreakEven:
    n = min(side.trials, other.trials)
    for each in (side, other):
        if why := _cannot(each):
            nothing = Estimate(None, n=n, note=why)
            return BreakEven(side, other, "unknown", nothing, nothing)
    less = _less(side, other, n)
    return BreakEven(side, other, *_priced(side, other, less.value or 0.0, n), less)


def _priced(side: Side, other: Side, less: float, n: int) -> tuple[Outcome, Estimate]:
    if side.hours is None or other.hours is None:
        return _without_hours(side, other, less, n)
    more = side.hours - other.hours
    if not more:
        outcome: Outcome = "always" if less > 0 else "never" if less < 0 else "same"
        return outcome, Estimate(None, n=n, note="no hours to price")
    price = _bounded(Estimate(less / more, n=n), side, other)
    return "below" if less > 0 else "never", price


def _cannot(side: Side) -> str:
    """Why an arm has no USD per solved task; '' if it has."""
    if not side.solved:
        return f"{side.arm}: no success in {side.trials}"
    missing = int(numpy.isnan(side.paid).sum())
    return f"{side.arm}: USD not known for {missing} of {side.trials}" if missing else ""


def _without_hours(side: Side, other: Side, less: float, n: int) -> tuple[Outcome, Estimate]:
    """What can be told all the same: no hours cost less than none, and no more than all the time.

    A trial's calls come one after the other, so its model served no longer than it lasted.
    """
    arms = [each.arm for each in (side, other) if each.hours is None]
    why = f"{' and '.join(arms)}: seconds of the local model's calls are not on record"
    if other.seated:
        return "unknown", Estimate(None, n=n, note=why)
    if less <= 0:
        return "never", Estimate(None, n=n, note=why)
    wall = side.per_solved("wall")
    if not wall:
        return "unknown", Estimate(None, n=n, note=why)
    note = f"{why}; the whole trial is taken as the GPU's"
    return "at least", Estimate(less / wall * _HOUR_S, n=n, note=note)


def _bounded(found: Estimate, side: Side, other: Side) -> Estimate:
    """`found` with the interval that resampled trials give; the arms are resampled apart."""
    (solved, paid, seconds), (o_solved, o_paid, o_seconds) = (_draws(e) for e in (side, other))
    less = _each(o_paid, o_solved) - _each(paid, solved)
    more = (_each(seconds, solved) - _each(o_seconds, o_solved)) / _HOUR_S
    # Where the other arm takes the more hours, the price means the opposite: undetermined.
    drawn = numpy.where(more > 0, quotients(less, more), math.nan)
    return _ends(found, side, other, _decided(drawn, solved, o_solved))


def _less(side: Side, other: Side, n: int) -> Estimate:
    """How much less the arm pays per solved task beside its local model, in USD."""
    saved = (other.per_solved("paid") or 0.0) - (side.per_solved("paid") or 0.0)
    (solved, paid, _), (o_solved, o_paid, _) = (_draws(e) for e in (side, other))
    drawn = _each(o_paid, o_solved) - _each(paid, solved)
    return _ends(Estimate(saved, n=n), side, other, _decided(drawn, solved, o_solved))


def _decided(drawn: Floats, solved: Floats, o_solved: Floats) -> Floats:
    """Without a success nothing is cheaper than the arm that has one."""
    drawn = numpy.where((solved == 0) & (o_solved > 0), -math.inf, drawn)
    return numpy.where((solved > 0) & (o_solved == 0), math.inf, drawn)


def _ends(found: Estimate, side: Side, other: Side, drawn: Floats) -> Estimate:
    """`found` with the interval of these draws; NaN is undetermined and counts against both."""
    if found.n < FEWEST:
        return found.noted(f"{TOO_SMALL} ({side.trials} and {other.trials})")
    low = interval(numpy.where(numpy.isnan(drawn), -math.inf, drawn))[0]
    high = interval(numpy.where(numpy.isnan(drawn), math.inf, drawn))[1]
    if low == high:
        return found.noted("all values are equal: resampling can't show a spread")
    return Estimate(found.value, low, high, found.n, found.note).noted(short(found.n))


def _draws(side: Side) -> tuple[Floats, Floats, Floats]:
    random = stream("break-even", side.task, side.arm)
    columns = numpy.nan_to_num(numpy.vstack([side.paid, side.seconds]))
    solved, paid, seconds = sum_draws(side.success > 0, columns, random).T
    return solved, paid, seconds if side.hours is not None else numpy.full_like(seconds, math.nan)


def _each(spent: Floats, solved: Floats) -> Floats:
    return numpy.where(solved > 0, quotients(spent, numpy.maximum(solved, 1)), math.nan)
