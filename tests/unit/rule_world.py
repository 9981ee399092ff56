"""A small published package and what the rules say of a change to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from fakes import Edits, after, task

from runner.config.tasks import CheckSpec
from runner.judge.change import NOTHING
from runner.judge.static import static_checks
from runner.judge.trees import Trees

A = b'''import os
from dataclasses import dataclass
from typing import Any, cast

from .models import Info

LIMIT = 10


def double(x: int) -> int:
    """Twice."""
    return x * 2


def loose(x: Any) -> str:
    return cast(str, x)


class Box:
    size: int = 1

    def grow(self, by: int) -> int:
        self.size += by
        return self.size
'''
TREE = {
    "typer/__init__.py": b"from .a import double as double\n",
    "typer/a.py": A,
    "typer/models.py": b"class Info:\n    name: str = ''\n",
    "tests/test_a.py": (
        b"import typer\n\n\ndef test_a() -> None:\n    assert typer.double(2) == 4\n\n\n"
        b"def test_b() -> None:\n    assert typer.double(0) == 0\n"
    ),
    "tests/data.txt": b"1\n",
    "docs/x.md": b"",
    "pyproject.toml": b"[tool.mypy]\nstrict = true\n",
}
KEPT = CheckSpec("code_kept", "code_kept", paths=("typer/**",))
FOLDER = Path(__file__).parent / "hostile"
HONEST = Path(__file__).parent / "honest"


def refused(edits: Edits, editable: tuple[str, ...] = ("typer/**",)) -> Mapping[str, list[str]]:
    """The checks that do not pass after the edits, with what they found."""
    given = task(checks=(KEPT,), editable=editable)
    trees = Trees(TREE, TREE, after(TREE, edits))
    return {
        check.name: [str(each) for each in check.detail["found"]]  # type: ignore[union-attr]
        for check in static_checks(given, trees, NOTHING)
        if not check.passed
    }


def module(source: str | bytes) -> Edits:
    """A new module of the package."""
    return {"typer/new.py": source if isinstance(source, bytes) else source.encode()}


def rewritten(old: bytes, new: bytes) -> Edits:
    """The package's module with one text replaced."""
    assert A.count(old) == 1
    return {"typer/a.py": A.replace(old, new)}


def plain() -> Iterator[tuple[str, str]]:
    """What must be let through: a name and the source, from `honest/*.txt`."""
    for path in sorted(HONEST.glob("*.txt")):
        for part in path.read_text(encoding="utf-8").split("=== ")[1:]:
            name, _, source = part.partition("\n")
            yield f"{path.stem}: {name}", source.rstrip("\n") + "\n"


def snippets() -> Iterator[tuple[str, str, int, str]]:
    """What must be refused: the check, a name, the line that the check must name, the source.

    From `hostile/<check>.txt`; the line is the one that ends with `# <-`.
    """
    for path in sorted(FOLDER.glob("*.txt")):
        for part in path.read_text(encoding="utf-8").split("=== ")[1:]:
            name, _, source = part.partition("\n")
            lines = source.rstrip("\n").split("\n")
            (number,) = (n for n, line in enumerate(lines, 1) if line.endswith("# <-"))
            yield path.stem, name, number, "\n".join(lines) + "\n"
