"""Whether a task's reference solution passes what can be asked of it without a container."""

from runner.config.tasks import Task
from runner.errors import UsageError
from runner.image.fit import check_fit
from runner.image.states import Tree, apply_solution, starting_tree
from runner.judge.change import Change
from runner.judge.static import static_checks
from runner.judge.trees import Trees


def check_solvable(task: Task, pristine: Tree) -> None:
    """Raise `UsageError`, with the reason, when the task does not fit the repository or its own
    reference solution breaks one of the judge's static rules."""
    check_fit(task, pristine)
    starting = starting_tree(pristine, task)
    final = apply_solution(starting, task.solution)
    files = {path: data for path, data in final.items() if starting.get(path) != data}
    change = Change(files, (), (), {})
    for check in static_checks(task, Trees(pristine, starting, final), change):
        if not check.passed:
            raise UsageError(
                f"{task.folder / 'solution.toml'}: the reference solution fails the check "
                f"'{check.name}': {check.detail}"
            )
