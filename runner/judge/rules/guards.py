"""No annotation made wider, and no code hidden from the tools that read it."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from runner.judge.canonical import MARK, Said, unquoted
from runner.judge.compare import Comparison
from runner.judge.rules.annotations import annotations_of
from runner.judge.rules.verdicts import none_of
from runner.judge.trees import module_name
from runner.types import Check

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_TYPING = ("typing", "typing_extensions", "mypy_extensions")
# What makes one type pass for another, and what ends a type checker's reading.
WIDENERS = ("Any", "cast", "overload", "TypeGuard", "TypeIs", "runtime", "runtime_checkable")
# What tells `isinstance` a lie, and what fills a typed thing unseen.
_UNSEEN = {"_make": "fills a tuple unseen with", "register": "passes classes for others with"}
_CALLABLES = tuple(
    f"{MARK}{module}.{name}"
    for module, name in (
        *(("collections.abc", "Callable"), ("typing", "Callable"), ("typing", "Concatenate")),
        *(("typing_extensions", "Callable"), ("typing_extensions", "Concatenate")),
    )
)
SILENCERS = ("no_type_check", "no_type_check_decorator", "NoReturn", "Never", "assert_never")
_WRONG = {
    **{name: f"widens with {name}" for name in WIDENERS},
    **{name: f"hides code with {name}" for name in SILENCERS},
}
_MADE_AT = {f"{module}.{name}": text for module in _TYPING for name, text in _WRONG.items()}
# What type checkers work out by themselves, skipping the side that is not taken.
_WORKED_OUT = {"sys.platform", "sys.version_info", "os.name"}
_LEAST = {f"(3, {minor})" for minor in range(11)}
_WORKED_OUT_NAMES = {"MYPY", "PY2", "PY3", "TYPE_CHECKING"}


def no_wider_types(comparison: Comparison) -> Check:
    """The check `no_wider_types`: no new `Any` or `cast`, no signature without annotations, and
    nothing guarded so that a type checker passes it by."""
    found = []
    known = _known(comparison)
    earlier = {
        name: [each for each in comparison.gone if each.name == name]
        for name in {each.name for each in comparison.added}
    }
    for added in comparison.added:
        # The earlier trees share most statements: what one says, each says.
        before: Counter[str] = Counter()
        for each in earlier[added.name]:
            before |= Counter(text for _, text in _findings(each, known))
        for line, text in _findings(added, known):
            before[text] -= 1
            if before[text] < 0:
                found.append(f"{added.path}:{line}: {text}")
    return none_of("no_wider_types", found)


@dataclass(frozen=True)
class _Known:
    """What is wrong with the names of a file that stand for such a thing, by path and name; and
    the package's modules."""

    names: Mapping[tuple[str, str], str]
    modules: frozenset[str]


def _known(comparison: Comparison) -> _Known:
    names = comparison.names(comparison.trees.final)
    made = {(each.path, each.bound): names.made_at(each.source) for each in comparison.fresh}
    modules = frozenset(module_name(p) for p in comparison.trees.final if p.endswith(".py"))
    return _Known({key: _MADE_AT[name] for key, name in made.items() if name in _MADE_AT}, modules)


def _findings(statement: Said, known: _Known) -> Iterator[tuple[int, str]]:
    for node in ast.walk(statement.node):
        line = getattr(node, "lineno", statement.line)
        for text in (*_said_by(node), *_unseen(node, known.modules)):
            yield line, text
        for name, attribute in _in_quotes(node):
            if reason := _WRONG.get(name) if attribute else known.names.get((statement.path, name)):
                yield line, reason


def _unseen(node: ast.AST, modules: Set[str]) -> Iterator[str]:
    """What a type checker takes on trust: functions that take anything, and `_UNSEEN`."""
    if isinstance(node, ast.Subscript) and _is_callable(node.value):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if any(isinstance(each, ast.Constant) and each.value is ... for each in parts):
            yield "widens with Callable[..., ]"
    for annotation in annotations_of(node):
        bare = {id(n) for n in ast.walk(annotation) if _is_callable(n)}
        bare -= {id(n.value) for n in ast.walk(annotation) if isinstance(n, ast.Subscript)}
        if bare:
            yield "widens with Callable"
    name = node.attr if isinstance(node, ast.Attribute) else ""
    if isinstance(node, ast.Name):
        home, _, last = node.id.removeprefix(MARK).rpartition(".")
        name = last if home and home not in modules and home != "builtins" else ""
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == f"{MARK}builtins.getattr":
        name = next((str(a.value) for a in node.args[1:] if isinstance(a, ast.Constant)), "")
    if name in _UNSEEN:
        yield f"{_UNSEEN[name]} .{name}"


def _is_callable(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in _CALLABLES


def _in_quotes(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """The names in text that may be a type in quotes: in an annotation, in brackets, or where
    typing is given a type. With each, whether it is an attribute."""
    inside: list[ast.AST] = [*annotations_of(node)]
    if isinstance(node, ast.Subscript):
        inside.append(node.slice)
    elif isinstance(node, ast.Call) and _is_typings(node.func):
        inside += [*node.args, *node.keywords]
    for each in (child for part in inside for child in ast.walk(part)):
        text = unquoted(each)
        if text is not each:
            yield from ((n.id, False) for n in ast.walk(text) if isinstance(n, ast.Name))
            yield from ((n.attr, True) for n in ast.walk(text) if isinstance(n, ast.Attribute))


def _said_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name | ast.Attribute):
        yield from _named(node)
    elif isinstance(node, _FUNCTION):
        yield from _unannotated(node)
    for test in _tests(node):
        for name in _worked_out(test):
            yield f"hides code with {name}"


def _is_typings(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id.startswith(
        tuple(f"{MARK}{module}." for module in _TYPING)
    )


def _named(node: ast.Name | ast.Attribute) -> Iterator[str]:
    if isinstance(node, ast.Name):
        dotted = node.id.removeprefix(MARK)
        if dotted in _MADE_AT:
            yield _MADE_AT[dotted]
        elif dotted.rpartition(".")[2] in _WORKED_OUT_NAMES:
            yield f"hides code with {dotted.removeprefix('builtins.')}"
    elif isinstance(node, ast.Attribute) and node.attr in _WORKED_OUT_NAMES:
        yield f"hides code with .{node.attr}"


def _tests(node: ast.AST) -> Iterator[ast.expr]:
    """What decides whether code next to it is read."""
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        if not (isinstance(node, ast.Assert) and _holds_anyway(node.test)):
            yield node.test
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.comprehension):
        yield from node.ifs
    elif isinstance(node, ast.Match):
        yield node.subject
    elif isinstance(node, ast.match_case) and node.guard:
        yield node.guard


def _holds_anyway(test: ast.expr) -> bool:
    """Whether it says `sys.version_info >= (3, 10)` or less: that hides nothing."""
    if not (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.GtE)):
        return False
    if ast.dump(test.left) != ast.dump(ast.Name(f"{MARK}sys.version_info", ast.Load())):
        return False
    return ast.unparse(test.comparators[0]) in _LEAST and len(test.ops) == 1


def _worked_out(test: ast.expr) -> Iterator[str]:
    for node in ast.walk(test):
        if isinstance(node, ast.Name):
            dotted = node.id.removeprefix(MARK)
            if any(dotted == name or dotted.startswith(f"{name}.") for name in _WORKED_OUT):
                yield dotted


def _unannotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    arguments += [each for each in (node.args.vararg, node.args.kwarg) if each]
    bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
    if bare:
        yield f"has no annotation for {', '.join(bare)}"
