"""No import of what runs the tests or leads out of the package, and no name made another's."""

import ast
import builtins
from collections import Counter
from collections.abc import Iterator

from runner.image.states import Tree
from runner.judge.canonical import MARK
from runner.judge.compare import Comparison, Import
from runner.judge.names import Names, blocks, import_bindings, stored
from runner.judge.rules import outside, vendors
from runner.judge.rules.verdicts import none_of
from runner.judge.trees import module_name, module_path
from runner.types import Check

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_IMPORTED_DUNDERS = ("__version__", "__author__")


def imports(comparison: Comparison) -> Check:
    """The check `imports`: new imports that lead out, and names that now stand for others."""
    return none_of(
        "imports",
        [
            *_leading_out(comparison),
            *_made_others(comparison),
            *_oddly_bound(comparison),
            *_out_of_sight(comparison),
        ],
    )


def _leading_out(comparison: Comparison) -> Iterator[str]:
    trees = comparison.trees
    own, used = vendors.own_packages(comparison), vendors.used_before(comparison)
    same_file = {(each.path, each.source, each.whole) for each in comparison.stale}
    sources = {each.source for each in comparison.stale if not each.whole} | _reached(comparison)
    for new in comparison.fresh:
        if (new.path, new.source, new.whole) in same_file:
            continue
        if reason := _objection(new, own, used, sources, trees.final):
            yield f"{new.path}:{new.line}: {reason}"


def _objection(
    new: Import, own: frozenset[str], used: frozenset[str], sources: set[str], tree: Tree
) -> str | None:
    if new.bound == "*":
        return f"takes everything: {new.source}"
    top = new.source.partition(".")[0]
    if new.whole:
        if top in own:
            return None if module_path(new.source, tree) else f"imports {new.source}"
        known = new.source in outside.MODULES or top in used
        return None if known else f"imports {new.source}"
    if new.source in outside.MODULES and top != "builtins":
        return None  # a module taken from its package, as `from collections import abc`
    if top not in own and new.source in sources:
        return None  # moved with its code; what is done with it is the rule `reach`'s
    return outside.odd_name(new.source, own, used) and f"imports {new.source}"


def _reached(comparison: Comparison) -> set[str]:
    """What the changed files used by a module's name before, as one may import it by its own."""
    return {
        name.id.removeprefix(MARK)
        for each in comparison.earlier
        for name in ast.walk(each.node)
        if isinstance(name, ast.Name) and name.id.startswith(MARK)
    }


def _oddly_bound(comparison: Comparison) -> Iterator[str]:
    """New imports that bind a name Python looks up by itself, or one name to two things."""
    names = comparison.names(comparison.trees.final)
    known = {(each.path, each.bound, each.source) for each in comparison.stale}
    first: dict[tuple[str, str], str] = {}
    for each in sorted(comparison.fresh, key=lambda i: (i.path, i.bound, i.line)):
        top = each.source.partition(".")[0]
        made = names.made_at(top if each.whole and each.bound == top else each.source)
        other = first.setdefault((each.path, each.bound), made)
        if (each.path, each.bound, each.source) in known:
            continue
        where = f"{each.path}:{each.line}"
        if outside.dunder(each.bound) and each.bound not in _IMPORTED_DUNDERS:
            yield f"{where}: binds {each.bound}"
        if other != made and each.bound != "*":
            yield f"{where}: {each.bound} stands for {other} and for {made}"


def _out_of_sight(comparison: Comparison) -> Iterator[str]:
    """New imports whose names are read as something else's: a class's, an outer function's."""
    trees = comparison.trees
    for path in comparison.code:
        known = {
            text
            for tree in (trees.pristine, trees.starting)
            for _, text in _hidden_imports(comparison, tree, path)
        }
        for line, text in _hidden_imports(comparison, trees.final, path):
            if text not in known:
                yield f"{path}:{line}: {text}"


def _hidden_imports(comparison: Comparison, tree: Tree, path: str) -> Iterator[tuple[int, str]]:
    module = comparison.trees.module(tree[path]) if path in tree else None
    for node in ast.walk(module) if module else ():
        inside = list(blocks(node)) if isinstance(node, ast.ClassDef | _FUNCTION) else []
        taken = [each for each in inside if isinstance(each, ast.Import | ast.ImportFrom)]
        outer = {name for each in inside if isinstance(each, ast.Nonlocal) for name in each.names}
        for each in taken:
            if isinstance(node, ast.ClassDef):
                yield each.lineno, f"imports inside class {node.name}: {ast.unparse(each)}"
            elif outer & {name for name, _ in import_bindings(each, path)}:
                yield each.lineno, f"imports for an outer function: {ast.unparse(each)}"


def _made_others(comparison: Comparison) -> Iterator[str]:
    trees = comparison.trees
    before, after = comparison.names(trees.pristine), comparison.names(trees.final)
    for path in comparison.code:
        if path not in trees.final:
            continue
        old = before.of(path) if path in trees.pristine else {}
        lines = _lines(comparison, path)
        for name, text in (*_rebound(path, old, before, after), *_bound_twice(comparison, path)):
            yield f"{path}:{lines.get(name, 1)}: {name} {text}"


def _lines(comparison: Comparison, path: str) -> dict[str, int]:
    """Where each name at the top of a final module is bound, the last time."""
    found: dict[str, int] = {}
    module = comparison.trees.module(comparison.trees.final[path])
    for node in blocks(module) if module else ():
        line = getattr(node, "lineno", 1)
        found |= dict.fromkeys(_names_bound(node, path), line)
    return found


def _rebound(
    path: str, old: dict[str, str], before: Names, after: Names
) -> Iterator[tuple[str, str]]:
    own = module_name(path)
    for name, source in after.of(path).items():
        if name in old:
            if old[name] == source:
                continue
            was, now = before.made_at(old[name]), after.made_at(source)
            if was != now:
                yield name, f"was {was} and is {now}"
        elif hasattr(builtins, name):
            yield name, "is the name of a built-in"
        elif source != f"{own}.{name}" and _is_module(f"{own}.{name}", path, before):
            yield name, f"is the name of a module of {own}"


def _is_module(dotted: str, path: str, names: Names) -> bool:
    return path.endswith("/__init__.py") and module_path(dotted, names.tree) is not None


def _bound_twice(comparison: Comparison, path: str) -> Iterator[tuple[str, str]]:
    trees = comparison.trees
    final = _bound(comparison, trees.final, path)
    known = _bound(comparison, trees.pristine, path) | _bound(comparison, trees.starting, path)
    for name, count in final.items():
        if count > max(1, known[name]):
            yield name, f"is bound {count} times"


def _bound(comparison: Comparison, tree: Tree, path: str) -> Counter[str]:
    module = comparison.trees.module(tree[path]) if path in tree else None
    found: Counter[str] = Counter()
    for node in blocks(module) if module else ():
        found.update(_names_bound(node, path))
    return found


def _names_bound(node: ast.AST, path: str) -> set[str]:
    """The names that one statement binds; not those that statements inside it bind."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        # `import x.y` after `import x.z` binds the same `x` again.
        return {name for name, of in import_bindings(node, path) if name != of}
    return set() if any(blocks(node)) else set(stored(node))
