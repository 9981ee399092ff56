"""Annotations say types and nothing else: Python and the package itself run them as code."""

import ast
from collections.abc import Iterator, Set

from runner.judge.canonical import MARK, unquoted
from runner.judge.compare import Comparison
from runner.judge.rules.values import Values, dotted_name
from runner.judge.rules.vendors import own_packages

_LITERAL = ("typing.Literal", "typing_extensions.Literal")
_ANNOTATED = ("typing.Annotated", "typing_extensions.Annotated")
_MAKE_TYPES = tuple(f"{MARK}typing.{n}" for n in ("TypeVar", "ParamSpec", "NewType"))


def odd_annotations(comparison: Comparison) -> Iterator[str]:
    """The new annotations that could run something, by file and line."""
    values, own = Values(comparison.names(comparison.trees.final)), own_packages(comparison)
    made = made_up(comparison, values, own)
    for statement in comparison.added:
        for node in ast.walk(statement.node):
            for annotation in annotations_of(node):
                for reason in (*_odd(annotation, made), *_kept_inside(annotation, values, own)):
                    line = getattr(annotation, "lineno", statement.line)
                    yield f"{statement.path}:{line}: an annotation {reason}"


def annotations_of(node: ast.AST) -> Iterator[ast.expr]:
    """The annotations a node holds itself."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
        yield node.returns
    elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
        yield node.annotation


def made_up(comparison: Comparison, values: Values, own: Set[str]) -> frozenset[str]:
    """The new names that stand for something else than a type, as they are spelt (`MARK`)."""
    found = set()
    for statement in comparison.added:
        node = statement.node
        if isinstance(node, ast.Assign | ast.AnnAssign):
            value = node.value
            is_type = value is not None and not list(_odd(value, frozenset(), alias=True))
            if value is None or not is_type or list(_kept_inside(value, values, own)):
                stores = (n for n in ast.walk(node) if isinstance(n, ast.Name))
                found |= {n.id for n in stores if not isinstance(n.ctx, ast.Load)}
    return frozenset(found)


def _kept_inside(node: ast.expr, values: Values, own: Set[str]) -> Iterator[str]:
    """What is an attribute of a class or an object may be text that is run as code."""
    for name in ast.walk(node):
        dotted = dotted_name(name)
        if dotted.partition(".")[0] in own and not values.may_be_type(dotted):
            yield f"uses {dotted}, which something holds"


def _odd(node: ast.expr, made: frozenset[str], *, alias: bool = False) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield from _odd_name(node, made)
    elif isinstance(node, ast.Constant):
        yield from _odd_text(node, alias=alias)
    elif isinstance(node, ast.Subscript):
        yield from _odd_subscript(node, made)
    elif isinstance(node, ast.Tuple | ast.List):
        for element in node.elts:
            yield from _odd(element, made)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _odd(node.left, made)
        yield from _odd(node.right, made)
    elif isinstance(node, ast.Attribute | ast.Starred):
        yield from _odd(node.value, made)
    elif not (alias and _makes_a_type(node)):
        yield f"holds a {type(node).__name__}"


def _odd_name(node: ast.Name, made: frozenset[str]) -> Iterator[str]:
    if not node.id.startswith(MARK):
        yield f"uses {node.id}, which a function makes"
    elif node.id in made:
        yield f"uses {node.id.removeprefix(MARK)}, which is no type"


def _odd_text(node: ast.Constant, *, alias: bool) -> Iterator[str]:
    if not isinstance(node.value, str):
        return
    inner = unquoted(node)
    if alias or inner is node:
        yield "holds text"
        return
    kinds = ast.Name | ast.Attribute | ast.Subscript | ast.Tuple | ast.List | ast.BinOp
    allowed = kinds | ast.Constant | ast.expr_context | ast.BitOr
    for child in ast.walk(inner):
        if not isinstance(child, allowed):
            yield f"holds a {type(child).__name__}"


def _odd_subscript(node: ast.Subscript, made: frozenset[str]) -> Iterator[str]:
    yield from _odd(node.value, made)
    name = node.value.id.removeprefix(MARK) if isinstance(node.value, ast.Name) else ""
    if name in _LITERAL:
        return
    if name in _ANNOTATED and isinstance(node.slice, ast.Tuple):
        yield from _odd(node.slice.elts[0], made)
        return
    yield from _odd(node.slice, made)


def _makes_a_type(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _MAKE_TYPES
        and all(isinstance(n, ast.Constant | ast.Name) for n in node.args)
        and all(isinstance(k.value, ast.Constant | ast.Name) for k in node.keywords)
    )
