"""Whether a task's folder fits the repository: asked before anything is built or run of it."""

import hashlib
from collections.abc import Iterator
from fnmatch import fnmatchcase

from runner.config.tasks import CheckSpec, Task
from runner.errors import UsageError
from runner.image.states import Tree, apply_solution, starting_tree


def check_fit(task: Task, pristine: Tree) -> None:
    """Raise `UsageError`, with the reason, when the task cannot be asked of this repository.

    Its patterns must match something, its reference solution must apply and stay within them,
    and what its checks name must be there.
    """
    starting = starting_tree(pristine, task)
    for problem in _problems(task, starting):
        raise UsageError(f"{task.folder / 'task.toml'}: {problem}")
    try:
        apply_solution(starting, task.solution)
    except UsageError as error:
        raise UsageError(f"{task.folder / 'solution.toml'}: does not apply: {error}") from error


def _problems(task: Task, starting: Tree) -> Iterator[str]:
    for key, patterns in (("editable", task.editable), ("tests", task.tests)):
        for pattern in patterns:
            if not any(fnmatchcase(path, pattern) for path in starting):
                yield f"key '{key}': no file matches {pattern!r}"
    for step in task.solution:
        if not any(fnmatchcase(step.path, pattern) for pattern in task.editable):
            yield f"solution.toml changes {step.path}, which 'editable' does not cover"
    for test in task.tests_added:
        if test.partition("::")[0] not in starting:
            yield f"key 'tests_added': there is no file {test.partition('::')[0]}"
    for check in task.checks:
        for reason in _unanswerable(check, starting):
            yield f"check '{check.name}': {reason}"


def _unanswerable(spec: CheckSpec, starting: Tree) -> Iterator[str]:
    if spec.old_path and spec.old_path not in starting:
        yield f"there is no file {spec.old_path}"
    if spec.kind == "fingerprint":
        for path in spec.paths:
            if path not in starting:
                yield f"there is no file {path} to take a fingerprint of"
            elif hashlib.sha256(starting[path]).hexdigest() != spec.sha256:
                yield f"{path} has another fingerprint already"
    elif spec.paths and not any(fnmatchcase(p, each) for p in starting for each in spec.paths):
        yield f"no file matches {', '.join(spec.paths)}"
