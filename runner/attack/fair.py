"""Work that is no attack: honest solutions, which no judge may refuse, and nothing done at all."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.attack.honest import Honest
from runner.attack.outcome import Honesty
from runner.attack.stage import Arena
from runner.config.solution import Solution
from runner.config.tasks import Task
from runner.errors import SandboxFailure
from runner.image.states import Tree, apply_solution
from runner.judge.change import NOTHING, Change
from runner.judge.judge import Court, allowed, judge
from runner.judge.static import static_checks
from runner.judge.transfer import admitted
from runner.judge.trees import Trees
from runner.types import Check


@dataclass(frozen=True)
class Field:
    """A task and its trees, to judge source text on the host."""

    task: Task
    pristine: Tree
    starting: Tree


def change_of(field: Field, solution: Solution) -> Change:
    """What of a solution travels. Raises `UsageError` when it does not fit the tree."""
    final = apply_solution(field.starting, solution)
    files = {path: data for path, data in final.items() if field.starting.get(path) != data}
    return admitted(Change(files, (), (), {}), field.starting, field.task)


def by_the_rules(field: Field, name: str, change: Change, *, memo: Trees | None = None) -> Honesty:
    """What the judge's rules over source text say of honest work; no container is needed.

    Trees that were judged before may be given as `memo`, so that their modules are parsed once.
    """
    began = time.monotonic()
    final = change.applied_to(field.starting)
    trees = Trees(field.pristine, field.starting, final, memo.memo if memo else {})
    checks = (allowed(change), *static_checks(field.task, trees, change))
    spent = time.monotonic() - began
    refused = _refused(checks)
    return Honesty(name, True, not refused, False, refused or "let through", spent)


def heard_in_full(court: Court, name: str, change: Change, *, solved: bool) -> Honesty:
    """What the whole judge says of a change, in a container of the court's."""
    began = time.monotonic()
    try:
        verdict = judge(court, change)
    except SandboxFailure as broken:
        return Honesty(name, solved, not solved, True, f"judging broke off: {broken}")
    why = _refused(verdict.checks) or "let through"
    return Honesty(name, solved, verdict.success, True, why, time.monotonic() - began)


def work_on(field: Field, honest: Sequence[Honest] = ()) -> Mapping[str, tuple[Change, bool]]:
    """Changes for the whole judge, and whether each solves the task: its own solution, nothing
    done, and honest variants. Raises `UsageError` when one does not fit the tree."""
    return {
        f"{field.task.id}.oracle": (change_of(field, field.task.solution), True),
        f"{field.task.id}.nop": (NOTHING, False),
        **{each.id: (each.change(field.starting), True) for each in honest},
    }


def small_work(arena: Arena) -> Mapping[str, tuple[Change, bool]]:
    """Changes to the small task for the whole judge, and whether each solves it."""
    tiny = arena.tiny
    return work_on(Field(tiny.task, tiny.pristine, tiny.starting))


def _refused(checks: tuple[Check, ...]) -> str:
    missed = [check.name for check in checks if not check.passed]
    return "refused by " + ", ".join(missed) if missed else ""
