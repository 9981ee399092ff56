"""Two arms on one task: could the difference be chance, and how large is it?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy
from scipy import special, stats

from analysis.stats.estimates import FEWEST, TOO_SMALL, Estimate, bounded, short, unknown
from analysis.stats.resampling import median_draws, stream
from analysis.stats.samples import Floats, Metric

ALPHA = 0.05
Magnitude = Literal["negligible", "small", "medium", "large"]
Method = Literal["exact", "permutation", "sampled permutation", "normal", "none"]
_LABELS: tuple[tuple[float, Magnitude], ...] = (
    (0.147, "negligible"),
    (0.33, "small"),
    (0.474, "medium"),
)
_EXACT = 50  # values per arm up to which the exact distribution of U is used
_ORDERS = 20_000  # permutations: all of them if there are no more, else so many are drawn


@dataclass(frozen=True)
class Comparison:
    """Mann-Whitney's test and Cliff's delta of `left` against `right`, over successes only.

    `delta` is above 0 where `left` has the larger values. `p` is the one to believe, reckoned by
    `method`; `p_holm` is `p` corrected for its family; `p_paper` is the published experiment's
    normal approximation. `smallest_p` is what `p` would be if the arms did not overlap at all,
    `smallest_p_holm` what `p_holm` would be if no two arms of the family did. Everything is None
    where n is too small or a value is not `known`; `note` says which.
    """

    task: str
    metric: Metric
    left: str
    right: str
    n_left: int
    n_right: int
    delta: float | None = None
    magnitude: Magnitude | None = None
    p: float | None = None
    method: Method = "none"
    p_holm: float | None = None
    p_paper: float | None = None
    smallest_p: float | None = None
    smallest_p_holm: float | None = None
    known: bool = True
    note: str = ""

    @property
    def settled(self) -> bool:
        """Whether the arms are told apart, all comparisons of the family considered."""
        return self.p_holm is not None and self.p_holm <= ALPHA

    @property
    def hopeless(self) -> bool:
        """Whether so few values could not tell any two arms apart, whatever they were.

        False where a value is not known: then it is that which keeps them from being tested.
        """
        floor = self.smallest_p if self.smallest_p_holm is None else self.smallest_p_holm
        return self.known and (floor is None or floor > ALPHA)


def compare(
    task: str, metric: Metric, left: tuple[str, Floats], right: tuple[str, Floats]
) -> Comparison:
    """Compare two arms, each given as its name and its values."""
    (left_name, a), (right_name, b) = left, right
    found = Comparison(task, metric, left_name, right_name, len(a), len(b))
    missing = [
        f"{name}: {note}" for name, values in (left, right) if (note := unknown(values).note)
    ]
    if missing:
        known = not any(numpy.isnan(values).any() for values in (a, b))
        return replace(found, known=known, note="; ".join(missing))
    if min(len(a), len(b)) < FEWEST:
        return replace(found, note=f"{TOO_SMALL} ({len(a)} against {len(b)})")
    p, method = p_value(a, b)
    delta = cliffs_delta(a, b)
    smallest = smallest_p(len(a), len(b))
    return replace(
        found,
        delta=delta,
        magnitude=magnitude(delta),
        p=p,
        method=method,
        p_paper=paper_p(a, b),
        smallest_p=smallest,
        note=f"{TOO_SMALL}: p can't be below {smallest:.3f}" if smallest > ALPHA else "",
    )


def u_statistic(a: Floats, b: Floats) -> float:
    """Mann-Whitney's U of `a`: pairs in which `a` is larger, ties as halves."""
    ranks = stats.rankdata(numpy.concatenate([a, b]))
    return float(ranks[: len(a)].sum() - len(a) * (len(a) + 1) / 2)


def cliffs_delta(a: Floats, b: Floats) -> float:
    """Share of pairs in which `a` is larger minus the share in which it is smaller."""
    return 2 * u_statistic(a, b) / (len(a) * len(b)) - 1


def magnitude(delta: float) -> Magnitude:
    """Romano's label for a Cliff's delta."""
    return next((label for limit, label in _LABELS if abs(delta) < limit), "large")


