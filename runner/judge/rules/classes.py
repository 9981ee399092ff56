"""Classes in new code are written as such, and taken apart by names that can be read.

A class that a call makes may hold any method under a name that nobody can read, and a pattern
without names reads the attributes that `__match_args__` makes up.
"""

import ast
import builtins
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from runner.judge.canonical import MARK
from runner.judge.compare import Comparison
from runner.judge.names import stored
from runner.judge.rules import outside
from runner.judge.rules.annotations import annotations_of
from runner.judge.rules.texts import FORMATS
from runner.judge.rules.values import dotted_name, once
from runner.judge.trees import module_name

_ENUMERATIONS = frozenset(f"enum.{name}" for name in outside.MODULES["enum"] - {"auto", "unique"})
# What only asks which class something is.
ASKS = ("builtins.isinstance", "builtins.issubclass", "typer.main.lenient_issubclass")
# What only makes a text of it.
_SAYS = ("builtins.format", "builtins.print", "builtins.repr", "builtins.str")
_MOST = 2  # a class is made with three arguments


@dataclass(frozen=True)
class Enumerations:
    """Python's enumerations and new ones, by dotted names, or plain ones for those inside others.

    `empty` has no members yet: called, it makes a class.
    """

    every: frozenset[str]
    empty: frozenset[str]


def enumerations(comparison: Comparison) -> Enumerations:
    """The enumerations that new code can use."""
    classes = [
        (f"{module_name(each.path)}.{node.name}" if node is each.node else node.name, node)
        for each in comparison.added
        for node in ast.walk(each.node)
        if isinstance(node, ast.ClassDef)
    ]
    found = set(_ENUMERATIONS)
    for _ in classes:
        found |= {name for name, node in classes if any(_one_of(b, found) for b in node.bases)}
    full = {name for name, node in classes if any(isinstance(n, ast.Assign) for n in node.body)}
    return Enumerations(frozenset(found), frozenset(found - full))


def _named(node: ast.expr) -> str:
    """A name as `enumerations` spells it; a class's own come out as built-in ones."""
    if isinstance(node, ast.Attribute):
        return node.attr
    name = node.id.removeprefix(MARK) if isinstance(node, ast.Name) else ""
    home, _, last = name.rpartition(".")
    return last if home == "builtins" and not hasattr(builtins, last) else name


def _one_of(node: ast.expr, classes: Set[str]) -> bool:
    return not classes.isdisjoint((_named(node), _named(node).rpartition(".")[2]))


def odd_classes(statement: ast.AST, enums: Enumerations) -> Iterator[tuple[ast.AST, str]]:
    """The classes that a statement makes by a call or takes apart blindly, with what is wrong."""
    plain = _plainly_used(statement)
    kinds = _kinds(statement)
    plain |= _asked_later(statement, kinds, plain)
    for node in ast.walk(statement):
        if _is_class_of(node) and id(node) not in plain:
            yield node, "hands on the class of something"
        if isinstance(node, ast.Call):
            yield from ((node, text) for text in _made(node, enums.every, kinds.keys()))
        elif isinstance(node, ast.Name) and id(node) not in plain and _one_of(node, enums.empty):
            yield node, f"hands on {_named(node)}"
        elif isinstance(node, ast.MatchClass):
            yield from ((node, text) for text in _matched(node))
        elif isinstance(node, ast.ClassDef):
            yield from ((node, text) for text in _written(node))
            yield from _fields(node)


def _made(node: ast.Call, enums: Set[str], kinds: Set[str]) -> Iterator[str]:
    stars = any(isinstance(a, ast.Starred) for a in node.args)
    stars = stars or any(k.arg is None for k in node.keywords)
    kept = isinstance(node.func, ast.Name) and node.func.id in kinds
    if (kept or _is_class_of(node.func)) and (stars or len(node.args) > _MOST):
        yield "makes a class by calling the class of something"
    if _one_of(node.func, enums) and (stars or len(node.args) > 1 or node.keywords):
        yield "makes a class by calling an enumeration"
    if len(node.args) == 3 and isinstance(node.args[2], ast.Dict | ast.DictComp):
        yield "makes a class by a call"


