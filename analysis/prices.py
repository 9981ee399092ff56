"""The same trials under two rate cards: what each cell costs by both, and which ranks change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median

NO_PRICE = "no price"


@dataclass(frozen=True)
class Pair:
    """An amount in USD by the card compared with (`before`) and by the other (`after`).

    None is an amount that there is not; `why` says what it wants: a result, a solved trial, one
    that met no cap, or a price.
    """

    before: float | None
    after: float | None
    why: str = field(default=NO_PRICE, compare=False)

    @property
    def ratio(self) -> float | None:
        """How many times `before` `after` is; None when that cannot be said."""
        if not self.before or self.after is None:
            return None
        return self.after / self.before


@dataclass(frozen=True)
class PricedTrial:
    """A trial with what all its calls cost.

    `result` is False when it was void: then nothing of it counts. A `censored` one met a cap: its
    money counts, and it is in no median (docs/statistics.md).
    """

    task: str
    arm: str
    success: bool
    result: bool
    usd: Pair
    censored: bool = False


@dataclass(frozen=True)
class PricedCell:
    """An arm on a task: the median of successes, and all results' money by success, in USD."""

    task: str
    arm: str
    solved: int
    results: int
    median_usd: Pair
    usd_per_solved: Pair


def price_cells(trials: Iterable[PricedTrial]) -> tuple[PricedCell, ...]:
    """The cells of some trials of one kind, by task and arm."""
    ordered = sorted(trials, key=lambda trial: (trial.task, trial.arm))
    grouped = groupby(ordered, key=lambda trial: (trial.task, trial.arm))
    return tuple(_cell(task, arm, list(group)) for (task, arm), group in grouped)


def _cell(task: str, arm: str, trials: Sequence[PricedTrial]) -> PricedCell:
    results = [trial for trial in trials if trial.result]
    solved = sum(trial.success for trial in results)
    completed = [trial for trial in results if trial.success and not trial.censored]
    return PricedCell(
        task=task,
        arm=arm,
        solved=solved,
        results=len(results),
        median_usd=Pair(
            _median([trial.usd.before for trial in completed]),
            _median([trial.usd.after for trial in completed]),
            absent(len(results), solved) or ("" if completed else "all met a cap") or NO_PRICE,
        ),
        usd_per_solved=Pair(
            _per_solved([trial.usd.before for trial in results], solved),
            _per_solved([trial.usd.after for trial in results], solved),
            absent(len(results), solved) or NO_PRICE,
        ),
    )


def absent(results: int, solved: int) -> str:
    """Why there is nothing to price; '' where there is."""
    if not results:
        return "no result"
    return "" if solved else "none solved"


def _median(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return median(known) if known and len(known) == len(amounts) else None


def _per_solved(amounts: Sequence[float | None], solved: int) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) / solved if solved and len(known) == len(amounts) else None


def rank_changes(amounts: Mapping[str, Pair]) -> tuple[str, ...]:
    """What the change of cards does to the order of arms on one task, a clause each.

    `amounts` are by arm; an arm without both amounts has no rank and is named as such.
    """
    ranked = {
        arm: (pair.before, pair.after)
        for arm, pair in sorted(amounts.items())
        if pair.before is not None and pair.after is not None
    }
    unranked: dict[str, list[str]] = {}
    for arm in sorted(set(amounts) - set(ranked)):
        unranked.setdefault(amounts[arm].why, []).append(arm)
    clauses = [*_overtakings(ranked), *_lead(ranked)]
    clauses += [f"{_listed(arms)}: no rank ({why})" for why, arms in unranked.items()]
    return tuple(clauses)


Ranked = Mapping[str, tuple[float, float]]


def _overtakings(ranked: Ranked) -> list[str]:
    """Who was not cheaper than whom, and now is."""
    clauses = []
    for arm, (before, after) in sorted(ranked.items(), key=lambda each: each[1][1]):
        passed = [
            other
            for other, (other_before, other_after) in ranked.items()
            if before >= other_before and after < other_after
        ]
        if passed:
            clauses.append(f"{arm} becomes cheaper than {_listed(passed)}")
    return clauses


def _lead(ranked: Ranked) -> list[str]:
    """Who is cheapest now, and how far ahead of the next."""
    if len(ranked) < 2:
        return []
    first_before = min(ranked, key=lambda arm: ranked[arm][0])
    first, second = sorted(ranked, key=lambda arm: ranked[arm][1])[:2]
    now = _times(ranked[first][1], ranked[second][1])
    if first != first_before:
        return [f"the cheapest is {first} and no longer {first_before} ({second} costs {now})"]
    was = _times(ranked[first][0], ranked[second][0])
    if was == now:
        return [f"{first}'s lead over {second} stays at {now}"]
    widens = ranked[second][1] * ranked[first][0] > ranked[second][0] * ranked[first][1]
    return [f"{first}'s lead over {second} {'grows' if widens else 'shrinks'} from {was} to {now}"]


def _times(less: float, more: float) -> str:
    """How many times as dear; a free arm has no such figure."""
    if less == 0:
        return "1.0x" if more == 0 else "any factor, being free"
    return f"{more / less:.1f}x"


def _listed(names: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