def paper_p(a: Floats, b: Floats) -> float:
    """Two-sided p as the paper has it: normal, no correction for ties or continuity."""
    pairs = len(a) * len(b)
    spread = math.sqrt(pairs * (len(a) + len(b) + 1) / 12)
    return float(2 * stats.norm.sf(abs(u_statistic(a, b) - pairs / 2) / spread))


def p_value(a: Floats, b: Floats) -> tuple[float, Method]:
    """Two-sided p of Mann-Whitney's test and how it was reckoned.

    Exact without ties and by permutation of the ranks with them, as far as that is feasible;
    beyond 50 values in an arm by the normal approximation with both corrections.
    """
    both = numpy.concatenate([a, b])
    kinds = len(numpy.unique(both))
    if kinds == 1:
        return 1.0, "permutation"
    if max(len(a), len(b)) > _EXACT:
        return float(stats.mannwhitneyu(a, b, method="asymptotic").pvalue), "normal"
    if kinds == len(both):
        return float(stats.mannwhitneyu(a, b, method="exact").pvalue), "exact"
    ranks = stats.rankdata(both)
    result = stats.permutation_test(
        (ranks[: len(a)], ranks[len(a) :]),
        _distance,
        alternative="greater",
        n_resamples=_ORDERS,
        batch=5_000,
        vectorized=True,
        rng=numpy.random.default_rng(1),
    )
    every = special.comb(len(both), len(a)) <= _ORDERS
    return float(result.pvalue), "permutation" if every else "sampled permutation"


def smallest_p(n_left: int, n_right: int) -> float:
    """The two-sided exact p of two samples that do not overlap and have no ties."""
    return float(min(1.0, 2 / special.comb(n_left + n_right, n_left)))


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down correction of a family of p-values, in the order given."""
    if not ps:
        return ()
    values = numpy.asarray(ps, dtype=numpy.float64)
    order = numpy.argsort(values, kind="stable")
    steps = values[order] * numpy.arange(len(values), 0, -1)
    corrected = numpy.empty_like(values)
    corrected[order] = numpy.minimum(numpy.maximum.accumulate(steps), 1)
    return tuple(float(p) for p in corrected)


def with_holm(family: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """The same comparisons with what Holm makes of them; those without a p are no part of it.

    No `p_holm` can be below what Holm makes of the smallest p of all: it grows with each of them.
    """
    corrected = iter(holm([c.p for c in family if c.p is not None]))
    floors = iter(holm([c.smallest_p for c in family if c.smallest_p is not None]))
    return tuple(c if c.p is None else _corrected(c, next(corrected), next(floors)) for c in family)


def _corrected(found: Comparison, p_holm: float, floor: float) -> Comparison:
    note = found.note
    if floor > ALPHA and not note:
        note = f"{TOO_SMALL}: p after Holm can't be below {floor:.3f}"
    return replace(found, p_holm=p_holm, smallest_p_holm=floor, note=note)


def ratio_of_medians(over: tuple[str, Floats], under: tuple[str, Floats]) -> Estimate:
    """Median of one arm over the median of another, each given as its name and its values."""
    (over_name, a), (under_name, b) = over, under
    n = min(len(a), len(b))
    missing = [
        f"{name}: {note}" for name, values in (over, under) if (note := unknown(values).note)
    ]
    if missing:
        return Estimate(None, n=n, note="; ".join(missing))
    bottom = float(numpy.median(b))
    if not bottom:
        return Estimate(None, n=n, note=f"{under_name}'s median is 0")
    found = Estimate(float(numpy.median(a)) / bottom, n=n)
    if n < FEWEST:
        return found.noted(f"{TOO_SMALL} ({len(a)} and {len(b)})")
    tops = median_draws(numpy.sort(a), stream("median", "over", over_name))
    bottoms = median_draws(numpy.sort(b), stream("median", "under", under_name))
    return bounded(found, quotients(tops, bottoms)).noted(short(n))


def quotients(tops: Floats, bottoms: Floats) -> Floats:
    """Draw by draw; NaN where both are infinite or both zero."""
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return numpy.asarray(tops / bottoms, dtype=numpy.float64)


def _distance(a: Floats, b: Floats, axis: int) -> Floats:
    return numpy.asarray(abs(a.mean(axis=axis) - b.mean(axis=axis)), dtype=numpy.float64)
