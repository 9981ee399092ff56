"""What a name in new code is known to hold, read from the source alone."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from runner.judge.canonical import MARK
from runner.judge.names import Names, blocks, stored
from runner.judge.trees import module_path

_HANDED_ON_AT_MOST = 8
_PLAIN_BASES = ("builtins.object", "typing.Generic", "typing.Protocol", "abc.ABC")
_PLAIN_DECORATORS = ("dataclasses.dataclass", "typing.final")
_OWN_MAKING = ("__new__", "__call__", "__setattr__")


def once(statement: ast.AST, name: str) -> ast.expr | None:
    """What a function's own name is assigned, when nothing below `statement` binds it again."""
    bound = [*_bound_to(statement, name)]
    return bound[0] if len(bound) == 1 else None


def _bound_to(statement: ast.AST, name: str) -> Iterator[ast.expr | None]:
    plain: dict[int, ast.expr | None] = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            plain[id(node.targets[0])] = node.value
        elif isinstance(node, ast.AnnAssign):
            plain[id(node.target)] = node.value
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
            yield plain.get(id(node))
        elif not isinstance(node, ast.keyword | ast.Name) and name in (
            getattr(node, each, None) for each in ("arg", "name", "rest")
        ):
            yield None  # an argument, a function, an error, a pattern


@dataclass(frozen=True)
class Values:
    """What the names at the top of a tree's modules hold."""

    names: Names

    def is_module(self, dotted: str) -> bool:
        """Whether the tree has a module of that name."""
        return module_path(dotted, self.names.tree) is not None

    def binds(self, path: str, name: str) -> bool:
        """Whether the module at `path` binds the name at its top."""
        return path in self.names.tree and name in self.names.of(path)

    def may_be_type(self, dotted: str) -> bool:
        """Whether it stands at the top of a module, or is a class written inside a class, or one
        of the two parts of a `ParamSpec`."""
        home, _, name = dotted.rpartition(".")
        if name in ("args", "kwargs") and (made := self.assigned(home)):
            return isinstance(made, ast.Call) and ast.unparse(made.func).endswith("ParamSpec")
        module, _, outer = home.rpartition(".")
        classes = [n for n in self._top(module) if isinstance(n, ast.ClassDef) and n.name == outer]
        bound = [n for each in classes for n in each.body if name in _binds(n)]
        inside = bound != [] and all(isinstance(n, ast.ClassDef) for n in bound)
        return inside or self.is_module(home)

    def assigned(self, dotted: str) -> ast.expr | None:
        """What the module assigns to the name, when it does so once; as it is written there."""
        home, _, name = dotted.rpartition(".")
        bound = [each for each in self._top(home) if name in _binds(each)]
        if len(bound) == 1 and isinstance(bound[0], ast.Assign | ast.AnnAssign):
            return bound[0].value if isinstance(_target(bound[0]), ast.Name) else None
        return None

    def plain_class(self, dotted: str, left: int = _HANDED_ON_AT_MOST) -> bool:
        """Whether it is a class of the tree that gives a new object with each call."""
        home, _, name = dotted.rpartition(".")
        bound = [each for each in self._top(home) if name in _binds(each)]
        if len(bound) != 1 or not isinstance(bound[0], ast.ClassDef) or not left:
            return False
        made = bound[0]
        here = self.names.of(module_path(home, self.names.tree) or "")

        def of(node: ast.expr) -> str:
            head, *rest = ast.unparse(node).partition("[")[0].partition("(")[0].split(".")
            return self.names.made_at(".".join([here.get(head, f"builtins.{head}"), *rest]))

        return (
            not made.keywords
            and all(of(each) in _PLAIN_DECORATORS for each in made.decorator_list)
            and not any(isinstance(n, _Named) and n.name in _OWN_MAKING for n in made.body)
            and all(
                of(base) in _PLAIN_BASES or self.plain_class(of(base), left - 1)
                for base in made.bases
            )
        )

    def _top(self, module: str) -> Iterator[ast.AST]:
        path = module_path(module, self.names.tree)
        tree = self.names.trees.module(self.names.tree[path]) if path else None
        return blocks(tree) if tree else iter(())


_Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _binds(node: ast.AST) -> set[str]:
    return {node.name} if isinstance(node, _Named) else set(stored(node))


def _target(node: ast.Assign | ast.AnnAssign) -> ast.expr | None:
    if isinstance(node, ast.AnnAssign):
        return node.target
    return node.targets[0] if len(node.targets) == 1 else None


def dotted_name(node: ast.AST) -> str:
    """The dotted name of a name from elsewhere; empty for anything else."""
    known = isinstance(node, ast.Name) and node.id.startswith(MARK)
    return node.id.removeprefix(MARK) if known and isinstance(node, ast.Name) else ""
