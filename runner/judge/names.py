"""What a name in a source file stands for, so that two spellings of one thing are one.

`from os import getenv` and `import os` with `os.getenv` both come out as `os.getenv`; a name
that the package hands on (`from .models import X` in `utils`, taken from `utils`) comes out as
the place that makes it.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from runner.image.states import Tree
from runner.judge.trees import Trees, absolute, module_name, module_path

_HANDED_ON_AT_MOST = 8


def import_bindings(node: ast.AST, path: str) -> Iterator[tuple[str, str]]:
    """Each name an import statement binds, with what it stands for; `*` binds nothing here."""
    if isinstance(node, ast.ImportFrom):
        source = absolute(node, path)
        for alias in node.names:
            if alias.name != "*":
                yield alias.asname or alias.name, f"{source}.{alias.name}"
    elif isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield alias.asname or top, alias.name if alias.asname else top


def blocks(node: ast.AST) -> Iterator[ast.AST]:
    """The statements below `node`, those inside `if`, `try` and their like too, but not those
    inside functions and classes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield child
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from blocks(child)


COMPREHENSION = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_OWN_SCOPE = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


def stored(node: ast.AST) -> Iterator[str]:
    """The names that an assignment, a loop or their like binds below `node`, in its own scope:
    not those of functions, classes and comprehensions there."""
    if isinstance(node, _OWN_SCOPE):
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.comprehension) and child is node.target):
            yield from stored(child)


def looped(node: ast.AST) -> Iterator[str]:
    """The names that a comprehension binds for itself; none for any other node."""
    if isinstance(node, COMPREHENSION):
        for generator in node.generators:
            yield from stored(generator.target)


def bindings(module: ast.Module, path: str) -> dict[str, str]:
    """What each name at the top of a module stands for, as a dotted name."""
    own = module_name(path)
    found: dict[str, str] = {}
    for node in blocks(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = f"{own}.{node.name}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(import_bindings(node, path))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.With):
            found.update({name: f"{own}.{name}" for name in stored(node)})
    return found


@dataclass(frozen=True)
class Names:
    """The names of one tree's modules. `renamed` maps what a task asks to move: old -> new.

    With `follow`, names that a module hands on are followed to where they are made.
    """

    trees: Trees
    tree: Tree
    renamed: Mapping[str, str]
    follow: bool
    memo: dict[str, dict[str, str]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, path: str) -> dict[str, str]:
        """The bindings of the module at `path`; none when it is no Python."""
        if path not in self.memo:
            module = self.trees.module(self.tree[path])
            self.memo[path] = {} if module is None else bindings(module, path)
        return self.memo[path]

    def made_at(self, name: str) -> str:
        """The dotted name under which the thing `name` stands for is made."""
        if self.follow:
            for _ in range(_HANDED_ON_AT_MOST):
                earlier = name
                name = self._handed_on(name)
                if name == earlier:
                    break
        for old, new in self.renamed.items():
            if name == old or name.startswith(old + "."):
                return new + name.removeprefix(old)
        return name

    def _handed_on(self, name: str) -> str:
        parts = name.split(".")
        for end in range(len(parts) - 1, 0, -1):
            module, rest = ".".join(parts[:end]), parts[end:]
            path = module_path(module, self.tree)
            if path is None:
                continue
            if module_path(f"{module}.{rest[0]}", self.tree):
                return name
            source = self.of(path).get(rest[0])
            return name if source is None else ".".join([source, *rest[1:]])
        return name
