"""No new comment that silences a tool."""

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from runner.image.states import Tree
from runner.judge.compare import Comparison
from runner.judge.rules.verdicts import none_of
from runner.types import Check

# Comments that silence a tool: a line's (with the codes they name), and a whole file's.
SUPPRESSION = re.compile(
    r"#\s*(?P<line>type:\s*ignore(\s*\[[^\]]*\])?|noqa(\s*:\s*[A-Z]+[0-9]+([\s,]+[A-Z]+[0-9]+)*)?)"
    r"|#\s*(ruff|flake8|isort|mypy|pyright|pylint|fmt|ty|pyre|yapf|autopep8)\s*:[^#]*"
    r"|#\s*type\s*:[^#]*",
    re.IGNORECASE,
)
UTF_8 = ("utf-8", "utf-8-sig")


def no_new_suppressions(comparison: Comparison) -> Check:
    """The check `no_new_suppressions`: no silencing comment beyond those of the starting tree.

    A line's may move with its code inside its top folder; a whole file's stays in its file.
    """
    trees = comparison.trees
    paths = trees.changed()
    allowed = Counter((s.scope, s.text) for s in suppressions(trees.starting, paths))
    new = []
    for found in suppressions(trees.final, paths):
        allowed[found.scope, found.text] -= 1
        if allowed[found.scope, found.text] < 0:
            new.append(f"{found.where}: {found.text}")
    return none_of("no_new_suppressions", new)


@dataclass(frozen=True)
class Suppression:
    """A comment that silences a tool: `where` is file:line, `text` has no spaces."""

    scope: str
    where: str
    text: str


def suppressions(tree: Tree, paths: Iterable[str]) -> Iterator[Suppression]:
    """Each silencing comment of those Python files of a tree."""
    for path in paths:
        if path not in tree or not path.endswith((".py", ".pyi")):
            continue
        if not SUPPRESSION.search(tree[path].decode("utf-8", "replace")):
            continue  # reading it token by token takes long
        for line, comment in comments(tree[path]):
            for match in SUPPRESSION.finditer(comment):
                scope = PurePosixPath(path).parts[0] if match["line"] else path
                text = "".join(match.group().lower().split())
                yield Suppression(scope, f"{path}:{line}", text)


def comments(source: bytes) -> Iterator[tuple[int, str]]:
    """Each comment as (line, text).

    A file Python cannot tokenise, or that is to be read otherwise than ruff reads it (as
    UTF-8), gives all its lines.
    """
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        tokens = []
    if not tokens or tokens[0].string not in UTF_8:
        yield from enumerate(source.decode("utf-8", "replace").splitlines(), start=1)
        return
    yield from ((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)
