"""The trees of a task, as plain data: path -> content. Pure functions over bytes.

A tree's paths are POSIX and relative to the repository's root; only regular files count, and
their modes are a function of the tree (scripts that start with `#!` may be run).
"""

import ast
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from runner.config.solution import Create, Edit, Solution
from runner.config.tasks import Insertion, Task
from runner.errors import UsageError

Tree = Mapping[str, bytes]

# The builder writes this one into the archive; the repository never had it.
_NOT_IN_REPOSITORY = frozenset({"PKG-INFO"})


def pristine_tree(sdist: bytes) -> dict[str, bytes]:
    """The repository as the source distribution (a .tar.gz) holds it.

    Raises:
        UsageError: the archive holds something other than regular files in one folder.
    """
    tree: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(sdist), mode="r:gz") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            inner = PurePosixPath(*path.parts[1:])
            if member.isdir() or str(inner) in _NOT_IN_REPOSITORY:
                continue
            handle = archive.extractfile(member) if member.isfile() else None
            if handle is None or path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
                raise UsageError(f"the source distribution holds an odd member: {member.name!r}")
            tree[str(inner)] = handle.read()
    return tree


def starting_tree(pristine: Tree, task: Task) -> dict[str, bytes]:
    """What a trial of `task` starts from: the pristine tree, its insertions and added files.

    Raises:
        UsageError: an insertion names a file the tree does not have, or one that is no Python;
            an added file exists already.
    """
    tree = dict(pristine)
    for insertion in task.insertions:
        tree[insertion.path] = _inserted(_content(tree, insertion.path, task), insertion, task)
    for path, content in task.added_files.items():
        if path in tree:
            raise UsageError(f"{task.id}: files/{path} exists in the repository already")
        tree[path] = content
    return tree


def apply_solution(tree: Tree, solution: Solution) -> dict[str, bytes]:
    """`tree` after `solution`: files created, and single occurrences of text replaced.

    Raises:
        UsageError: a file is missing, exists already, or holds `old` not exactly once.
    """
    result = dict(tree)
    for step in solution:
        if isinstance(step, Create):
            if step.path in result:
                raise UsageError(f"solution: {step.path} exists already")
            result[step.path] = step.text.encode()
        else:
            result[step.path] = _edited(result, step)
    return result


def tree_digest(tree: Tree) -> str:
    """One sha256 (hex) for all paths, modes and contents of a tree."""
    digest = hashlib.sha256()
    for path in sorted(tree):
        content = hashlib.sha256(tree[path]).hexdigest()
        digest.update(f"{file_mode(tree[path]):o} {content} {path}\0".encode())
    return digest.hexdigest()


def file_mode(content: bytes) -> int:
    """The mode a file gets: 0o755 for a script with a `#!` line, else 0o644."""
    return 0o755 if content.startswith(b"#!") else 0o644


def broken_files(task: Task) -> tuple[str, ...]:
    """The files whose pristine content must not be found in the task's image."""
    return tuple(sorted({insertion.path for insertion in task.insertions}))


def tree_tar(tree: Tree, mtime: int) -> bytes:
    """The tree as an uncompressed tar: sorted, owned by root, every `mtime` the same second."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for directory in _directories(tree):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, mtime
            archive.addfile(entry)
        for path in sorted(tree):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime = len(tree[path]), file_mode(tree[path]), mtime
            archive.addfile(entry, io.BytesIO(tree[path]))
    return buffer.getvalue()


def _directories(tree: Iterable[str]) -> list[str]:
    parents = {str(parent) for path in tree for parent in PurePosixPath(path).parents}
    return sorted(parents - {"."})


def _content(tree: Tree, path: str, task: Task) -> bytes:
    try:
        return tree[path]
    except KeyError:
        raise UsageError(f"{task.id}: the repository has no file {path}") from None


def _inserted(content: bytes, insertion: Insertion, task: Task) -> bytes:
    source = content.decode()
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise UsageError(f"{task.id}: {insertion.path} is not Python: {error}") from error
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    line = max((node.end_lineno or 0 for node in imports), default=0)
    lines = source.splitlines(keepends=True)
    text = insertion.text if insertion.text.endswith("\n") else insertion.text + "\n"
    return "".join([*lines[:line], text, *lines[line:]]).encode()


def _edited(tree: Tree, edit: Edit) -> bytes:
    if edit.path not in tree:
        raise UsageError(f"solution: there is no file {edit.path}")
    source = tree[edit.path].decode()
    if (found := source.count(edit.old)) != 1:
        raise UsageError(f"solution: {edit.path} holds the text to replace {found} times, not once")
    return source.replace(edit.old, edit.new).encode()
