"""The answers in sentences: which arm, at what price, how sure, and what can't be told."""

import math
from collections.abc import Iterable, Sequence

from analysis.cheapest import Cheapest, alike, cheapest, unpriced_arms, untold
from analysis.stats.comparison import ALPHA, Comparison
from analysis.stats.estimates import FEWEST, HONEST, Estimate
from analysis.stats.power import Family, Plan
from analysis.stats.summary import Answers, CellAnswer, Rank, Ratio, TaskAnswer

NOTHING = "nothing to compare it with"
KNOWN = " of the arms whose cost is known"


def money(usd: float) -> str:
    """USD as people read them: cents, and two digits where a cent would hide the figure."""
    if math.isinf(usd):
        return "no limit"
    digits = 2 if usd >= 0.1 or usd == 0 else 1 - math.floor(math.log10(usd))
    return f"{usd:.{digits}f}"


def interval(estimate: Estimate, digits: str = "") -> str:
    """`[low, high]` behind a space, or nothing where there is no interval.

    `digits` is a format for the ends; without it they are money.
    """
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = (
        format(end, digits) if digits and math.isfinite(end) else money(end)
        for end in (estimate.low, estimate.high)
    )
    return f" [{low}, {high}]"


def headline(task: TaskAnswer) -> str:
    """The decisive sentence of a task."""
    solved = sum(cell.solved for cell in task.cells)
    if not sum(cell.trials for cell in task.cells):
        return f"On {task.task} there is no result yet."
    if not solved:
        return f"On {task.task} no arm solved the task: {_attempts(task)}."
    found = cheapest(task)
    if found is None:
        note = task.cell(unpriced_arms(task)[0]).usd_per_solved.note
        return f"On {task.task} the cost per solved task is not known ({note}); {_attempts(task)}."
    cell = task.cell(found.arm)
    price = f"${money(cell.usd_per_solved.value or 0.0)}{interval(cell.usd_per_solved)}"
    if found.alone:
        rest = "" if len(task.cells) == 1 else f"; no other arm {found.alone}: {NOTHING}"
        said = f"On {task.task}, {found.arm} costs {price} per solved task; {_failures(cell)}"
        return f"{said}{rest}."
    sofar = " so far" if found.sofar else ""
    return (
        f"On {task.task}, {found.arm} is cheapest per solved task{sofar}{_known(task)}: {price}; "
        f"{_failures(cell)}{_doubts(found)}."
    )


def _known(task: TaskAnswer) -> str:
    return KNOWN if unpriced_arms(task) else ""


def _doubts(found: Cheapest) -> str:
    rivals = f"; n too small to tell it from {listed(found.untold)}" if found.untold else ""
    cost = f"; cost of {listed(found.unpriced, 'and')} not known" if found.unpriced else ""
    return rivals + cost


def sentences(task: TaskAnswer) -> tuple[str, ...]:
    """The headline and what has to be said with it, the weightiest first."""
    said = [
        headline(task),
        *_next(task),
        *_pairs(task),
        *_narrow(task),
        *_tests(task),
        *_left_out(task),
    ]
    if len(task.cells) == 1:
        said.append(f"Only {task.cells[0].arm} was run on {task.task}: {NOTHING}.")
    return tuple(said)


def overview(answers: Answers) -> tuple[str, ...]:
    """One headline per task, and before them what holds for all."""
    if not answers.tasks:
        return ("There are no trials yet.",)
    said = []
    if "scripted" in answers.kinds:
        real = len(answers.kinds) > 1
        what = "Simulated and other trials are mixed" if real else "All trials are simulated"
        said.append(f"{what}: scripted models show nothing about real ones.")
    spent = "not known" if answers.total_usd is None else f"${answers.total_usd:.2f}"
    said.append(f"{_count(answers.trials, 'trial')}, {spent} in all.")
    return (*said, *(headline(task) for task in answers.tasks))


def planned(plan: Plan) -> str:
    """The planner's answer."""
    goal = f"To see a difference of {plan.detect:.0%} in {plan.metric} on {plan.task}"
    if plan.successes is None:
        return f"{goal}: no number can be given ({plan.note})."
    several = "for one comparison " if plan.family else ""
    said = f"{goal}: {several}{_sizes(plan, ' successes per cell', ' at the success rate so far')}"
    if plan.family:
        said += f"; for all {plan.family.comparisons} of this matrix {_sizes(plan.family)}"
    basis = f"; from a spread of {plan.spread:.0%} over {plan.n} values so far"
    return f"{said}{basis}{f' ({plan.note})' if plan.note else ''}."


def _sizes(found: Plan | Family, what: str = "", at: str = "") -> str:
    """`12, cautiously 30, some 16 trials`."""
    if found.successes is None:
        return "more than can be planned"
    cautious = "more than can be planned" if found.cautious is None else str(found.cautious)
    trials = "" if found.trials is None else f", some {found.trials} trials{at}"
    return f"{found.successes}{what}, cautiously {cautious}{trials}"


