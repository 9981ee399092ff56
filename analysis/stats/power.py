"""How many trials show a difference of a given size, from the spread measured so far."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy
from scipy import stats

from analysis.stats.comparison import ALPHA
from analysis.stats.estimates import ALL_EQUAL, NO_DATA, TOO_SMALL, unknown
from analysis.stats.resampling import stream
from analysis.stats.samples import Cell, Floats, Metric, TrialRow, cells
from runner.errors import UsageError

MOST = 1_000  # successes per cell beyond which no figure is given
POWER = 0.8
_SIMULATED = 2_000  # experiments per n
_EXACT = 20  # values per arm up to which the simulated test is exact


@dataclass(frozen=True)
class Family:
    """The same for `comparisons` at once, each held to 0.05 by their number: Holm's first step.

    `successes`, `cautious` and `trials` are as in `Plan`.
    """

    comparisons: int
    successes: int | None
    cautious: int | None
    trials: int | None = None


@dataclass(frozen=True)
class Plan:
    """Trials per cell that a difference of `detect` (0.2: one arm has 20 % less) takes.

    `successes` per cell give the power asked for if the spread is what it was so far; `cautious`
    if it is as large as these few values allow (80 % upper limit). `trials` is `successes` by
    the lowest success rate of an arm. None: more than `MOST`, or not known; `note` says which.
    `spread` is the standard deviation of the logarithm within arms, `n` the values it rests on.
    These are for one comparison; `family` is for all of a matrix, None where there is but one.
    """

    task: str
    metric: Metric
    detect: float
    successes: int | None = None
    cautious: int | None = None
    trials: int | None = None
    spread: float | None = None
    n: int = 0
    family: Family | None = None
    note: str = ""


def plans(
    rows: Iterable[TrialRow],
    metric: Metric,
    detect: float,
    power: float = POWER,
    *,
    comparisons: int = 1,
) -> tuple[Plan, ...]:
    """`plan` for every task that was tried.

    Raises:
        UsageError: `detect` or `power` is not between 0 and 1.
    """
    found = cells(rows)
    return tuple(
        plan(
            task,
            metric,
            [cell for cell in found if cell.task == task],
            detect,
            power,
            comparisons=comparisons,
        )
        for task in sorted({cell.task for cell in found})
    )


def plan(
    task: str,
    metric: Metric,
    tried: Sequence[Cell],
    detect: float,
    power: float = POWER,
    *,
    comparisons: int = 1,
) -> Plan:
    """Plan a comparison of two arms of `task` by Mann-Whitney's test at 0.05, two-sided.

    With more `comparisons` in the family, also what each of them takes beside all the others.

    The arms' spreads are pooled, and the difference is taken as a factor, so that medians and
    means differ by it alike.

    Raises:
        UsageError: `detect` or `power` is not between 0 and 1.
    """
    if not (0 < detect < 1 and 0 < power < 1):
        raise UsageError("a difference and a power to plan for lie between 0 and 1 (20% is 0.2)")
    samples = {cell.arm: cell.completed(metric) for cell in tried}
    left_out = {arm: why for arm, values in samples.items() if (why := _unusable(values))}
    residuals = [
        numpy.log(values) - numpy.log(values).mean()
        for arm, values in samples.items()
        if arm not in left_out
    ]
    noise = numpy.concatenate([*residuals, numpy.empty(0)])
    notes = [f"{arm} left out: {why}" for arm, why in left_out.items()]
    found = Plan(task, metric, detect, n=len(noise))
    if not samples or not residuals or numpy.allclose(noise, 0):
        equal = f"{ALL_EQUAL}: no spread to plan with" if residuals else NO_DATA
        return replace(found, note="; ".join([*notes, equal]))
    found = _sized(found, noise, len(noise) - len(residuals), power, comparisons)
    rate = min(cell.solved / cell.trials if cell.trials else 0 for cell in tried)
    if not rate:
        notes.append("an arm has no success so far")
    family = found.family and replace(found.family, trials=_tries(found.family.successes, rate))
    said = "; ".join(note for note in (found.note, *notes) if note)
    return replace(found, trials=_tries(found.successes, rate), family=family, note=said)


def _tries(successes: int | None, rate: float) -> int | None:
    return math.ceil(successes / rate) if successes is not None and rate else None


def _unusable(values: Floats) -> str:
    """Why an arm's values say nothing about the spread; empty if they do."""
    if note := unknown(values).note:
        return note
    if len(values) < 2:
        return TOO_SMALL
    return "" if (values > 0).all() else "0 has no spread in percent"


def _sized(found: Plan, noise: Floats, freedom: int, power: float, comparisons: int) -> Plan:
    """The plan with its numbers of successes; `noise` is what is left of the logarithms."""
    spread = math.sqrt(float((noise**2).sum()) / freedom)
    wide = spread * math.sqrt(freedom / float(stats.chi2.ppf(1 - POWER, freedom)))
    shape = noise / math.sqrt(float((noise**2).mean()))
    names = (found.task, found.metric, f"{found.detect:g}")

    def sizes(alpha: float) -> list[int | None]:
        shift = math.log1p(-found.detect)
        return [_smallest(shape * width, shift, power, alpha, names) for width in (spread, wide)]

    needed, cautious = sizes(ALPHA)
    several = comparisons > 1
    family = Family(comparisons, *sizes(ALPHA / comparisons)) if several else None
    return replace(
        found,
        successes=needed,
        cautious=cautious,
        spread=spread,
        family=family,
        note="" if needed else f"more than {MOST} successes per cell",
    )


def _smallest(
    noise: Floats, shift: float, power: float, alpha: float, names: tuple[str, ...]
) -> int | None:
    """The smallest n per arm with the power; None beyond `MOST`."""

    def enough(n: int) -> bool:
        return _power(noise, shift, n, alpha, names) >= power

    guess = _noether(float(noise.std()), shift, power, alpha)
    if guess > 2 * MOST:
        return None
    low, high = max(1, int(guess * 0.8)), max(4, min(math.ceil(guess * 1.2), MOST))
    while low > 1 and enough(low):
        low, high = low // 2, low
    while not enough(high):
        if high == MOST:
            return None
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _noether(spread: float, shift: float, power: float, alpha: float) -> float:
    """Noether's n per arm for normal values: where the search begins."""
    above = stats.norm.cdf(abs(shift) / (spread * math.sqrt(2)))
    wanted = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return float(wanted**2 / (6 * (above - 0.5) ** 2))


def _power(noise: Floats, shift: float, n: int, alpha: float, names: tuple[str, ...]) -> float:
    """Share of simulated experiments with n against n that find the shift."""
    random = stream("plan", *names)

    def drawn(size: tuple[int, ...]) -> Floats:
        # A smoothed bootstrap: values measured so far, jittered and shrunk to keep their spread.
        width = len(noise) ** -0.2
        picked = noise[random.randint(0, len(noise), size)]
        jitter = random.standard_normal(size) * width * noise.std()
        return numpy.asarray((picked + jitter) / math.sqrt(1 + width**2), dtype=numpy.float64)

    def test(a: Floats, b: Floats, axis: int) -> Floats:
        method = "exact" if n <= _EXACT else "asymptotic"
        result = stats.mannwhitneyu(a, b, axis=axis, method=method)
        return numpy.asarray(result.pvalue, dtype=numpy.float64)

    found = stats.power(
        test,
        (drawn, lambda size: drawn(size) + shift),
        (n, n),
        significance=alpha,
        vectorized=True,
        n_resamples=_SIMULATED,
        batch=max(1, 400_000 // n),
    )
    return float(found.power)
