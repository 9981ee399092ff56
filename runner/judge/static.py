"""The judge's questions about source text. Nothing of the agent's is run here.

Some are asked of every task; the others are those that `task.toml` names.
"""

from collections.abc import Callable, Mapping

from runner.config.tasks import CheckSpec, Task
from runner.judge.change import Change
from runner.judge.compare import Comparison, compared
from runner.judge.rules.files import files, source
from runner.judge.rules.guards import no_wider_types
from runner.judge.rules.imports import imports
from runner.judge.rules.kept import code_kept, function_added
from runner.judge.rules.moved import function_moved
from runner.judge.rules.reach import reach
from runner.judge.rules.suppressions import no_new_suppressions
from runner.judge.rules.tests import fingerprint, only_injected_removed, tests_kept
from runner.judge.trees import Trees
from runner.types import Check

# Asked of every task, in this order, under these names.
COMMON: Mapping[str, Callable[[Comparison], Check]] = {
    "files": files,
    "source_text": source,
    "tests_kept": tests_kept,
    "no_new_suppressions": no_new_suppressions,
    "no_wider_types": no_wider_types,
    "imports": imports,
    "reach": reach,
}

# Asked where a task names them, under the name it gives.
NAMED: Mapping[str, Callable[[CheckSpec, Comparison], Check]] = {
    "code_kept": code_kept,
    "fingerprint": lambda spec, comparison: fingerprint(spec, comparison.trees),
    "function_added": function_added,
    "function_moved": function_moved,
    "only_injected_removed": lambda spec, found: only_injected_removed(spec, found.trees),
}


def static_checks(task: Task, trees: Trees, change: Change) -> tuple[Check, ...]:
    """Every question about source text, answered: first the common ones, then the task's.

    A file too deeply nested to be compared fails the check that meets it; nothing is raised.
    """
    try:
        comparison = compared(task, trees, change)
    except RecursionError:
        return (Check("source_text", False, {"found": ["nested too deeply to be read"]}),)
    asked = [(name, lambda rule=rule: rule(comparison)) for name, rule in COMMON.items()]
    asked += [
        (spec.name, lambda spec=spec: NAMED[spec.kind](spec, comparison))
        for spec in task.checks
        if spec.kind in NAMED
    ]
    return tuple(_answered(name, ask) for name, ask in asked)


def _answered(name: str, ask: Callable[[], Check]) -> Check:
    try:
        return ask()
    except RecursionError:
        return Check(name, False, {"found": ["nested too deeply to be read"]})
