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

# Comments that silence a tool: a line's (with the codes they name), and a whole file's.
SUPPRESSION = re.compile(
    r"#\s*(?P<line>type:\s*ignore(\s*\[[^\]]*\])?|noqa(\s*:\s*[A-Z]+[0-9]+([\s,]+[A-Z]+[0-9]+)*)?)"
    r"|#\s*(ruff|flake8|isort|mypy|pyright|pylint|fmt):[^#]*",
    re.IGNORECASE,
)
UTF_8 = ("utf-8", "utf-8-sig")


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
    passed = bool(found) and all(value == spec.sha256 for value in found.values())
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
    try:
        return data if module is None else ast.dump(module)
    except RecursionError:  # nested deeper than anything a person wrote
        return data


def no_new_suppressions(spec: CheckSpec, trees: Trees) -> Check:
    """No comment that silences a tool beyond those of the starting tree.

    A line's may move with its code inside its top folder; a whole file's stays in its file.
    """
    allowed = Counter((s.scope, s.text) for s in suppressions(trees.starting, spec.paths))
    new = []
    for found in suppressions(trees.final, spec.paths):
        allowed[found.scope, found.text] -= 1
        if allowed[found.scope, found.text] < 0:
            new.append(f"{found.where}: {found.text}")
    return Check(spec.name, not new, {"new": new[:50]})


@dataclass(frozen=True)
class Suppression:
    """A comment that silences a tool: `where` is file:line, `text` has no spaces."""

    scope: str
    where: str
    text: str


def suppressions(tree: Tree, patterns: tuple[str, ...]) -> Iterator[Suppression]:
    """Each silencing comment of the Python files that the patterns cover."""
    for path in sorted(tree):
        if not (path.endswith((".py", ".pyi")) and covers(patterns, path)):
            continue
        for line, comment in comments(tree[path]):
            for match in SUPPRESSION.finditer(comment):
                scope = PurePosixPath(path).parts[0] if match["line"] else path
                text = "".join(match.group().lower().split())
                yield Suppression(scope, f"{path}:{line}", text)


def comments(source: bytes) -> Iterator[tuple[int, str]]:
    """Each comment as (line, text).

    A file Python cannot tokenise, or that is to be read otherwise than ruff reads it (as
    UTF-8), gives all its lines.
    """
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        tokens = []
    if not tokens or tokens[0].string not in UTF_8:
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
    """The absolute modules from which the file takes `name`: by import, or as an attribute."""
    bound: dict[str, str] = {}  # what the file's own names for modules stand for
    attributes: list[ast.Attribute] = []
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            source = absolute(node, path)
            if any(alias.name in (name, "*") for alias in node.names):
                yield source
            bound |= {a.asname or a.name: f"{source}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.Attribute) and node.attr == name:
            attributes.append(node)
    for attribute in attributes:
        head, *rest = dotted(attribute.value)
        if head in bound:
            yield ".".join([bound[head], *rest])


def dotted(node: ast.expr) -> list[str]:
    """`a.b.c` as its parts; a single empty part when it does not begin with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id, *parts] if isinstance(node, ast.Name) else [""]


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