def _is_class_of(node: ast.AST) -> bool:
    """Whether it asks for something's class: `type(x)`, `x.__class__`."""
    if isinstance(node, ast.Call):
        return dotted_name(node.func) == "builtins.type"
    attribute = node.attr if isinstance(node, ast.Attribute) else dotted_name(node)
    return attribute.rpartition(".")[2] == "__class__"


def _kinds(statement: ast.AST) -> dict[str, ast.expr]:
    """A function's own names that hold the class of something, and nothing else."""
    targets = {
        target.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and not dotted_name(target)
    }
    held = {name: once(statement, name) for name in targets}
    return {name: value for name, value in held.items() if value and _is_class_of(value)}


def _asked_later(statement: ast.AST, kinds: Mapping[str, ast.expr], plain: Set[int]) -> set[int]:
    """What is kept in such a name of which all uses are plain."""
    uses = [n for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id in kinds]
    odd = {n.id for n in uses if isinstance(n.ctx, ast.Load) and id(n) not in plain}
    return {id(value) for name, value in kinds.items() if name not in odd}


def _plainly_used(statement: ast.AST) -> set[int]:
    """What is read from, compared, called, asked about, derived from or only named as a type."""
    plain: set[int] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            plain.update(map(id, _asked(node)))
        elif isinstance(node, ast.Attribute | ast.FormattedValue):
            plain.add(id(node.value))
        elif isinstance(node, ast.Subscript):
            plain.update((id(node.value), id(node.slice)))
        elif isinstance(node, ast.Compare):
            plain.update(map(id, [node.left, *node.comparators]))
        elif isinstance(node, ast.ClassDef):
            plain.update(map(id, node.bases))
        elif isinstance(node, ast.MatchClass):
            plain.add(id(node.cls))
        for annotation in annotations_of(node):
            plain.update(map(id, ast.walk(annotation)))
    return plain


def _asked(node: ast.Call) -> Iterator[ast.AST]:
    yield node.func
    asked = dotted_name(node.func)
    if asked in ASKS:
        yield from (each for arg in node.args for each in ast.walk(arg))
    elif asked in _SAYS:
        yield from node.args


def _matched(node: ast.MatchClass) -> Iterator[str]:
    home, _, name = dotted_name(node.cls).rpartition(".")
    if node.patterns and not (home == "builtins" and hasattr(builtins, name)):
        yield f"takes {_named(node.cls) or 'a class'} apart by position"
    for name in node.kwd_attrs:
        if name == "__class__" or name in FORMATS or outside.odd_attribute(name):
            yield f"reaches .{name}"


def _written(node: ast.ClassDef) -> Iterator[str]:
    if any(_is_class_of(n) for base in node.bases for n in ast.walk(base)):
        yield f"derives class {node.name} from what a call of type gives"
    total = all(k.arg == "total" and isinstance(k.value, ast.Constant) for k in node.keywords)
    typed = [dotted_name(base).partition(".")[2] for base in node.bases] == ["TypedDict"]
    if node.keywords and not (total and typed):
        yield f"makes class {node.name} in its own way"


def _fields(node: ast.ClassDef) -> Iterator[tuple[ast.AST, str]]:
    for inner in node.body:
        for name in stored(inner) if isinstance(inner, ast.Assign | ast.AnnAssign) else ():
            field = name.removeprefix(f"{MARK}builtins.")
            if field in outside.ATTRIBUTES:
                yield inner, f"has a field named {field}"
            elif field == "__slots__" and not _constant(inner):
                yield inner, "has slots whose names are made up at run time"


def _constant(node: ast.AST) -> bool:
    """Whether what is assigned is texts alone, as they are."""
    value = getattr(node, "value", None)
    kinds = ast.Constant | ast.Tuple | ast.List | ast.Load
    return isinstance(value, ast.expr) and all(isinstance(n, kinds) for n in ast.walk(value))
