"""The suite: attacks against both sides, honest work and probes, side by side."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial

from runner.attack import ours, theirs
from runner.attack.catalogue import Trick
from runner.attack.controls import controls_of, without_attack
from runner.attack.fair import Field, by_the_rules, heard_in_full, small_work, work_on
from runner.attack.honest import Honest
from runner.attack.outcome import Control, Honesty, Outcome, Side
from runner.attack.probes import ProbeResult
from runner.attack.stage import Arena
from runner.errors import SandboxFailure
from runner.judge.change import Change
from runner.judge.judge import Court
from runner.judge.trees import Trees

Result = Outcome | Control | Honesty | ProbeResult
Job = Callable[[], Iterable[Result]]

_OURS: Mapping[str, Callable[[Arena, Trick, str], Side]] = {
    "forgery": ours.judged,
    "transfer": ours.judged,
    "leak": ours.looked,
    "probe": ours.looked,
    "bomb": ours.worn,
    "calls": ours.tried,
    "reroll": ours.tried,
}
# What takes long goes first, so that nothing long is left for the end.
_FIRST = ("reroll", "calls", "bomb")


@dataclass(frozen=True)
class Plan:
    """What one run of the suite does.

    `honest` holds honest work for the tasks of `fields`; `small` whether the whole judge hears
    the small task's; `courts` where the whole judge hears a task's, in place of its rules over
    source text; `probes` looks for ways out of our containers.
    """

    tricks: Sequence[Trick] = ()
    honest: Sequence[Honest] = ()
    fields: Mapping[str, Field] | None = None
    small: bool = False
    courts: Mapping[str, Callable[[Change], Court]] | None = None
    probes: Callable[[], Iterable[ProbeResult]] | None = None


def run_suite(arena: Arena, plan: Plan, workers: int) -> Iterator[Result]:
    """Every result as it becomes known; `workers` jobs at a time.

    Raises:
        UsageError: an honest variant does not fit its task.
    """
    with ThreadPoolExecutor(workers, "attack") as pool:
        begun = [pool.submit(_listed, job) for job in jobs(arena, plan)]
        try:
            for future in as_completed(begun):
                yield from future.result()
        finally:
            for future in begun:
                future.cancel()


def count(arena: Arena, plan: Plan) -> int:
    """About how many results there will be; how many probes there are is not known before."""
    tasks = plan.fields or {}
    work = sum(each.task in tasks for each in plan.honest)
    small = len(small_work(arena)) if plan.small else 0
    alone = 2 * len(plan.courts or ())  # each task's own solution, and nothing done
    return len(plan.tricks) + len(controls_of(plan.tricks)) + work + small + alone


def jobs(arena: Arena, plan: Plan) -> list[Job]:
    """What there is to do, what takes long first."""
    ordered = sorted(plan.tricks, key=lambda trick: trick.attack.kind not in _FIRST)
    found: list[Job] = [partial(_fates, arena, trick) for trick in ordered]
    found += [partial(_controls, arena, still) for still in controls_of(plan.tricks)]
    if plan.small:
        work = small_work(arena).items()
        found += [partial(_heard, partial(_small, arena, name), name, *each) for name, each in work]
    if plan.probes:
        found.append(plan.probes)
    for task, field in (plan.fields or {}).items():
        honest = [each for each in plan.honest if each.task == task]
        if court := (plan.courts or {}).get(task):
            work = work_on(field, honest).items()
            found += [partial(_heard, court, name, *each) for name, each in work]
        else:
            found.append(partial(honest_work, field, honest))
    return found


def _fates(arena: Arena, trick: Trick) -> Iterable[Result]:
    return (fate(arena, trick),)


def _controls(arena: Arena, still: Trick) -> Iterable[Result]:
    return (without_attack(arena, still),)


def _small(arena: Arena, name: str, change: Change) -> Court:
    return arena.court(f"attack-fair-{name}", change)


def _heard(
    court: Callable[[Change], Court], name: str, change: Change, solved: bool
) -> Iterable[Result]:
    return (heard_in_full(court(change), name, change, solved=solved),)


def fate(arena: Arena, trick: Trick) -> Outcome:
    """One attack: first where it must win, then where it must lose.

    Some race with a tool, and lose now and then: a cheat that fails tries again, so it has two
    goes at the naive side. One win against ours would be one too many.
    """
    attack = trick.attack
    trial_id = f"attack-{trick.name}"
    naive = _naive(arena, trick, trial_id)
    if not naive.won:
        naive = _naive(arena, trick, trial_id)
    mine = _OURS[attack.kind](arena, trick, trial_id)
    return Outcome(trick.name, attack.id, attack.row, attack.kind, naive, mine)


def _naive(arena: Arena, trick: Trick, trial_id: str) -> Side:
    try:
        return theirs.against_naive(arena, trick, f"{trial_id}-naive")
    except SandboxFailure as broken:  # nothing is proven, and the run says so
        return Side(False, f"the naive container could not be had: {broken}")


def honest_work(field: Field, work: Sequence[Honest]) -> Iterator[Honesty]:
    """What the rules say of a task's reference, of its variants, and of nothing done."""
    memo = Trees(field.pristine, field.starting, field.starting)
    for each in work:
        yield by_the_rules(field, each.id, each.change(field.starting), memo=memo)


def _listed(job: Job) -> list[Result]:
    return list(job())
