"""Text in new code: what it may speak of, and what may be filled in.

`str.format` reads attributes by the names that its text holds: the text has to be known.
"""

import ast
import re
import string
from collections.abc import Iterator

from runner.judge.rules import outside
from runner.judge.rules.values import Values, dotted_name, once

FORMATS = ("format", "format_map")
_SPEAKS_OF_TESTS = ("pytest", "conftest", "sitecustomize", "usercustomize")
# A sentence may name the tool, not its modules and variables.
_PLAIN_WORD = re.compile(r"(?<![\w.])pytest(?!\.?\w)")


def odd_text(value: str | bytes) -> Iterator[str]:
    """What a text may not speak of."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    for word in _words(text):
        if outside.dunder(word) and word not in outside.DUNDERS:
            yield f"speaks of {word}"
    told = _PLAIN_WORD.sub("", text) if len(text.split()) > 1 else text
    for name in _SPEAKS_OF_TESTS:
        if name in told.lower():
            yield f"speaks of {name}"


def _words(text: str) -> list[str]:
    return "".join(c if c == "_" or c.isalnum() else " " for c in text).split()


def odd_formats(statement: ast.AST, values: Values) -> Iterator[tuple[ast.AST, str]]:
    """Each `.format` of a text that reads what it may not, or that is not known."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and node.attr in FORMATS:
            texts = _known(node.value, statement, values)
        elif (dotted := dotted_name(node)).rpartition(".")[2] in FORMATS:
            home = dotted.rpartition(".")[0]
            if home == "builtins" or values.is_module(home):
                continue  # a function of that name
            texts = _folded(values.assigned(home))
        else:
            continue
        if texts is None:
            yield node, "fills in a text that is made up at run time"
        for text in texts or ():
            yield from ((node, reason) for reason in odd_fields(text))


def odd_fields(text: str) -> Iterator[str]:
    """The attributes that the text's fields read and may not."""
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        return  # Python refuses it too
    for _, field, spec, _ in fields:
        for part in re.split(r"[.\[\]]+", field or "")[1:]:
            if objection := outside.odd_attribute(part):
                yield objection
        if spec:
            yield from odd_fields(spec)


def _known(node: ast.expr, statement: ast.AST, values: Values) -> list[str] | None:
    if dotted := dotted_name(node):
        return _folded(values.assigned(dotted))
    return _folded(once(statement, node.id) if isinstance(node, ast.Name) else node)


def _folded(node: ast.expr | None) -> list[str] | None:
    """Every text that an expression can be; None when that cannot be told."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _folded(node.left), _folded(node.right)
        known = left is not None and right is not None
        return [a + b for a in left or () for b in right or ()] if known else None
    if isinstance(node, ast.IfExp):
        one, other = _folded(node.body), _folded(node.orelse)
        return one + other if one is not None and other is not None else None
    return None
