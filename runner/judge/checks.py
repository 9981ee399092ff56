"""The judge's questions about source text. Nothing of the agent's is run here.

Each kind of check is one function of a `CheckSpec` and the three trees; `CHECKS` names them as
`task.toml` does.
"""

import ast
import hashlib
import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from runner.config.tasks import CheckSpec
from runner.image.states import Tree
from runner.types import Check, JsonObject

# Comments that silence a tool: mypy's, ruff's, flake8's, pyright's, coverage's own are apart.
SUPPRESSION = re.compile(
    r"#\s*(type:\s*ignore|noqa|ruff:\s*\S+|mypy:\s*\S+|pyright:\s*\S+|pylint:\s*\S+|fmt:\s*off)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Trees:
    """The repository three times: as published, as the agent got it, as the agent left it."""

    pristine: Tree
    starting: Tree
    final: Tree


def fingerprint(spec: CheckSpec, trees: Trees) -> Check:
    """The files are there and have the hash the task names."""
    found = {
        path: hashlib.sha256(trees.final[path]).hexdigest() if path in trees.final else None
        for path in spec.paths
    }
    passed = all(value == spec.sha256 for value in found.values())
    return Check(spec.name, passed, {"expected": spec.sha256, "found": found})


def only_injected_removed(spec: CheckSpec, trees: Trees) -> Check:
    """The files say what the pristine ones say: only what was put in is gone.

    Compared as syntax trees, so that blank lines and comments left behind do not matter.
    """
    covered = {path for path in {*trees.pristine, *trees.final} if covers(spec.paths, path)}
    differing = sorted(
        path for path in covered if said(trees.final, path) != said(trees.pristine, path)
    )
    return Check(spec.name, not differing, {"differing": differing[:50]})


def said(tree: Tree, path: str) -> str | bytes | None:
    """A file's meaning: its syntax tree if it is Python, else its bytes; None when missing."""
    data = tree.get(path)
    if data is None or not path.endswith(".py"):
        return data
    module = parsed(data)
    return data if module is None else ast.dump(module)


def no_new_suppressions(spec: CheckSpec, trees: Trees) -> Check:
    """No comment that silences a tool beyond those of the starting tree, by its text."""
    before = Counter(text for _, text in suppressions(trees.starting, spec.paths))
    allowed = Counter(before)
    new = []
    for where, text in suppressions(trees.final, spec.paths):
        if allowed[text]:
            allowed[text] -= 1
        else:
            new.append(f"{where}: {text}")
    return Check(spec.name, not new, {"new": new[:50]})


def suppressions(tree: Tree, patterns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each silencing comment as (file:line, normalised text)."""
    for path in sorted(tree):
        if not (path.endswith((".py", ".pyi")) and covers(patterns, path)):
            continue
        for line, comment in comments(tree[path]):
            for match in SUPPRESSION.finditer(comment):
                yield f"{path}:{line}", " ".join(match.group().lower().split())


def comments(source: bytes) -> Iterator[tuple[int, str]]:
    """Each comment as (line, text); a file Python cannot tokenise gives all its lines."""
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        yield from enumerate(source.decode("utf-8", "replace").splitlines(), start=1)
        return
    yield from ((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)


def function_moved(spec: CheckSpec, trees: Trees) -> Check:
    """The function is defined in its new place only and imported from there only."""
    modules = {
        path: module
        for path, data in trees.final.items()
        if path.endswith(".py") and (module := parsed(data)) is not None
    }
    defined = sorted(path for path, module in modules.items() if defines(module, spec.function))
    imports = [
        (path, source)
        for path, module in sorted(modules.items())
        for source in imported_from(module, path, spec.function)
    ]
    old, new = module_name(spec.old_path), module_name(spec.new_path)
    from_old = [path for path, source in imports if source == old]
    from_new = [path for path, source in imports if source == new]
    detail: JsonObject = {"defined": defined, "from_old": from_old, "from_new": from_new}
    passed = defined == [spec.new_path] and not from_old and bool(from_new)
    return Check(spec.name, passed, detail)


def defines(module: ast.Module, function: str) -> bool:
    """Whether a function of that name is defined anywhere in the module."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return any(isinstance(node, kinds) and node.name == function for node in ast.walk(module))


def imported_from(module: ast.Module, path: str, name: str) -> Iterator[str]:
    """The absolute modules from which the file imports `name`."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and any(a.name == name for a in node.names):
            yield absolute(node, path)


def absolute(node: ast.ImportFrom, path: str) -> str:
    """The module an import names, with its leading dots resolved against the file's place."""
    if not node.level:
        return node.module or ""
    package = PurePosixPath(path).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def module_name(path: str) -> str:
    """`typer/utils.py` -> `typer.utils`."""
    return ".".join(PurePosixPath(path).with_suffix("").parts)


def parsed(source: bytes) -> ast.Module | None:
    """The module's syntax tree; None when it is no Python."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def covers(patterns: tuple[str, ...], path: str) -> bool:
    """Whether one of the patterns covers the path."""
    return any(fnmatchcase(path, pattern) for pattern in patterns)


CHECKS: Mapping[str, Callable[[CheckSpec, Trees], Check]] = {
    "fingerprint": fingerprint,
    "function_moved": function_moved,
    "no_new_suppressions": no_new_suppressions,
    "only_injected_removed": only_injected_removed,
}
