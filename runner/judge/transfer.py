"""Which of an agent's files may travel to the judge: allowed regular files and nothing else."""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from runner.config.tasks import Task
from runner.errors import ToolError, UsageError
from runner.image.states import Tree
from runner.judge.change import MAX_FILE_BYTES, Change
from runner.types import Files, TreeEntry

# Caps of one change. The largest file of the pristine tree has 60 kB, the largest reference
# solution touches 18 files: there is room for any honest work.
MAX_FILES = 500
MAX_TOTAL_BYTES = 8 * 1_048_576
MAX_PATH_CHARS = 200
MAX_DEPTH = 12
# How many odd paths are named.
MAX_NAMED = 100

# What tools leave behind. It never travels, and it is no fault to have it.
LEFTOVERS = frozenset(
    {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "coverage", ".coverage"}
)


def collect(entries: Iterable[TreeEntry], files: Files, starting: Tree, task: Task) -> Change:
    """Compare the agent's tree with the starting one and read the files that may travel.

    Call it only when no process of the agent is left. Raises `SandboxFailure`.
    """
    found = {entry.path: entry for entry in entries if not leftover(entry.path)}
    travelling: dict[str, bytes] = {}
    outside: list[str] = []
    refused: dict[str, str] = {}
    for path, entry in sorted(found.items()):
        if same(entry, starting.get(path)):
            continue
        if not editable(path, task):
            outside.append(path)
        elif reason := objection(entry, travelling):
            refused[path] = reason
        else:
            try:
                travelling[path] = files.read(path, cap=MAX_FILE_BYTES)
            except ToolError as error:
                refused[path] = str(error)
    missing = sorted(set(starting) - set(found))
    deleted = tuple(path for path in missing if editable(path, task))
    outside += [path for path in missing if not editable(path, task)]
    return Change(travelling, deleted, _first(outside), _some(refused))


def admitted(change: Change, starting: Tree, task: Task) -> Change:
    """A change that was brought along, held to the rules of one that was collected."""
    travelling: dict[str, bytes] = {}
    outside = list(change.outside)
    refused = dict(change.refused)
    for path, data in sorted(change.files.items()):
        entry = TreeEntry(path, "file", 0o644, len(data), 1, None)
        if leftover(path) or starting.get(path) == data:
            continue
        if reason := misplaced(path):
            refused[path] = reason
        elif not editable(path, task):
            outside.append(path)
        elif reason := objection(entry, travelling):
            refused[path] = reason
        else:
            travelling[path] = data
    gone = [path for path in change.deleted if path in starting and path not in change.files]
    deleted = tuple(sorted(path for path in gone if editable(path, task)))
    outside += [path for path in gone if not editable(path, task)]
    return Change(travelling, deleted, _first(outside), _some(refused))


def same(entry: TreeEntry, data: bytes | None) -> bool:
    """Whether the entry is the regular file the starting tree has there."""
    if data is None or entry.kind != "file":
        return False
    return entry.sha256 == hashlib.sha256(data).hexdigest()


def objection(entry: TreeEntry, travelling: Mapping[str, bytes]) -> str | None:
    """Why an entry may not travel; None when it may."""
    if entry.kind != "file":
        return f"is a {entry.kind}, not a regular file"
    if entry.links > 1:
        return "is a hard link"
    if entry.size > MAX_FILE_BYTES:
        return f"has {entry.size} bytes, the most is {MAX_FILE_BYTES}"
    if len(travelling) >= MAX_FILES:
        return f"is one file too many, the most is {MAX_FILES}"
    if sum(map(len, travelling.values())) + entry.size > MAX_TOTAL_BYTES:
        return f"would make the change larger than {MAX_TOTAL_BYTES} bytes"
    if len(entry.path) > MAX_PATH_CHARS or not entry.path.isprintable():
        return "has a name that is too long or not printable"
    if len(PurePosixPath(entry.path).parts) > MAX_DEPTH:
        return f"lies deeper than {MAX_DEPTH} folders"
    return None


def misplaced(path: str) -> str | None:
    """Why a path is none below the repository's root; None when it is one."""
    if path.startswith("/"):
        return "is an absolute path"
    if ".." in path.split("/"):
        return "leads out of its folder"
    if not path or path != str(PurePosixPath(path)) or ".git" in path.split("/"):
        return "is no plain path of a file in the repository"
    return None


def editable(path: str, task: Task) -> bool:
    """Whether one of the task's patterns covers the path (`folder/**` or a file's name)."""
    for pattern in task.editable:
        folder = pattern.removesuffix("/**")
        if path == pattern or (folder != pattern and path.startswith(folder + "/")):
            return True
    return False


def leftover(path: str) -> bool:
    """Whether the path is something tools leave behind."""
    return not LEFTOVERS.isdisjoint(PurePosixPath(path).parts)


def from_folder(folder: Path, starting: Tree, task: Task) -> Change:
    """The change that makes the starting tree what `folder` holds; links are not followed.

    Raises:
        UsageError: the folder cannot be read, or is no copy of the repository at all.
    """
    files: dict[str, bytes] = {}
    outside: list[str] = []
    refused: dict[str, str] = {}
    seen: set[str] = set()
    try:
        for path in sorted(_below(folder)):
            name = path.relative_to(folder).as_posix()
            if leftover(name):
                continue
            seen.add(name)
            info = path.lstat()
            if name not in starting and not editable(name, task):
                outside.append(name)
            elif not stat.S_ISREG(info.st_mode) or info.st_nlink > 1:
                refused[name] = "is a link, a pipe or a device, not a regular file"
            elif info.st_size > MAX_FILE_BYTES:
                refused[name] = f"has {info.st_size} bytes, the most is {MAX_FILE_BYTES}"
            else:
                files[name] = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}") from error
    if seen.isdisjoint(starting):
        raise UsageError(f"{folder}: holds no file of the repository; give a copy of its root")
    gone = tuple(sorted(set(starting) - seen))
    return admitted(Change(files, gone, tuple(outside), refused), starting, task)


def _below(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if name not in LEFTOVERS and name != ".git"]
        linked = [name for name in folders if Path(place, name).is_symlink()]
        found += [Path(place, name) for name in (*names, *linked)]
    return found


def _raise(error: OSError) -> None:
    raise error


def _first(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(paths))[:MAX_NAMED])


def _some(refused: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(refused.items())[:MAX_NAMED])
