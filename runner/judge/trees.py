"""The repository as published, as the agent got it and as the agent left it; and its modules."""

import ast
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from runner.image.states import Tree


@dataclass(frozen=True)
class Trees:
    """The repository three times: as published, as the agent got it, as the agent left it.

    `memo` keeps modules that were parsed. Trees that share most of their files, as those of one
    task's trials do, may share it too: `Trees(pristine, starting, final, earlier.memo)`.
    """

    pristine: Tree
    starting: Tree
    final: Tree
    memo: dict[bytes, ast.Module | None] = field(default_factory=dict, repr=False, compare=False)

    def module(self, data: bytes) -> ast.Module | None:
        """The syntax tree of a source file; None when it is no Python. Do not change it."""
        if data not in self.memo:
            self.memo[data] = parsed(data)
        return self.memo[data]

    def changed(self) -> tuple[str, ...]:
        """The paths that differ between the starting and the final tree, sorted."""
        paths = self.starting.keys() | self.final.keys()
        return tuple(sorted(p for p in paths if self.starting.get(p) != self.final.get(p)))


def parsed(source: bytes) -> ast.Module | None:
    """The module's syntax tree; None when it is no Python."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def module_name(path: str) -> str:
    """`typer/utils.py` -> `typer.utils`, `typer/__init__.py` -> `typer`."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def module_path(name: str, tree: Tree) -> str | None:
    """The file of a module of the tree, by its dotted name; None when the tree has none."""
    stem = name.replace(".", "/")
    return next((p for p in (f"{stem}.py", f"{stem}/__init__.py") if p in tree), None)


def absolute(node: ast.ImportFrom, path: str) -> str:
    """The module an import names, with its leading dots resolved against the file's place."""
    if not node.level:
        return node.module or ""
    package = PurePosixPath(path).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def covers(patterns: tuple[str, ...], path: str) -> bool:
    """Whether one of the patterns covers the path."""
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def said(trees: Trees, tree: Tree, path: str) -> str | bytes | None:
    """A file's meaning: its syntax tree if it is Python, else its bytes; None when missing."""
    data = tree.get(path)
    if data is None or not path.endswith(".py"):
        return data
    module = trees.module(data)
    try:
        return data if module is None else ast.dump(module)
    except RecursionError:  # nested deeper than anything a person wrote
        return data
