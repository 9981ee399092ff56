"""A statement's meaning as text: without imports, docstrings, comments and spelling of names."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from runner.image.states import Tree
from runner.judge.names import COMPREHENSION, Names, blocks, import_bindings, looped, stored
from runner.judge.trees import Trees

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
# No identifier of Python begins like this.
MARK = "@"
_TYPING = ("typing", "typing_extensions")
_LITERAL = {f"{MARK}{module}.Literal" for module in _TYPING}
_ANNOTATED = {f"{MARK}{module}.Annotated" for module in _TYPING}
_ALIAS = {f"{MARK}{module}.TypeAlias" for module in _TYPING}


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a module that is neither an import nor the docstring.

    `name` is the function's or class's, or the first one assigned, else empty; `source` is the
    text of its lines, `raw` its syntax tree as Python reads it.
    """

    path: str
    line: int
    name: str
    source: str
    raw: ast.stmt


@dataclass(frozen=True)
class Said:
    """A statement told by what it says and not by how it is written.

    `node` has names from elsewhere and built-in ones as dotted names (see `MARK`), annotations
    without quotes, and no imports or docstrings; `text` is the same, to be compared.
    """

    path: str
    line: int
    name: str
    node: ast.AST
    text: str


def statements(trees: Trees, tree: Tree, path: str) -> list[Statement]:
    """The statements of a file that are neither imports nor its docstring."""
    module = trees.module(tree[path]) if path in tree else None
    if module is None:
        return []
    lines = tree[path].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    found = []
    for node in without_docstring(module.body):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
            source = "\n".join(lines[first - 1 : node.end_lineno])
            found.append(Statement(path, node.lineno, defined(node), source, node))
    return found


def said(names: Names, statement: Statement) -> Said | None:
    """What a statement says; None when it holds imports alone."""
    node = Spelling(names, statement.path).visit(statement.raw)
    if node is None:
        return None
    return Said(statement.path, statement.line, statement.name, node, ast.dump(node))


def defined(node: ast.stmt) -> str:
    """The name a statement defines; empty when it defines none."""
    if isinstance(node, _FUNCTION | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return next(stored(node), "")
    return ""


def without_docstring(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """A body without the text it begins with."""
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body


class Spelling(ast.NodeTransformer):
    """Gives a copy of a node in which names from elsewhere are dotted names (see `MARK`)."""

    def __init__(self, names: Names, path: str) -> None:
        """Names are those of the module at `path`."""
        self.names = names
        self.path = path
        # None stands for a name that a function around here binds.
        self.known: dict[str, str | None] = dict(names.of(path))
        # Whether text is a type in quotes here.
        self.quoted = False

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """A changed copy; the tree that was given stays as it is."""
        if not isinstance(node, COMPREHENSION):
            return self._copied(node)
        outer = self.known
        self.known = outer | dict.fromkeys(looped(node))
        copy = self._copied(node)
        self.known = outer
        # The first iterable is read where the comprehension stands, not inside it.
        assert isinstance(copy, COMPREHENSION)
        copy.generators[0].iter = self.visit(node.generators[0].iter)
        return copy

    def _copied(self, node: ast.AST) -> ast.AST:
        copy = ast.copy_location(type(node)(), node)
        for name, value in ast.iter_fields(node):
            outer = self.known
            if name == "body" and isinstance(node, _FUNCTION | ast.Lambda):
                self.known = outer | self._bound_in(node)
            setattr(copy, name, self._field(node, name, value))
            self.known = outer
        return copy

    def _field(self, node: ast.AST, name: str, value: object) -> object:
        if name in ("annotation", "returns") and isinstance(value, ast.AST):
            return self._type(value)
        if isinstance(value, ast.AST):
            return self.visit(value)
        if not isinstance(value, list):
            return value
        has_docstring = name == "body" and isinstance(node, _FUNCTION | ast.ClassDef)
        kept = without_docstring(value) if has_docstring else value
        visited = [self.visit(v) if isinstance(v, ast.AST) else v for v in kept]
        return [v for v, old in zip(visited, kept, strict=True) if v is not None or old is None]

    def _type(self, node: ast.AST, *, quoted: bool = True) -> ast.AST:
        """What stands where a type does, with its quotes taken off; or what does not."""
        outer, self.quoted = self.quoted, quoted
        spelt = self.visit(node)
        self.quoted = outer
        assert isinstance(spelt, ast.AST)
        return spelt

    def _bound_in(self, node: ast.AST) -> dict[str, str | None]:
        assert isinstance(node, _FUNCTION | ast.Lambda)
        own = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        imported: dict[str, str | None] = {}
        inside = blocks(node) if isinstance(node, _FUNCTION) else [node.body]
        for child in inside:
            imported.update(import_bindings(child, self.path))
            if isinstance(child, _FUNCTION | ast.ClassDef):
                own.add(child.name)
            else:
                own.update(stored(child))
        return dict.fromkeys(own) | imported

    def visit_Import(self, node: ast.Import) -> None:
        """Dropped: names say where they come from."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Dropped: names say where they come from."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """An `if` that guards imports alone says nothing."""
        spelt = self.generic_visit(node)
        assert isinstance(spelt, ast.If)
        return spelt if spelt.body or spelt.orelse else None

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """What is assigned to a `TypeAlias` is a type."""
        spelt = self.generic_visit(node)
        assert isinstance(spelt, ast.AnnAssign)
        if node.value and isinstance(spelt.annotation, ast.Name) and spelt.annotation.id in _ALIAS:
            value = self._type(node.value)
            assert isinstance(value, ast.expr)
            spelt.value = value
        return spelt

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """A type in quotes is that type."""
        inner = unquoted(node) if self.quoted else node
        return node if inner is node else self.visit(inner)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """The text in a `Literal`, and what `Annotated` says beside the type, is no type."""
        value = self.visit(node.value)
        name = value.id if isinstance(value, ast.Name) else ""
        if name in _ANNOTATED and isinstance(node.slice, ast.Tuple) and node.slice.elts:
            first, *rest = node.slice.elts
            parts = [self.visit(first), *(self._type(each, quoted=False) for each in rest)]
            inner: ast.AST = ast.copy_location(ast.Tuple(parts, node.slice.ctx), node.slice)
        else:
            inner = self._type(node.slice, quoted=self.quoted and name not in _LITERAL)
        assert isinstance(value, ast.expr)
        assert isinstance(inner, ast.expr)
        return ast.copy_location(ast.Subscript(value, inner, node.ctx), node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """The dotted name of a name from elsewhere; a function's own stay."""
        source = self.known.get(node.id, f"builtins.{node.id}")
        if source is None:
            return node
        return _named(self.names.made_at(source), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """`module.name` is one dotted name."""
        value = self.visit(node.value)
        # What is stored in the built-in names is told apart from a class's own names.
        kept = not isinstance(node.ctx, ast.Load) and _is_builtins(value)
        if isinstance(value, ast.Name) and value.id.startswith(MARK) and not kept:
            return _named(self.names.made_at(f"{value.id[1:]}.{node.attr}"), node)
        return ast.copy_location(ast.Attribute(value, node.attr, node.ctx), node)


def _is_builtins(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id.startswith(f"{MARK}builtins")


def _named(dotted: str, node: ast.Name | ast.Attribute) -> ast.Name:
    return ast.copy_location(ast.Name(MARK + dotted, node.ctx), node)


def unquoted(node: ast.AST) -> ast.AST:
    """An annotation with its quotes taken off, where they hold an expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            inner = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return node
        for each in ast.walk(inner):
            ast.copy_location(each, node)
        return inner
    return node
