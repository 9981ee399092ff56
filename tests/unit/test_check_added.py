"""A function that a task asks for is handed out as asked, and works its result out."""

import pytest
from fakes import Edits, after, task
from rule_world import TREE

from runner.config.tasks import CheckSpec
from runner.judge.change import NOTHING
from runner.judge.static import static_checks
from runner.judge.trees import Trees
from runner.types import Check

SPEC = CheckSpec(
    "added",
    "function_added",
    function="banner",
    package="typer",
    signature='def banner(prefix: str = "Typer") -> str',
    never_says=("0.26", "3.11"),
)
EXPORT = TREE["typer/__init__.py"] + b"from .new import banner as banner\n"
DEF = 'def banner(prefix: str = "Typer") -> str:\n'
HONEST = f'from .a import LIMIT\n\n\n{DEF}    return f"{{prefix}} v{{LIMIT}}"\n'


def added(source: str, edits: Edits | None = None) -> Check:
    final = after(
        TREE, {"typer/__init__.py": EXPORT, "typer/new.py": source.encode(), **(edits or {})}
    )
    checks = static_checks(task(checks=(SPEC,)), Trees(TREE, TREE, final), NOTHING)
    (check,) = (check for check in checks if check.name == "added")
    return check


WRITTEN_DOWN = {
    "in the function": (f'{DEF}    return prefix + " v0.26.8"\n', 2),
    "in a default": (f'def work(x: str = "v0.26.8") -> str:\n    return x\n\n\n'
                     f"{DEF}    return work()\n", 1),
    "in a constant": (f'_TAIL = "v0.26.8 (Python 3.11)"\n\n\n{DEF}    return prefix + _TAIL\n', 1),
    "in a helper": (f'def tail() -> str:\n    return "v0.26.8"\n\n\n{DEF}    return tail()\n', 2),
    "in a class": (f"class Tail:\n    python = 3.11\n\n\n{DEF}    return str(Tail.python)\n", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN_DOWN)
def test_a_result_that_is_written_down_is_named_by_its_line(name: str) -> None:
    source, line = WRITTEN_DOWN[name]
    check = added(source)
    assert not check.passed
    assert any(str(f).startswith(f"typer/new.py:{line}: ") for f in check.detail["found"])  # type: ignore[union-attr]


def test_a_result_that_is_written_down_in_another_file_is_named() -> None:
    far = {"typer/tail.py": b'TAIL = "v0.26.8"\n'}
    check = added(f"from .tail import TAIL\n\n\n{DEF}    return prefix + TAIL\n", far)
    assert check.detail["found"] == ["typer/tail.py:1: says 0.26 by itself"]


@pytest.mark.parametrize(
    "source",
    [
        HONEST,
        f'"""As in Typer v0.26.8."""\n\n{HONEST}',
        HONEST.replace("    return", '    """Typer v0.26.8 (Python 3.11)."""\n    return'),
        HONEST.replace("    return", "    # Typer v0.26.8 (Python 3.11)\n    return"),
    ],
    ids=["worked out", "in the module's docstring", "in a docstring", "in a comment"],
)
def test_a_result_that_is_worked_out_passes(source: str) -> None:
    assert added(source).passed


ODD = {
    "another signature": HONEST.replace('"Typer"', '"Type"'),
    "more arguments": HONEST.replace('"Typer")', '"Typer", x: int = 1)'),
    "asynchronous": HONEST.replace("def ", "async def "),
    "no function": 'banner = "Typer"\n',
    "twice": HONEST + "\n\n" + HONEST.partition("\n\n\n")[2],
}


@pytest.mark.parametrize("name", ODD)
def test_anything_else_than_what_was_asked_for_fails(name: str) -> None:
    assert not added(ODD[name]).passed
