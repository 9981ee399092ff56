"""No reach into what runs the tests: new code may use a short list of things, in plain ways.

The interpreter's exits, its tables of modules, tracing, frames, text run as code, other
modules' attributes: whatever new code says that the same function did not say before is named.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runner.judge.canonical import MARK, Said
from runner.judge.compare import Comparison
from runner.judge.rules import outside, vendors
from runner.judge.rules.annotations import annotations_of, odd_annotations
from runner.judge.rules.classes import Enumerations, enumerations, odd_classes
from runner.judge.rules.stores import odd_methods, odd_stores, storing_methods
from runner.judge.rules.texts import FORMATS, odd_formats, odd_text
from runner.judge.rules.values import Values
from runner.judge.rules.verdicts import none_of
from runner.judge.trees import module_name
from runner.types import Check

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
# Python calls these by itself; with them a value may pass for any other.
_OWN_METHODS = outside.DUNDERS - {"__class__", "__module__", "__name__", "__version__"}
_ASKED_BY_NAME = ("os.getenv", "os.environ.get")
_NOT_HANDED_ON = ("builtins.getattr", "builtins.super", "builtins.type", *_ASKED_BY_NAME)
# Taken from a class, these change whatever they are given.
_CHANGING = ("__init__", "__post_init__", "__setitem__")


@dataclass(frozen=True)
class _Place:
    """Where a statement is, and what its package is and used before."""

    path: str
    new: bool
    own: frozenset[str]
    vendors: frozenset[str]
    modules: frozenset[str]
    values: Values
    enumerations: Enumerations
    storing: Mapping[str, frozenset[str]]


def reach(comparison: Comparison) -> Check:
    """The check `reach`: everything new code may not do, by file and line."""
    earlier = {
        name: [each for each in comparison.gone if each.name == name]
        for name in {each.name for each in comparison.added}
    }
    found = list(odd_annotations(comparison))
    for added, place in _placed(comparison):
        said = list(_findings(added, place))
        # What the function of that name said before, it may say again.
        # The two earlier trees share most statements: what one says, each says.
        before: Counter[str] = Counter()
        for each in earlier[added.name] if said else ():
            before |= Counter(text for _, text in _findings(each, place))
        for line, text in said:
            before[text] -= 1
            if before[text] < 0:
                found.append(f"{added.path}:{line}: {text}")
    return none_of("reach", found)


def _placed(comparison: Comparison) -> Iterator[tuple[Said, _Place]]:
    """What was added, and where."""
    own = vendors.own_packages(comparison)
    used = vendors.used_before(comparison)
    modules = frozenset(module_name(p) for p in comparison.trees.final if p.endswith(".py"))
    values = Values(comparison.names(comparison.trees.final))
    enums = enumerations(comparison)
    storing = storing_methods(each.node for each in comparison.added)
    trees = comparison.trees
    for each in comparison.added:
        new = each.path not in trees.pristine and each.path not in trees.starting
        yield each, _Place(each.path, new, own, used, modules, values, enums, storing)


def _findings(statement: Said, place: _Place) -> Iterator[tuple[int, str]]:
    node = statement.node
    yield from _at_the_top(statement, node, place)
    for odd, text in (
        *odd_stores(node, place.values),
        *odd_methods(node, place.storing),
        *odd_classes(node, place.enumerations),
        *odd_formats(node, place.values),
    ):
        yield getattr(odd, "lineno", statement.line), text
    plain = _plainly_used(node)
    for child in ast.walk(node):
        line = getattr(child, "lineno", statement.line)
        for text in _said_by(child, statement, place):
            yield line, text
        for name in _NOT_HANDED_ON:
            if _is(child, name) and id(child) not in plain:
                yield line, f"hands on {name.removeprefix('builtins.')}"


def _plainly_used(node: ast.AST) -> set[int]:
    """The names that are called, subscripted, compared with, or stand in annotations."""
    plain: set[int] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            plain.add(id(child.func))
            if _is(child.func, "builtins.isinstance") or _is(child.func, "builtins.issubclass"):
                plain.update(id(n) for n in child.args)
        elif isinstance(child, ast.Subscript):
            plain.add(id(child.value))
        elif isinstance(child, ast.Compare):
            plain.update(map(id, [child.left, *child.comparators]))
        for annotation in annotations_of(child):
            plain.update(map(id, ast.walk(annotation)))
    return plain


def _at_the_top(statement: Said, node: ast.AST, place: _Place) -> Iterator[tuple[int, str]]:
    plain = isinstance(node, _FUNCTION | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.Pass)
    if not (plain or _is_constant(node) or (place.new and _runs_as_a_program(node))):
        yield statement.line, f"runs when it is imported: {type(node).__name__}"
    for cls in (n for n in ast.walk(node) if isinstance(n, ast.ClassDef)):
        for inner in cls.body:
            kinds = _FUNCTION | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.Pass
            if not isinstance(inner, kinds) and not _is_constant(inner):
                yield inner.lineno, f"runs when it is imported: {type(inner).__name__}"


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _runs_as_a_program(node: ast.AST) -> bool:
    """Whether it is `if __name__ == "__main__":`, and no more."""
    test = node.test if isinstance(node, ast.If) and not node.orelse else None
    return (
        isinstance(test, ast.Compare)
        and _is(test.left, "builtins.__name__")
        and isinstance(test.ops[0], ast.Eq)
        and [ast.dump(each) for each in test.comparators] == [ast.dump(ast.Constant("__main__"))]
    )


def _said_by(node: ast.AST, statement: Said, place: _Place) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield from _name(node, place)
    elif isinstance(node, ast.Attribute):
        yield from _attribute(node)
    elif isinstance(node, ast.Call):
        yield from _call(node, place)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        yield from odd_text(node.value)
    elif isinstance(node, _FUNCTION | ast.ClassDef):
        yield from _definition(node, statement, place)
    elif isinstance(node, ast.Global):
        yield f"rebinds the module's {', '.join(node.names)}"
    elif isinstance(node, ast.ExceptHandler) and node.type is None:
        yield "catches everything"


def _name(node: ast.Name, place: _Place) -> Iterator[str]:
    dotted = node.id.removeprefix(MARK)
    if dotted == node.id:
        if outside.dunder(node.id):
            yield f"reaches {node.id}"
    elif not isinstance(node.ctx, ast.Load):
        yield from _bound(dotted, place)
    elif dotted != "builtins.getattr":  # looked at where it is called
        if objection := outside.odd_name(dotted, place.own, place.vendors):
            yield objection
        elif dotted in place.modules:
            yield f"takes the module {dotted} as a value"
        elif dotted.rpartition(".")[2] in _CHANGING:
            yield f"reaches {dotted}"


def _bound(dotted: str, place: _Place) -> Iterator[str]:
    home, _, name = dotted.rpartition(".")
    if home == "builtins":  # a class's own
        if outside.dunder(name) and name not in ("__slots__", "__doc__"):
            yield f"binds {name}"
    elif home != module_name(place.path):
        yield f"changes {dotted}"
    elif outside.dunder(name) and name not in ("__all__", "__version__"):
        yield f"binds {name}"


def _attribute(node: ast.Attribute) -> Iterator[str]:
    of_super = isinstance(node.value, ast.Call) and _is(node.value.func, "builtins.super")
    if node.attr in _CHANGING and not of_super:
        yield f"reaches .{node.attr}"
    if objection := outside.odd_attribute(node.attr):
        yield objection


def _call(node: ast.Call, place: _Place) -> Iterator[str]:
    function = node.func.id if isinstance(node.func, ast.Name) else ""
    if function == f"{MARK}builtins.getattr":
        yield from _getattr(node, place)
    if function == f"{MARK}builtins.super" and (node.args or node.keywords):
        yield "calls super for another"
    if function.removeprefix(MARK) in _ASKED_BY_NAME and not _is_text(node.args[:1]):
        yield "asks for a variable whose name is made up at run time"
    if function == f"{MARK}builtins.type" and (len(node.args) != 1 or node.keywords):
        yield "makes a class by calling type"
    for keyword in node.keywords:
        if keyword.arg in ("eval_str", "globalns", "localns"):
            yield "runs text as code"
        elif keyword.arg in ("log_locals", "show_locals", "stack_info"):
            yield f"shows its callers with {keyword.arg}"


def _is_text(nodes: list[ast.expr]) -> bool:
    return all(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in nodes) and (
        nodes != []
    )


def _is(node: ast.AST, dotted: str) -> bool:
    return isinstance(node, ast.Name) and node.id == MARK + dotted


def _getattr(node: ast.Call, place: _Place) -> Iterator[str]:
    wanted = node.args[1] if len(node.args) > 1 else None
    if not (isinstance(wanted, ast.Constant) and isinstance(wanted.value, str)):
        yield "reads an attribute whose name is made up at run time"
        return
    if objection := outside.odd_attribute(wanted.value):
        yield objection
    if wanted.value in FORMATS:
        yield f"reaches .{wanted.value}"
    root = node.args[0]
    if isinstance(root, ast.Name) and root.id.startswith(MARK):
        dotted = f"{root.id.removeprefix(MARK)}.{wanted.value}"
        if objection := outside.odd_name(dotted, place.own, place.vendors):
            yield objection


def _definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, statement: Said, place: _Place
) -> Iterator[str]:
    if outside.dunder(node.name) and (node.name not in _OWN_METHODS or node is statement.node):
        yield f"defines {node.name}"
    if node is statement.node and hasattr(builtins, node.name):
        yield f"takes the name of the built-in {node.name}"
    inside = isinstance(node, ast.ClassDef) and node is not statement.node
    if inside and place.values.binds(place.path, node.name):
        yield f"takes the name {node.name}, which the module binds"
