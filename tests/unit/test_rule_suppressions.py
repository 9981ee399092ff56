"""Comments that silence a tool: counted before and after, wherever they are written."""

import pytest
from fakes import Edits, after, task

from runner.judge.change import NOTHING
from runner.judge.static import static_checks
from runner.judge.trees import Trees
from runner.types import Check

SILENT = {
    "typer/a.py": b"import os  # noqa: F401\nx: int = f()  # type: ignore[no-any-return]\n",
    "typer/b.py": b"# mypy: ignore-errors\ny = 1\n",
    "tests/test_a.py": b"z = 1  # type: ignore\n",
    "docs/x.py": b"q = 1\n",
}


def silenced(edits: Edits) -> Check:
    checks = static_checks(task(), Trees({}, SILENT, after(SILENT, edits)), NOTHING)
    return next(check for check in checks if check.name == "no_new_suppressions")


ALLOWED: dict[str, Edits] = {
    "nothing done": {},
    "taken away": {"typer/a.py": b"", "typer/b.py": None},
    "moved with its code": {
        "typer/a.py": b"import os  # noqa: F401\n",
        "typer/new.py": b"x: int = f()  # type: ignore[no-any-return]\n",
    },
    "spaced otherwise": {"typer/a.py": b"import os  #noqa:F401\n"},
    "in a string": {"typer/c.py": b'HELP = "write # noqa or # type: ignore"\n'},
    "in a docstring": {"typer/c.py": b'"""\n# noqa\n# type: ignore\n"""\n'},
    "a comment about it": {"typer/c.py": b"# this type is ignored, there is no qa\n"},
    "not a Python file": {"typer/c.txt": b"# noqa\n"},
    "broken Python without any": {"typer/c.py": b"def (:\n"},
}
NEW: dict[str, Edits] = {
    "noqa": {"typer/c.py": b"import os  # noqa\n"},
    "noqa with a code": {"typer/c.py": b"import os  # noqa: E501\n"},
    "shouted": {"typer/c.py": b"import os  #NoQA\n"},
    "after other words": {"typer/c.py": b"import os  # needed # noqa\n"},
    "for a file": {"typer/c.py": b"# ruff: noqa\n"},
    "for a file, spaced": {"typer/c.py": b"# ruff : noqa\n"},
    "for a line, spaced": {"typer/c.py": b"import os  # ruff : ignore[F401]\n"},
    "twice marked": {"typer/c.py": b"import os  ## noqa\n"},
    "for a file, by its old name": {"typer/c.py": b"# flake8: noqa\n"},
    "ruff, from here on": {"typer/c.py": b"# ruff: disable[F401]\n"},
    "import order": {"typer/c.py": b"# isort: skip_file\n"},
    "a type in a comment": {"typer/c.py": b"x = f()  # type: int\n"},
    "another checker's": {"typer/c.py": b"x = f()  # pyright: ignore\n"},
    "type": {"typer/c.py": b"x: int = f()  # type: ignore\n"},
    "type, tight": {"typer/c.py": b"x: int = f()  #type:ignore\n"},
    "mypy for a file": {"typer/c.py": b"# mypy: ignore-errors\n"},
    "mypy's own setting": {"typer/c.py": b'# mypy: disable-error-code="return-value"\n'},
    "a second one alike": {"typer/a.py": SILENT["typer/a.py"] * 2},
    "wider than before": {"typer/a.py": b"import os  # noqa\n"},
    "wider type": {"typer/a.py": b"x: int = f()  # type: ignore\n"},
    "another code": {"typer/a.py": b"import os  # noqa: F841\n"},
    "borrowed from the tests": {
        "tests/test_a.py": b"z = 1\n",
        "typer/c.py": b"z = 1  # type: ignore\n",
    },
    "a file's moved to another": {"typer/b.py": b"y = 1\n", "typer/c.py": SILENT["typer/b.py"]},
    "in a stub": {"typer/c.pyi": b"x: int  # type: ignore\n"},
    "in a file Python cannot read": {"typer/c.py": b"def (:\n    x  # noqa\n"},
    "after an unfinished string": {"typer/c.py": b'"""\nimport os  # noqa\n'},
    "in a file that is no UTF-8": {"typer/c.py": b"# caf\xe9\nimport os  # noqa\n"},
    "under a coding nobody knows": {"typer/c.py": b"# coding: klingon\nx  # noqa\n"},
    "under a coding for bytes": {"typer/c.py": b"# coding: rot13\nx  # noqa\n"},
    "under a coding that hides it": {
        "typer/c.py": b'# coding: unicode_escape\n"""\\x22\\x22\\x22\nx  # noqa\n"""\n'
    },
    "with NUL": {"typer/c.py": b"x = 1  # noqa\n\0"},
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_silences_nothing_new_passes(name: str) -> None:
    check = silenced(ALLOWED[name])
    assert check.passed, check.detail


@pytest.mark.parametrize("name", NEW)
def test_a_new_suppression_fails_and_is_named(name: str) -> None:
    check = silenced(NEW[name])
    assert not check.passed
    assert check.detail["found"]


def test_a_suppression_is_named_with_its_line() -> None:
    check = silenced({"typer/c.py": b"import os\nimport re  # noqa: F401\n"})
    assert check.detail["found"] == ["typer/c.py:2: #noqa:f401"]
