"""No file that a tool obeys, that runs by itself or hides another; no text that hides code."""

import pytest
from fakes import Edits
from rule_world import TREE, module, refused

FILES: dict[str, tuple[str, str]] = {
    "conftest": ("typer/conftest.py", "is run by itself"),
    "sitecustomize": ("typer/sitecustomize.py", "is run by itself"),
    "usercustomize": ("typer/usercustomize.py", "is run by itself"),
    "a module to run": ("typer/sub/__main__.py", "is run by itself"),
    "setup": ("typer/setup.py", "is run by itself"),
    "a stub": ("typer/a.pyi", "is no Python module"),
    "a path file": ("typer/x.pth", "is no Python module"),
    "compiled": ("typer/a.pyc", "is no Python module"),
    "compiled, cached": ("typer/__pycache__/a.cpython-311.pyc", "is no Python module"),
    "a library": ("typer/a.so", "is no Python module"),
    "ruff's settings": ("typer/ruff.toml", "is no Python module"),
    "ruff's settings, hidden": ("typer/.ruff.toml", "is no Python module"),
    "mypy's settings": ("typer/mypy.ini", "is no Python module"),
    "pytest's settings": ("typer/pytest.ini", "is no Python module"),
    "more settings": ("typer/tox.ini", "is no Python module"),
    "a project": ("typer/pyproject.toml", "is no Python module"),
    "what git ignores": ("typer/.gitignore", "is no Python module"),
    "a marker": ("typer/py.typed", "is no Python module"),
    "a pickle": ("typer/cache.pkl", "is no Python module"),
    "hidden notes": ("typer/.notes.md", "is no Python module"),
    "a name with a dash": ("typer/a-b.py", "is no Python module"),
    "a name in other letters": ("typer/ａ.py", "is no Python module"),
    "a dashed folder": ("typer/a-b/c.py", "can be no package"),
    "a library's name": ("typer/json.py", "has the name of the module json"),
    "a tool's name": ("typer/pytest.py", "has the name of the module pytest"),
    "another tool's name": ("typer/mypy.py", "has the name of the module mypy"),
    "a folder with a library's name": ("typer/os/x.py", "name of another module"),
    "in other case": ("typer/A.py", "in case only"),
    "a package that hides a module": ("typer/a/__init__.py", "hides typer/a.py"),
    "out of bounds": ("scripts/x.py", "is none the task lets change"),
    "at the root": ("conftest.py", "is none the task lets change"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_may_not_be_there_is_named(name: str) -> None:
    path, reason = FILES[name]
    found = refused({path: b""})["files"]
    assert any(each.startswith(f"{path}: ") and reason in each for each in found), found


CHANGED: dict[str, tuple[Edits, str]] = {
    "settings changed": ({"pyproject.toml": b""}, "pyproject.toml: is no source text, and changed"),
    "settings deleted": ({"pyproject.toml": None}, "pyproject.toml: deleted"),
    "data of tests": ({"tests/data.txt": b"2\n"}, "tests/data.txt: is none the task lets change"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_file_that_may_not_change_is_named(name: str) -> None:
    edits, reason = CHANGED[name]
    assert reason in refused(edits)["files"]


@pytest.mark.parametrize("path", ["typer/NOTES.md", "typer/sub/x.py", "typer/a.py.orig"])
def test_modules_and_inert_text_may_be_added(path: str) -> None:
    assert refused({path: b""}) == {}


UNREADABLE = {
    "not UTF-8": (b"X = 1\nY = '\xff'\n", 2, "is not UTF-8"),
    "another coding": (b"# coding: utf-7\nX = 1\n", 1, "says it is utf-7"),
    "coding of an editor": (b"#!x\n# vim: set fileencoding=rot13 :\n", 2, "says it is rot13"),
    "an 8-bit coding": (b"# -*- coding: latin-1 -*-\nX = 1\n", 1, "says it is latin-1"),
    "two bytes a letter": ("X = 1\n".encode("utf-16"), 1, "is not UTF-8"),
    "NUL": (b"X = 1\n\0", 2, "holds the character '\\x00'"),
    "a form feed": (b"X = 1\n\x0cY = 1\n", 2, "holds the character '\\x0c'"),
    "a lone carriage return": (b"X = 1  # x\rimport gc\n", 1, "holds the character '\\r'"),
    "text turned round": ("X = 1\nY = '\u202e'\n".encode(), 2, "holds the character '\\u202e'"),
    "a line's end nobody sees": ("# \u2028\n".encode(), 1, "holds the character '\\u2028'"),
    "a mark in the middle": ("X = 1\n\ufeffY = 1\n".encode(), 2, "holds the character '\\ufeff'"),
    "escape codes": (b"X = '\x1b[0m'\n", 1, "holds the character '\\x1b'"),
    "no Python": (b"X = 1\ndef (:\n", 2, "is no Python that can be read"),
    "deep": (b"X = " + b"(" * 500 + b")" * 500 + b"\n", 1, "is no Python that can be read"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_source_that_tools_may_read_differently_is_named(name: str) -> None:
    data, line, reason = UNREADABLE[name]
    assert refused(module(data))["source_text"] == [f"typer/new.py:{line}: {reason}"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfX = 1\n",
        b"X = 1\r\nY = 2\r\n",
        b"# -*- coding: utf-8 -*-\n",
        "Ü = 1\n".encode(),
    ],
)
def test_plain_source_passes(data: bytes) -> None:
    assert refused(module(data)) == {}


# ---- tests -------------------------------------------------------------------------------

TEST = TREE["tests/test_a.py"]
WEAKER: dict[str, tuple[bytes | None, int]] = {
    "deleted": (None, 1),
    "emptied": (b"", 1),
    "one test gone": (TEST.partition(b"\n\n\ndef test_b")[0] + b"\n", 4),
    "one test empty": (TEST.replace(b"assert typer.double(0) == 0", b"..."), 8),
    "weakened": (TEST.replace(b"== 4", b"!= 5"), 4),
    "skipped": (TEST.replace(b"def test_b", b"@skip\ndef test_b"), 9),
    "expected to fail": (b"import pytest\n\npytestmark = pytest.mark.xfail\n" + TEST, 1),
    "skipped whole": (TEST.replace(b"import typer\n", b"import typer\n\nexit()\n"), 3),
    "import or skip": (TEST.replace(b"import typer\n", b"import x\n"), 1),
    "renamed": (TEST.replace(b"test_b", b"check_b"), 8),
    "more than before": (TEST + b"\n\ndef test_c() -> None: ...\n", 12),
    "no Python": (TEST + b"def (", 1),
}


@pytest.mark.parametrize("name", WEAKER)
def test_a_test_that_says_something_else_is_named(name: str) -> None:
    data, line = WEAKER[name]
    (found,) = refused({"tests/test_a.py": data}, ("typer/**", "tests/**"))["tests_kept"]
    assert found.startswith(f"tests/test_a.py:{line}: ")


def test_a_new_test_file_is_named() -> None:
    found = refused({"tests/test_z.py": b""}, ("typer/**", "tests/**"))
    assert found["tests_kept"] == ["tests/test_z.py:1: added"]


def test_comments_and_layout_of_tests_are_free() -> None:
    edits = {"tests/test_a.py": b"# all\n\n" + TEST.replace(b"\n\n\n", b"\n\n\n\n")}
    assert refused(edits, ("typer/**", "tests/**")) == {}
