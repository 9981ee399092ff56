"""No file that a tool reads for its settings, that Python runs by itself, or that hides another."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from runner.image.states import Tree
from runner.judge.compare import Comparison
from runner.judge.rules.outside import STDLIB, TOOLS
from runner.judge.rules.verdicts import none_of
from runner.judge.trees import covers
from runner.types import Check

# Text nobody imports: what editors and patches leave behind does no harm.
_INERT = frozenset({".bak", ".diff", ".log", ".md", ".orig", ".patch", ".rej", ".rst", ".txt"})
_BY_ITSELF = frozenset({"conftest", "sitecustomize", "usercustomize", "setup", "__main__"})
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.py")
_FOLDER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def files(comparison: Comparison) -> Check:
    """The check `files`: what was added or taken away is source text with a plain name."""
    trees, task = comparison.trees, comparison.task
    found = []
    for path in trees.changed():
        if path not in trees.final:
            if not path.endswith(".py") and path in trees.pristine:
                found.append(f"{path}: deleted")
        elif reason := _objection(path, trees.starting, trees.final):
            found.append(f"{path}: {reason}")
        if not covers(task.editable, path):
            found.append(f"{path}: is none the task lets change")
    return none_of("files", found)


def _objection(path: str, starting: Tree, final: Tree) -> str | None:
    name = PurePosixPath(path)
    if path in starting:
        settled = name.suffix == ".py" or name.suffix in _INERT
        return None if settled else "is no source text, and changed"
    if name.suffix in _INERT and not name.name.startswith("."):
        return None
    if not _MODULE.fullmatch(name.name):
        return "is no Python module with a plain name"
    if any(not _FOLDER.fullmatch(part) for part in name.parts[:-1]):
        return "lies in a folder that can be no package"
    return next(_shadows(name, final), None)


def _shadows(path: PurePosixPath, final: Tree) -> Iterator[str]:
    if path.stem in _BY_ITSELF:
        yield f"is run by itself: {path.name}"
    if path.stem in STDLIB | TOOLS and path.stem != "__init__":
        yield f"has the name of the module {path.stem}"
    if any(part in STDLIB | TOOLS for part in path.parts[:-1]):
        yield "lies in a folder with the name of another module"
    lower = {p.lower(): p for p in final if p != str(path)}
    if str(path).lower() in lower:
        yield f"differs from {lower[str(path).lower()]} in case only"
    if f"{path.parent}.py" in final:
        yield f"hides {path.parent}.py"
    if path.name != "__init__.py" and f"{path.with_suffix('')}/__init__.py" in final:
        yield f"is hidden by {path.with_suffix('')}/"


def source(comparison: Comparison) -> Check:
    """The check `source_text`: every changed Python file is plain UTF-8 that Python can read."""
    trees = comparison.trees
    changed = [p for p in trees.changed() if p.endswith(".py") and p in trees.final]
    before: Mapping[str, bytes] = trees.pristine
    found = []
    for path in changed:
        data = trees.final[path]
        if data == before.get(path):
            continue
        line, reason = _unreadable(data)
        if reason:
            found.append(f"{path}:{line}: {reason}")
        elif trees.module(data) is None:
            found.append(f"{path}:{_broken_at(data)}: is no Python that can be read")
    return none_of("source_text", found)


_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_HIDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def _unreadable(data: bytes) -> tuple[int, str]:
    """The line and the reason; no reason when it is plain text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1, "is not UTF-8"
    for number, line in enumerate(data.split(b"\n")[:2], start=1):
        coding = _CODING.match(line)
        if coding and coding[1].lower() not in (b"utf-8", b"utf8"):
            return number, f"says it is {coding[1].decode()}"
    plain = text.replace("\r\n", "\n").removeprefix("\ufeff")
    hidden = _HIDING.search(plain)
    if hidden is None:
        return 1, ""
    return plain.count("\n", 0, hidden.start()) + 1, f"holds the character {hidden[0]!r}"


def _broken_at(data: bytes) -> int:
    try:
        ast.parse(data)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return 1
    return 1
