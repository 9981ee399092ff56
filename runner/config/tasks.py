"""Tasks are data: one folder each under `breakage/`, read here and nowhere else.

A folder holds `task.toml`, `prompt.md`, `solution.toml` (the reference solution, host only),
and what makes its starting tree from the pristine one: `breakage.toml` (lines to insert after
the last top-level import of a file) and `files/` (files to add). `hidden/` holds programs the
judge runs and no model ever sees.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, load_toml
from runner.config.solution import Create, Edit, Solution
from runner.errors import UsageError


@dataclass(frozen=True)
class Insertion:
    """Put `text` on lines of its own after the last top-level import of `path`."""

    path: str
    text: str


@strict_dataclass(frozen=True, config=STRICT)
class Signals:
    """What the three tools must say of the starting tree; checked when the image is built."""

    mypy_errors: int
    mypy_files: int
    ruff_errors: int
    passed: int
    not_collected: int


# What each kind of check needs to ask anything at all.
_NEEDS = {
    "fingerprint": ("paths", "sha256"),
    "function_moved": ("function", "old_path", "new_path"),
    "no_new_suppressions": ("paths",),
    "only_injected_removed": ("paths",),
    "probe": ("program",),
}


@strict_dataclass(frozen=True, config=STRICT)
class CheckSpec:
    """A structural check by `kind` (see `runner.judge.checks`) with its own settings."""

    name: str
    kind: Literal[
        "fingerprint", "function_moved", "no_new_suppressions", "only_injected_removed", "probe"
    ]
    paths: tuple[str, ...] = ()
    sha256: str = ""
    function: str = ""
    old_path: str = ""
    new_path: str = ""
    program: str = ""


@strict_dataclass(frozen=True, config=STRICT)
class _TaskFile:
    id: str
    title: str
    editable: tuple[str, ...]
    signals: Signals
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
    _check_checks(table.check, folder)
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
    )


def _check_checks(checks: tuple[CheckSpec, ...], folder: Path) -> None:
    where = folder / "task.toml"
    names = [check.name for check in checks]
    for check in checks:
        for key in _NEEDS[check.kind]:
            if not getattr(check, key):
                raise UsageError(f"{where}: check '{check.name}' of kind {check.kind} needs {key}")
        if check.program and not (folder / check.program).is_file():
            raise UsageError(f"{where}: check '{check.name}': there is no file {check.program}")
        if names.count(check.name) > 1:
            raise UsageError(f"{where}: two checks are named '{check.name}'")


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
