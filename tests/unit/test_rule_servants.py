"""What the package and its libraries do for others is no way out for new code."""

import pytest
from fakes import after, task

from runner.judge.change import NOTHING
from runner.judge.rules.outside import SERVANTS
from runner.judge.static import static_checks
from runner.judge.trees import Trees
from runner.types import Check

MAIN = b"""import subprocess

from rich.progress import open as shown

from ._click.utils import open_file


def launch(url: str) -> int:
    return subprocess.run(["open", url]).returncode


def read(path: str) -> str:
    with open_file(path) as found:
        return found.read()


def show(path: str) -> str:
    with shown(path) as found:
        return found.read()
"""
TREE = {
    "typer/__init__.py": b"from .main import launch as launch\n",
    "typer/main.py": MAIN,
    "typer/_click/__init__.py": b"",
    "typer/_click/utils.py": b"def open_file(path: str) -> object: ...\n",
}


def refused(path: str, source: bytes) -> dict[str, Check]:
    trees = Trees(TREE, TREE, after(TREE, {path: source}))
    checks = static_checks(task(), trees, NOTHING)
    return {check.name: check for check in checks if not check.passed}


USES = {
    "its launcher": ("import typer", "typer.launch"),
    "its launcher, at home": ("from . import main", "main.launch"),
    "its launcher, by name": ("from .main import launch", "launch"),
    "its opener": ("from ._click.utils import open_file as o", "o"),
    "an opener that another module took": ("from .main import open_file", "open_file"),
    "a library's opener": ("from rich.progress import open as o", "o"),
    "a library's opener, whole": ("import rich.progress", "rich.progress.open"),
    "a library's way to save": ("from rich.console import Console", "Console().save_text"),
    "a class's way to save": ("from rich.console import Console", "Console.save_text"),
}


@pytest.mark.parametrize("name", USES)
def test_a_new_use_is_refused(name: str) -> None:
    taken, used = USES[name]
    source = f"{taken}\n\n\ndef f(x: str) -> None:\n    {used}(x)\n".encode()
    found = refused("typer/new.py", source)["reach"].detail["found"]
    assert str(found).startswith("['typer/new.py:5: reaches ")


def test_what_a_function_used_it_may_use_as_it_is_mended() -> None:
    mended = MAIN.replace(b"(path: str) -> str", b"(path: str, more: str = '') -> str")
    assert refused("typer/main.py", mended) == {}


def test_it_may_be_handed_on_as_before() -> None:
    moved = b"# Opens a page.\nfrom .main import launch as launch\n__all__ = ['launch']\n"
    assert refused("typer/__init__.py", moved) == {}


def test_the_list_is_dotted_names() -> None:
    assert all(name.count(".") for name in SERVANTS)
