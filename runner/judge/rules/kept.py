"""What the published code says, it still says; what a task asks for is where it asks for it."""

import ast
from collections import Counter
from collections.abc import Iterator

from runner.config.tasks import CheckSpec
from runner.judge.canonical import MARK, Said, said, statements
from runner.judge.compare import Comparison, apart
from runner.judge.names import Names
from runner.judge.rules.verdicts import none_of
from runner.judge.trees import covers, module_name, module_path
from runner.types import Check


def code_kept(spec: CheckSpec, comparison: Comparison) -> Check:
    """Every statement at the top of the pristine files is still there, as it was.

    Imports, comments, docstrings and layout are free; a function that the task moves is looked
    for in its new place.
    """
    trees = comparison.trees
    paths = [p for p in comparison.code if covers(spec.paths, p) and p in trees.pristine]
    before, after = comparison.names(trees.pristine), comparison.names(trees.final)
    found = []
    for path in paths:
        if path not in trees.final:
            found.append(f"{path}: deleted")
            continue
        gone, new = apart(trees, trees.pristine, trees.final, path)
        there = Counter(each.text for s in new if (each := said(after, s)))
        for each in (each for s in gone if (each := said(before, s))):
            if f"{module_name(path)}.{each.name}" in comparison.renamed:
                continue
            there[each.text] -= 1
            if there[each.text] < 0:
                found.append(f"{path}:{each.line}: {_shown(each)} is not as it was")
    return none_of(spec.name, found)


def _shown(statement: Said) -> str:
    return statement.name or f"the statement {type(statement.node).__name__}"


def same_function(spec: CheckSpec, comparison: Comparison) -> list[str]:
    """How the moved function differs from what it was; nothing when it does not."""
    trees = comparison.trees
    before, after = comparison.names(trees.pristine), comparison.names(trees.final)
    was = _named(before, spec.old_path, spec.function)
    now = _named(after, spec.new_path, spec.function)
    if not was:
        return []
    if len(now) != 1:
        return [f"{spec.new_path}: defines {spec.function} {len(now)} times"]
    if now[0].text != was[0].text:
        return [f"{spec.new_path}:{now[0].line}: {spec.function} does not say what it said"]
    return []


def _named(names: Names, path: str, function: str) -> list[Said]:
    found = [s for s in statements(names.trees, names.tree, path) if s.name == function]
    return [each for s in found if (each := said(names, s))]


def function_added(spec: CheckSpec, comparison: Comparison) -> Check:
    """The package hands out a function of that name with that signature, written in Python.

    `signature` is the `def` line. Followed through imports and plain assignments. Nothing that
    was added holds a text of `never_says`.
    """
    names = comparison.names(comparison.trees.final)
    node, where = _found(names, f"{spec.package}.{spec.function}")
    if node is None:
        return none_of(spec.name, [f"{spec.package}.{spec.function}: {where}"])
    wanted = ast.parse(f"{spec.signature}: ...").body[0]
    assert isinstance(wanted, ast.FunctionDef)
    reasons = list(_differences(node, wanted))
    if isinstance(node, ast.AsyncFunctionDef):
        reasons.append("is asynchronous")
    found = [f"{where}:{node.lineno}: {spec.function} {reason}" for reason in reasons]
    return none_of(spec.name, [*found, *_hard_coded(comparison, spec.never_says)])


_AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


def _found(names: Names, dotted: str) -> tuple[_AnyFunction | None, str]:
    for _ in range(8):
        dotted = names.made_at(dotted)
        module, _, name = dotted.rpartition(".")
        path = module_path(module, names.tree)
        if path is None:
            return None, f"leads to {dotted}, which is not of this repository"
        made = _named(names, path, name)
        if len(made) != 1:
            return None, f"{path} defines {name} {len(made)} times"
        node = made[0].node
        if isinstance(node, _AnyFunction):
            return node, path
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if not (isinstance(value, ast.Name) and value.id.startswith(MARK)):
            return None, f"{path}:{made[0].line}: {name} is no function"
        dotted = value.id.removeprefix(MARK)
    return None, "is handed on too often"


def _differences(node: _AnyFunction, wanted: ast.FunctionDef) -> Iterator[str]:
    for kind in ("posonlyargs", "args", "kwonlyargs"):
        taken = [a.arg for a in getattr(node.args, kind)]
        asked = [a.arg for a in getattr(wanted.args, kind)]
        if taken != asked:
            yield f"takes {taken}, not {asked} ({kind})"
    if node.args.vararg or node.args.kwarg:
        yield "takes more than it was asked to"
    if len(node.args.defaults) != len(wanted.args.defaults):
        yield "has other defaults"
    for has_default, wants_default in zip(node.args.defaults, wanted.args.defaults, strict=False):
        # A named constant is looked at where it is called: by the task's probe.
        if isinstance(has_default, ast.Constant) and isinstance(wants_default, ast.Constant):
            has, wants = repr(has_default.value), repr(wants_default.value)
            if has != wants:
                yield f"has the default {has}, not {wants}"
    for has_type, wants_type in zip(_types(node), _types(wanted), strict=False):
        if has_type != wants_type:
            yield f"says {has_type}, not {wants_type}"


def _types(node: _AnyFunction) -> list[str]:
    annotations = [a.annotation for a in node.args.args] + [node.returns]
    return [
        ast.unparse(each).replace(f"{MARK}builtins.", "") if each else "nothing"
        for each in annotations
    ]


def _hard_coded(comparison: Comparison, never: tuple[str, ...]) -> Iterator[str]:
    """Where new code says a result: a constant beside the function is no better than in it."""
    for added in comparison.added:
        for each in ast.walk(added.node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str | float):
                for text in never:
                    if text in str(each.value):
                        yield f"{added.path}:{each.lineno}: says {text} by itself"
