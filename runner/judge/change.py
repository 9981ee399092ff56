"""What an agent changed, as the judge receives it: allowed regular files and nothing else."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from runner.config.tasks import Task
from runner.errors import ToolError
from runner.image.states import Tree, file_mode
from runner.types import Files, TreeEntry

# Caps of one change. The largest file of the pristine tree has 60 kB, the largest reference
# solution touches 18 files: there is room for any honest work.
MAX_FILES = 500
MAX_FILE_BYTES = 1_048_576
MAX_TOTAL_BYTES = 8 * 1_048_576
MAX_PATH_CHARS = 200

# What tools leave behind. It never travels, and it is no fault to have it.
LEFTOVERS = frozenset(
    {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "coverage", ".coverage"}
)


@dataclass(frozen=True)
class Change:
    """The difference between a task's starting tree and the agent's.

    `outside` names what differs where the task allows no change; `refused` names what could
    not travel, with the reason. Neither reaches the judge's container.
    """

    files: Mapping[str, bytes]
    deleted: tuple[str, ...]
    outside: tuple[str, ...]
    refused: Mapping[str, str]

    def applied_to(self, tree: Tree) -> dict[str, bytes]:
        """The tree the judge looks at."""
        kept = {path: data for path, data in tree.items() if path not in self.deleted}
        return {**kept, **self.files}


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
    return Change(travelling, deleted, tuple(outside), refused)


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


def packed(change: Change) -> bytes:
    """The change as a tar: the same change gives the same bytes. Deletions are listed inside."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in sorted(change.files.items()):
            _add(archive, f"files/{path}", data)
        _add(archive, "deleted", "".join(f"{path}\n" for path in change.deleted).encode())
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), file_mode(data)
    archive.addfile(entry, io.BytesIO(data))
