"""What new code changes: its own things only, never another's attributes or items."""

import ast
from collections.abc import Iterator

from runner.judge.canonical import MARK
from runner.judge.names import blocks, stored
from runner.judge.rules.outside import dunder

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def odd_stores(statement: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """The attributes and items that a statement changes and may not, with what they are."""
    own = _own_stores(statement)
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            if id(node) not in own or dunder(node.attr):
                yield node, f"changes an attribute of something else: .{node.attr}"
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            root: ast.AST = node
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id.startswith(MARK):
                yield node, f"changes an item of {root.id.removeprefix(MARK)}"


def _own_stores(statement: ast.AST) -> set[int]:
    """The attributes of `self` or `cls` that a method changes: its first argument's, which it
    does not bind again."""
    found: set[int] = set()
    for cls in (n for n in ast.walk(statement) if isinstance(n, ast.ClassDef)):
        for method in (n for n in cls.body if isinstance(n, _FUNCTION)):
            first = [*method.args.posonlyargs, *method.args.args][:1]
            bound = {name for each in blocks(method) for name in stored(each)}
            if not first or first[0].arg in bound:
                continue
            for node in ast.walk(method):
                root = node.value if isinstance(node, ast.Attribute) else None
                if isinstance(root, ast.Name) and root.id == first[0].arg:
                    found.add(id(node))
    return found
