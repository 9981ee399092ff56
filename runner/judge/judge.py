"""The judge: a second fresh container, the starting tree, the change, and the questions.

Nothing it decides rests on what the agent's container says. Source text is read on the host;
the tools run in a container no model talks to, on a tree that only the judge's user can write.
"""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from runner.config.tasks import Task
from runner.errors import SandboxFailure
from runner.judge.canaries import plant
from runner.judge.change import NOTHING, Change
from runner.judge.hearing import Hearing, JudgeSandbox, hear, unheard
from runner.judge.static import static_checks
from runner.judge.trees import Trees
from runner.types import Check, JsonObject, Verdict


@dataclass(frozen=True)
class Court:
    """What judging a task needs besides the change.

    `expected` holds the test ids that must pass, all of them and no others; `open_sandbox`
    gives a fresh container of the task's image whose tree is the judge's; `timeout_s` bounds
    the tools together; `chance` is where planted tests come from, and nobody can foretell it.
    """

    task: Task
    trees: Trees
    expected: frozenset[str]
    open_sandbox: Callable[[], AbstractContextManager[JudgeSandbox]]
    timeout_s: float
    chance: random.Random = field(default_factory=random.SystemRandom)


def judge(court: Court, change: Change) -> Verdict:
    """Answer every question about a change.

    Evidence that is missing is a failed check, and what the change can cause is held against
    it. Only when the starting tree alone breaks the judging in the same way is it the
    machine's fault: `SandboxFailure`, as when no container can be had at all.
    """
    checks = [allowed(change), *static_checks(court.task, court.trees, change)]
    hearing = heard(court, change)
    if hearing.broken:
        alone = heard(replace(court, trees=_untouched(court.trees)), NOTHING)
        if alone.broken == hearing.broken:
            raise SandboxFailure(f"judging fails without the change too: {hearing.broken}")
    return Verdict((*checks, *hearing.checks), hearing.notes)


def allowed(change: Change) -> Check:
    """Nothing was refused on the way. What differs outside is named, not held against the arm:
    it does not travel."""
    detail: JsonObject = {
        "files": sorted(change.files),
        "deleted": list(change.deleted),
        "outside": list(change.outside),
        "refused": dict(change.refused),
    }
    return Check("change", not change.refused, detail)


def heard(court: Court, change: Change) -> Hearing:
    """The container's part. Raises `SandboxFailure` when none can be opened."""
    canaries = plant(court.trees, court.expected, court.chance)
    with court.open_sandbox() as sandbox:
        try:
            return hear(sandbox, court.task, change, court.expected, canaries, court.timeout_s)
        except SandboxFailure as lost:
            return unheard(court.task, "the container was lost", str(lost))


def _untouched(trees: Trees) -> Trees:
    return replace(trees, final=trees.starting)
