"""Tasks are data: one folder each under `breakage/`, read here and nowhere else.

A folder holds `task.toml`, `prompt.md`, `solution.toml` (the reference solution, host only),
and what makes its starting tree from the pristine one: `breakage.toml` (lines to insert after
the last top-level import of a file) and `files/` (files to add). `hidden/` holds programs the
judge runs and no model ever sees.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.checks import CheckSpec as CheckSpec
from runner.config.checks import Signals as Signals
from runner.config.checks import untested, wrong_checks, wrong_patterns
from runner.config.loading import STRICT, load_toml
from runner.config.solution import Create, Edit, Solution
from runner.errors import UsageError


@dataclass(frozen=True)
class Insertion:
    """Put `text` on lines of its own after the last top-level import of `path`."""

    path: str
    text: str


@strict_dataclass(frozen=True, config=STRICT)
class _TaskFile:
    id: str
    title: str
    editable: tuple[str, ...]
    signals: Signals
    tests: tuple[str, ...] = ("tests/**",)
    tests_added: tuple[str, ...] = ()
    check: tuple[CheckSpec, ...] = Field(default=())


@strict_dataclass(frozen=True, config=STRICT)
class _InsertTable:
    path: str
    text: str


@strict_dataclass(frozen=True, config=STRICT)
class _BreakageFile:
    insert: tuple[_InsertTable, ...]


@strict_dataclass(frozen=True, config=STRICT)
class _EditTable:
    path: str
    old: str
    new: str = ""


@strict_dataclass(frozen=True, config=STRICT)
class _SolutionFile:
    edit: tuple[_EditTable, ...] = ()
    create: tuple[_InsertTable, ...] = ()


@dataclass(frozen=True)
class Task:
    """A task, ready for use; every path is POSIX and relative to the repository's root."""

    id: str
    title: str
    folder: Path
    prompt: str
    editable: tuple[str, ...]  # glob patterns of files whose change goes to the judge
    insertions: tuple[Insertion, ...]
    added_files: Mapping[str, bytes]
    signals: Signals
    tests_added: tuple[str, ...]  # test ids on top of the green base's
    checks: tuple[CheckSpec, ...]
    solution: Solution
    tests: tuple[str, ...] = ("tests/**",)  # patterns of the files that are tests


def load_tasks(folder: Path) -> dict[str, Task]:
    """All tasks below `folder`, by id.

    Raises:
        UsageError: there is no task, a file is missing or wrong, or a folder's name is not its
            task's id.
    """
    tasks = [load_task(path.parent) for path in sorted(folder.glob("*/task.toml"))]
    if not tasks:
        raise UsageError(f"{folder}: no task (*/task.toml) here")
    return {task.id: task for task in tasks}


def load_task(folder: Path) -> Task:
    """Read one task's folder; raises `UsageError` naming the file and the key."""
    table = load_toml(folder / "task.toml", _TaskFile)
    if table.id != folder.name:
        raise UsageError(f"{folder / 'task.toml'}: id '{table.id}' is not the folder's name")
    for problem in _problems(table, folder):
        raise UsageError(f"{folder / 'task.toml'}: {problem}")
    breakage = folder / "breakage.toml"
    inserts = load_toml(breakage, _BreakageFile).insert if breakage.exists() else ()
    solution = load_toml(folder / "solution.toml", _SolutionFile)
    edits = tuple(Edit(e.path, e.old, e.new) for e in solution.edit)
    creates = tuple(Create(c.path, c.text) for c in solution.create)
    if not edits and not creates:
        raise UsageError(f"{folder / 'solution.toml'}: holds no [[edit]] and no [[create]]")
    return Task(
        id=table.id,
        title=table.title,
        folder=folder,
        prompt=_text(folder / "prompt.md"),
        editable=table.editable,
        insertions=tuple(Insertion(i.path, i.text) for i in inserts),
        added_files=_files_below(folder / "files"),
        signals=table.signals,
        tests_added=table.tests_added,
        checks=table.check,
        solution=creates + edits,
        tests=table.tests,
    )


def _problems(table: _TaskFile, folder: Path) -> Iterator[str]:
    yield from wrong_patterns("editable", table.editable)
    yield from wrong_patterns("tests", table.tests)
    yield from wrong_checks(table.check, folder)
    if untested(table.signals, table.check, table.tests_added):
        yield (
            "nothing tests a solution: name a [[check]], tests_added, or faults of the starting "
            "tree in [signals]"
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: {error}") from error


def _files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
