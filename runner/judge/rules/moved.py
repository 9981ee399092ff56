"""A function is defined in its new place only, says what it said, and is taken from there."""

import ast
import re
import unicodedata
from collections.abc import Iterator

from runner.config.tasks import CheckSpec
from runner.judge.compare import Comparison
from runner.judge.names import import_bindings
from runner.judge.rules.kept import same_function
from runner.judge.trees import absolute, module_name
from runner.types import Check, JsonObject

_EVERYTHING = re.compile(rb"\bimport[\s\\]*\*")


def function_moved(spec: CheckSpec, comparison: Comparison) -> Check:
    """The function is defined in its new place only and imported from there only.

    Its body says what it said, up to imports, docstring, comments and the spelling of names.
    """
    modules = _speaking_of(spec, comparison)
    defined = sorted(path for path, module in modules.items() if defines(module, spec.function))
    imports = [
        (path, source)
        for path, module in sorted(modules.items())
        for source in imported_from(module, path, spec.function)
    ]
    old, new = module_name(spec.old_path), module_name(spec.new_path)
    from_old = [path for path, source in imports if source == old]
    from_new = [path for path, source in imports if source == new]
    changed = same_function(spec, comparison)
    detail: JsonObject = {
        "defined": defined,
        "from_old": from_old,
        "from_new": from_new,
        "changed": changed,
    }
    passed = defined == [spec.new_path] and not from_old and bool(from_new) and not changed
    return Check(spec.name, passed, detail)


def _speaking_of(spec: CheckSpec, comparison: Comparison) -> dict[str, ast.Module]:
    """The modules that can mention the function; reading all others would take a second."""
    trees = comparison.trees
    name = spec.function.encode()
    found = {}
    for path, data in trees.final.items():
        if not path.endswith(".py"):
            continue
        # A name may be spelt with other characters that Python takes for the same.
        odd = (
            not data.isascii()
            and name in unicodedata.normalize("NFKC", data.decode("utf-8", "replace")).encode()
        )
        if name in data or odd or _EVERYTHING.search(data) or path in comparison.code:
            tree = trees.module(data)
            if tree is not None:
                found[path] = tree
    return found


def defines(module: ast.Module, function: str) -> bool:
    """Whether a function of that name is defined anywhere in the module."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return any(isinstance(node, kinds) and node.name == function for node in ast.walk(module))


def imported_from(module: ast.Module, path: str, name: str) -> Iterator[str]:
    """The absolute modules from which the file takes `name`: by import, or as an attribute."""
    bound: dict[str, str] = {}  # what the file's own names for modules stand for
    attributes: list[ast.Attribute] = []
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            source = absolute(node, path)
            if any(alias.name in (name, "*") for alias in node.names):
                yield source
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound.update(import_bindings(node, path))
        elif isinstance(node, ast.Attribute) and node.attr == name:
            attributes.append(node)
    for attribute in attributes:
        head, *rest = dotted(attribute.value)
        if head in bound:
            yield ".".join([bound[head], *rest])


def dotted(node: ast.expr) -> list[str]:
    """`a.b.c` as its parts; a single empty part when it does not begin with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id, *parts] if isinstance(node, ast.Name) else [""]
