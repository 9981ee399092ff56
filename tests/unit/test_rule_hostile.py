"""New code that reaches out, hides or widens is refused, by a named check, with file and line."""

import re

import pytest
from doc_pages import ALL, table
from rule_world import module, plain, refused, rewritten, snippets

from runner.judge.rules.guards import SILENCERS, WIDENERS
from runner.judge.static import COMMON

HOSTILE = {f"{check}: {name}": (check, line, source) for check, name, line, source in snippets()}


def test_there_are_snippets_for_the_rules_that_read_code() -> None:
    assert {check for check, _, _ in HOSTILE.values()} == {"imports", "reach", "no_wider_types"}
    assert {check for check, _, _ in HOSTILE.values()} <= set(COMMON)
    assert len(HOSTILE) > 250


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_snippet_is_refused_with_its_line(name: str) -> None:
    check, line, source = HOSTILE[name]
    found = refused(module(source)).get(check, [])
    assert [each for each in found if each.startswith(f"typer/new.py:{line}: ")], found


def test_an_import_over_two_lines_is_refused() -> None:
    assert refused(module("import \\\n  gc\n"))["imports"] == ["typer/new.py:1: imports gc"]


def test_the_same_words_in_a_rewritten_function_are_refused() -> None:
    edits = rewritten(b"    return x * 2\n", b"    os._exit(0)\n    return x * 2\n")
    assert refused(edits)["reach"] == ["typer/a.py:12: reaches os._exit"]


def test_a_name_taken_over_is_refused() -> None:
    edits = rewritten(b"import os\n", b"from .models import Info as os\n")
    assert refused(edits)["imports"] == ["typer/a.py:1: os was os and is typer.models.Info"]


def test_a_function_shadowed_later_is_refused() -> None:
    edits = rewritten(b"class Box:\n", b"double = loose\n\n\nclass Box:\n")
    assert "typer/a.py:19: double is bound 2 times" in refused(edits)["imports"]


def test_a_new_function_may_not_say_what_a_kept_one_of_its_name_says() -> None:
    # Spelling the old one otherwise is no leave to write another.
    edits = {
        **rewritten(b"from typing import Any, cast\n", b"import typing\nfrom typing import Any\n"),
        **module("from typing import Any, cast\n\n\ndef loose(x: Any) -> int:\n"
                 "    return cast(int, x)\n"),
    }  # fmt: skip
    edits["typer/a.py"] = edits["typer/a.py"].replace(b"cast(str", b"typing.cast(str")  # type: ignore[union-attr]
    found = refused(edits)
    assert set(found) == {"no_wider_types"}
    assert "typer/new.py:5: widens with cast" in found["no_wider_types"]


def test_what_a_function_said_before_it_may_say_in_another_spelling() -> None:
    edits = rewritten(b"from typing import Any, cast\n", b"import typing as t\n")
    edits["typer/a.py"] = (
        (edits["typer/a.py"] or b"").replace(b"x: Any", b"x: t.Any").replace(b"cast(", b"t.cast(")
    )  # type: ignore[index]
    assert refused(edits) == {}


def test_the_page_names_what_widens_and_what_hides() -> None:
    (row,) = [r for r in table(ALL["docs/judge.md"], "Static rules", "check") if "no_wider" in r[0]]
    assert {*WIDENERS, *SILENCERS} <= {*re.findall(r"\w+", row[1])}


HONEST = {
    "a walrus in a comprehension": "def f(x: int) -> int:\n"
    "    return sum(y for z in range(x) if (y := z))\n",
    "a loop variable with a function's name": "from .a import double\n\n\n"
    "def f(x: int) -> int:\n    return sum(double for double in range(x))\n",
    "nested loops": "def f(x: int) -> int:\n"
    "    return len({k: v for k in range(x) for v in range(k)})\n",
    "attributes of its own": "class A:\n    def __init__(self) -> None:\n        self.x = 1\n\n"
    "    def f(self) -> None:\n        self.x += 1\n        self.y: int = 2\n",
    "a class's own": "class A:\n    n: int = 0\n\n    @classmethod\n"
    "    def f(cls) -> None:\n        cls.n = 1\n",
    "two modules of the package": "import typer.a\nimport typer.models\n\n\n"
    "def f(x: int) -> int:\n    return typer.a.double(x)\n",
    "a template": "from string import Template\n\n\ndef f(x: int) -> str:\n"
    "    return Template('$x').substitute(x=x)\n",
    "the environment": "import os\n\n\ndef f() -> int:\n"
    "    return int(os.getenv('COLUMNS', '80'))\n",
    "an abstract class": "from abc import ABC, abstractmethod\n\n\nclass A(ABC):\n"
    "    @abstractmethod\n    def f(self) -> int: ...\n",
    "a local with a built-in's name": "def f(x: int) -> int:\n    id = x\n    return len([id])\n",
    "errors": "def f(x: str) -> int:\n    try:\n        return int(x)\n"
    "    except (ValueError, TypeError) as error:\n"
    "        raise RuntimeError(str(error)) from error\n",
    "an enumeration": "from enum import Enum\n\n\nclass C(str, Enum):\n    a = 'a'\n",
    "a generic class": "from typing import Generic, TypeVar\n\nT = TypeVar('T')\n\n\n"
    "class P(Generic[T]):\n    def f(self, x: T) -> T:\n        return x\n",
    "a named tuple": "from collections import namedtuple\n\nP = namedtuple('P', 'a b')\n",
    "a comment on types": "# The type: an int. ruff and mypy pass.\nX = 1\n",
    "imports for types alone": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
    "    from .models import Info\n\n\ndef f(x: 'Info') -> str:\n    return x.name\n",
    **dict(plain()),
}


@pytest.mark.parametrize("name", HONEST)
def test_plain_code_is_not_refused(name: str) -> None:
    assert refused(module(HONEST[name])) == {}