def _next(task: TaskAnswer) -> list[str]:
    """How far the runner-up is behind, and how often resampling agrees with the order."""
    priced = [rank for rank in task.ranking if rank.usd_per_solved.value is not None]
    if len(priced) < 2:
        return []
    best, second = priced[:2]
    found = _ratio(task, second.arm, best.arm)
    value = second.usd_per_solved.value or 0.0
    said = f"Next is {second.arm} at ${money(value)}{interval(second.usd_per_solved)}"
    if found is not None and found.ratio.value is not None:
        said += f", {found.ratio.value:.1f} times as much{interval(found.ratio, '.1f')}"
    return [f"{said}; {_failures(task.cell(second.arm))}.", *_share(best, _known(task))]


def _share(best: Rank, known: str) -> list[str]:
    if best.cheapest is None:
        return []
    if best.cheapest == 1:
        return [f"{best.arm} stays the cheapest{known} in every resample."]
    share = math.floor(best.cheapest * 1000) / 10
    return [f"{best.arm} stays the cheapest{known} in {share:g}% of resamples."]


def _pairs(task: TaskAnswer) -> list[str]:
    """Pairs whose cost per solved task can't be told apart, and why."""
    said = []
    for found in task.ratios:
        left, right = sorted((found.over, found.under))
        shown = interval(found.ratio, ".2f")
        ends = f" ({found.over} costs{shown} times what {found.under} does)" if shown else ""
        if alike(found):
            said.append(f"{left} and {right} cost about the same{ends}.")
        elif untold(found):
            said.append(f"n too small to tell {left} from {right}{ends}.")
    return said


def _narrow(task: TaskAnswer) -> list[str]:
    if not any(FEWEST <= cell.trials < HONEST and cell.solved for cell in task.cells):
        return []
    return [
        f"Intervals from fewer than {HONEST} trials are too narrow: 95% in name, some 70 to 90% "
        "in fact."
    ]


def _tests(task: TaskAnswer) -> list[str]:
    """What a test of the successes' cost shows, and where it can't show anything."""
    usd = [found for found in task.comparisons if found.metric == "usd"]
    said = []
    for told, what in ((True, "differs for"), (False, "can't be told apart for")):
        pairs = _named(c for c in usd if c.known and not c.hopeless and c.settled is told)
        if pairs:
            said.append(f"By test the cost of a success {what} {listed(pairs)} (Holm, {ALPHA:g}).")
    if unknown := _named(found for found in usd if not found.known):
        said.append(f"No test of {listed(unknown)}: the cost of a success is not known.")
    hopeless = [found for found in usd if found.hopeless]
    if not hopeless:
        return said
    which = "any two arms" if len(hopeless) == len(usd) else listed(_named(hopeless))
    return [*said, f"Too few successes to test {which}{_floor(hopeless)}."]


def _named(found: Iterable[Comparison]) -> list[str]:
    return [f"{each.left}-{each.right}" for each in found]


def _floor(hopeless: Sequence[Comparison]) -> str:
    """The p that even the clearest outcome of so few trials would have; '' without a test."""
    alone = min((f.smallest_p for f in hopeless if f.smallest_p is not None), default=None)
    holm = min((f.smallest_p_holm for f in hopeless if f.smallest_p_holm is not None), default=None)
    if alone is None or holm is None:
        return ""
    p = f"{alone:.3f}" if alone > ALPHA else f"{holm:.3f} after Holm's correction"
    return f": even arms that do not overlap would have p = {p}, above {ALPHA:g}"


def _left_out(task: TaskAnswer) -> list[str]:
    said = []
    for cell in task.cells:
        if cell.censored:
            said.append(
                f"{cell.arm}: {_count(cell.censored, 'trial')} met a cap ({cell.censored_solved} "
                "solved); in money and success rate, in no median."
            )
        if cell.void:
            spent = "an unknown sum" if cell.void_usd is None else f"${money(cell.void_usd)}"
            said.append(
                f"{cell.arm}: {_count(cell.void, 'trial')} without a result (infrastructure or "
                f"a failed start) left out, {spent} spent."
            )
        if cell.usd_per_solved.value is None:
            said.append(f"{cell.arm} has no cost per solved task: {cell.usd_per_solved.note}.")
    return said


def _ratio(task: TaskAnswer, over: str, under: str) -> Ratio | None:
    pairs = (found for found in task.ratios if (found.over, found.under) == (over, under))
    return next(pairs, None)


def _attempts(task: TaskAnswer) -> str:
    trials = _count(sum(cell.trials for cell in task.cells), "trial")
    spent = [cell.total_usd for cell in task.cells]
    if None in spent:
        return f"{trials}, cost not known"
    return f"{trials}, ${money(math.fsum(usd or 0 for usd in spent))} spent"


def _failures(cell: CellAnswer) -> str:
    return f"{cell.failed} of {cell.trials} failed"


def listed(names: Sequence[str], word: str = "or") -> str:
    """`A`, `A or B`, `A, B or C`."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
