"""What new code changes: its own things only, never another's attributes or items."""

import ast
from collections.abc import Iterable, Iterator, Mapping

from runner.judge.canonical import MARK
from runner.judge.names import blocks, looped, stored
from runner.judge.rules.outside import dunder
from runner.judge.rules.values import Values, dotted_name, once

_Method = ast.FunctionDef | ast.AsyncFunctionDef
# What leaves a method's first argument what it is.
_DECORATORS = frozenset(
    {
        *("builtins.property", "builtins.classmethod", "abc.abstractmethod"),
        *("functools.cache", "functools.cached_property", "functools.lru_cache"),
        *("contextlib.contextmanager", "typing.final", "typing_extensions.override"),
    }
)
_ACCESSORS = ("setter", "getter", "deleter")


def odd_stores(statement: ast.AST, values: Values) -> Iterator[tuple[ast.AST, str]]:
    """The attributes and items that a statement changes and may not, with what they are."""
    own = {id(each) for _, _, changed in _storing(statement) for each in changed}
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            allowed = id(node) in own or _of_a_new_object(node.value, statement, values)
            if not allowed or dunder(node.attr):
                yield node, f"changes an attribute of something else: .{node.attr}"
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            root: ast.AST = node
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id.startswith(MARK):
                yield node, f"changes an item of {root.id.removeprefix(MARK)}"


def storing_methods(statements: Iterable[ast.AST]) -> dict[str, frozenset[str]]:
    """The methods that change their object's attributes, by the names of their classes; none
    that Python binds to the class itself."""
    found: dict[str, frozenset[str]] = {}
    for cls, method, changed in (each for node in statements for each in _storing(node)):
        of_the_class = any(dotted_name(d) == "builtins.classmethod" for d in method.decorator_list)
        if changed and not of_the_class:
            found[cls] = found.get(cls, frozenset()) | {method.name}
    return found


def odd_methods(
    statement: ast.AST, storing: Mapping[str, frozenset[str]]
) -> Iterator[tuple[ast.AST, str]]:
    """The uses of such a method by its class: they may be given any other object to change.

    `storing` says which methods change attributes, by the name of their class.
    """
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute):
            holder = node.value.id if isinstance(node.value, ast.Name) else ""
            cls, method = holder.rpartition(".")[2], node.attr
        else:
            cls, _, method = dotted_name(node).rpartition(".")
            cls = cls.rpartition(".")[2]
        if method in storing.get(cls.removeprefix(MARK), ()):
            yield node, f"takes the method {cls}.{method} from its class"


def _of_a_new_object(node: ast.expr, statement: ast.AST, values: Values) -> bool:
    made = once(statement, node.id) if isinstance(node, ast.Name) else None
    return isinstance(made, ast.Call) and values.plain_class(dotted_name(made.func))


def _storing(statement: ast.AST) -> Iterator[tuple[str, _Method, list[ast.Attribute]]]:
    """The attributes of `self` or `cls` that each method changes: its first argument's, which it
    does not bind again. With the class's name and the method."""
    for cls in (n for n in ast.walk(statement) if isinstance(n, ast.ClassDef)):
        for method in (n for n in cls.body if isinstance(n, _Method)):
            first = [*method.args.posonlyargs, *method.args.args][:1]
            bound = {name for each in blocks(method) for name in stored(each)}
            bound |= {n for e in ast.walk(method) if isinstance(e, ast.Nonlocal) for n in e.names}
            if not first or first[0].arg in bound or not all(map(_plain, method.decorator_list)):
                continue
            inside = (n for each in method.body for n in _in_scope(each, first[0].arg))
            changed = [n for n in inside if _changes(n, first[0].arg)]
            yield cls.name, method, [n for n in changed if isinstance(n, ast.Attribute)]


def _changes(node: ast.AST, name: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and not isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    )


def _plain(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Attribute):
        return decorator.attr in _ACCESSORS
    dotted = dotted_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return dotted in _DECORATORS or dotted.rpartition(".")[2] in _ACCESSORS


def _in_scope(node: ast.AST, name: str) -> Iterator[ast.AST]:
    """What is below a node, but for the functions, classes and comprehensions that bind the
    name."""
    arguments = node.args if isinstance(node, _Method | ast.Lambda) else None
    inside = {a.arg for a in ast.walk(arguments) if isinstance(a, ast.arg)} if arguments else set()
    if isinstance(node, _Method | ast.ClassDef):
        inside |= {n for each in blocks(node) for n in stored(each)}
    if name in inside | set(looped(node)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_scope(child, name)
