"""Honest work: other ways to solve the shipped tasks, none of which the judge may refuse.

Each variant is data: it takes the reference solution's steps, leaves some out, and goes on in
its own way. What comes out is a change against the task's starting tree, as a trial's is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, load_toml
from runner.config.settings import ROOT
from runner.config.solution import Create, Edit, Solution
from runner.config.tasks import Task, load_task
from runner.errors import UsageError
from runner.image.states import Tree, apply_solution
from runner.judge.change import Change

FOLDER = Path(__file__).parent / "honest_variants"


@dataclass(frozen=True)
class Replace:
    """Replace every occurrence of `old` in `path` by `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Honest:
    """A way to solve `task`: `id` is `T1/name`, `steps` come first, then `replaced`."""

    id: str
    task: str
    why: str
    steps: Solution
    replaced: tuple[Replace, ...] = ()

    def change(self, starting: Tree) -> Change:
        """What it changes in the task's starting tree.

        Raises:
            UsageError: the tree does not hold what a step replaces.
        """
        final = apply_solution(starting, self.steps)
        for each in self.replaced:
            source = final[each.path].decode()
            if each.old not in source:
                raise UsageError(f"{self.id}: {each.path} does not hold {each.old!r}")
            final[each.path] = source.replace(each.old, each.new).encode()
        files = {path: data for path, data in final.items() if starting.get(path) != data}
        return Change(files, (), (), {})


@strict_dataclass(frozen=True, config=STRICT)
class _Step:
    path: str
    old: str
    new: str = ""


@strict_dataclass(frozen=True, config=STRICT)
class _File:
    path: str
    text: str


@strict_dataclass(frozen=True, config=STRICT)
class _Variant:
    id: str
    why: str
    without: tuple[str, ...] = ()  # patterns: the reference's steps there are left out
    create: tuple[_File, ...] = ()
    edit: tuple[_Step, ...] = ()
    replace: tuple[_Step, ...] = ()


@strict_dataclass(frozen=True, config=STRICT)
class _Variants:
    variant: tuple[_Variant, ...]


def honest_variants(folder: Path = FOLDER, tasks: Path = ROOT / "breakage") -> tuple[Honest, ...]:
    """Every honest variant of the tasks below `tasks`, in the order of their files.

    Raises:
        UsageError: a file is wrong, names no task, or two variants have one name.
    """
    found: dict[str, Honest] = {}
    for path in sorted(folder.glob("*.toml")):
        task = load_task(tasks / path.stem)
        for each in load_toml(path, _Variants).variant:
            variant = _honest(task, each)
            if variant.id in found:
                raise UsageError(f"{path}: two variants are named '{each.id}'")
            found[variant.id] = variant
    return tuple(found.values())


def of_task(variants: tuple[Honest, ...]) -> Mapping[str, tuple[Honest, ...]]:
    """The variants by task."""
    tasks = dict.fromkeys(variant.task for variant in variants)
    return {task: tuple(v for v in variants if v.task == task) for task in tasks}


def _honest(task: Task, variant: _Variant) -> Honest:
    kept = tuple(
        step
        for step in task.solution
        if not any(fnmatchcase(step.path, pattern) for pattern in variant.without)
    )
    own: Solution = (
        *(Create(each.path, each.text) for each in variant.create),
        *(Edit(each.path, each.old, each.new) for each in variant.edit),
    )
    replaced = tuple(Replace(each.path, each.old, each.new) for each in variant.replace)
    return Honest(f"{task.id}/{variant.id}", task.id, variant.why, kept + own, replaced)
