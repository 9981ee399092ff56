"""A task and its repository: what does not fit is refused before anything is built or run."""

import hashlib
from collections.abc import Mapping

import pytest
from fakes import task

from runner.config.solution import Create, Edit, Solution
from runner.config.tasks import CheckSpec, Insertion
from runner.errors import UsageError
from runner.judge.solvable import check_solvable

TREE = {
    "typer/__init__.py": b"from .a import f as f\n",
    "typer/a.py": b"import os\n\n\ndef f(x: int) -> int:\n    return x\n",
    "tests/test_a.py": b"def test_a() -> None: ...\n",
    "setup.cfg": b"",
}
GOOD: Solution = (Edit("typer/a.py", "return x", "return x + 1"),)
SHA = hashlib.sha256(TREE["tests/test_a.py"]).hexdigest()


def fingerprint(path: str, sha256: str) -> CheckSpec:
    return CheckSpec("print", "fingerprint", paths=(path,), sha256=sha256)


MISFITS: Mapping[str, tuple[dict[str, object], str]] = {
    "no file to change": ({"editable": ("lib/**",)}, "'editable': no file matches 'lib/**'"),
    "one of two": ({"editable": ("typer/**", "x.cfg")}, "no file matches 'x.cfg'"),
    "no test": ({"tests": ("spec/**",)}, "'tests': no file matches 'spec/**'"),
    "an added test without a file": (
        {"tests_added": ("tests/test_b.py::test_b",)},
        "no file tests/test_b.py",
    ),
    "a solution elsewhere": (
        {"solution": (Create("docs/x.py", ""),)},
        "changes docs/x.py, which 'editable' does not cover",
    ),
    "a solution of another text": (
        {"solution": (Edit("typer/a.py", "return y", ""),)},
        "does not apply: solution: typer/a.py holds the text to replace 0 times",
    ),
    "a solution of no file": (
        {"solution": (Edit("typer/b.py", "x", "y"),)},
        "does not apply: solution: there is no file typer/b.py",
    ),
    "a file that is there": (
        {"solution": (Create("typer/a.py", ""),)},
        "does not apply: solution: typer/a.py exists already",
    ),
    "an insertion into nothing": (
        {"insertions": (Insertion("typer/b.py", "x"),)},
        "the repository has no file typer/b.py",
    ),
    "a fingerprint of nothing": (
        {"checks": (fingerprint("tests/test_b.py", SHA),)},
        "check 'print': there is no file tests/test_b.py",
    ),
    "another fingerprint": (
        {"checks": (fingerprint("tests/test_a.py", "0" * 64),)},
        "check 'print': tests/test_a.py has another fingerprint",
    ),
    "a move from nowhere": (
        {"checks": (CheckSpec("m", "function_moved", function="f", old_path="b", new_path="c"),)},
        "check 'm': there is no file b",
    ),
    "kept code of no file": (
        {"checks": (CheckSpec("kept", "code_kept", paths=("lib/**",)),)},
        "check 'kept': no file matches lib/**",
    ),
    "a solution that silences": (
        {"solution": (Edit("typer/a.py", "return x", "return x  # noqa"),)},
        "the reference solution fails the check 'no_new_suppressions'",
    ),
    "a solution that reaches": (
        {"solution": (Edit("typer/a.py", "return x", "os._exit(0)"),)},
        "the reference solution fails the check 'reach'",
    ),
    "a solution that does not solve": (
        {"checks": (CheckSpec("kept", "code_kept", paths=("typer/**",)),)},
        "the reference solution fails the check 'kept'",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_refused_with_the_reason(name: str) -> None:
    changed, message = MISFITS[name]
    with pytest.raises(UsageError) as caught:
        check_solvable(task(**{"solution": GOOD, **changed}), TREE)
    assert message in str(caught.value)


def test_a_task_that_fits_is_let_pass() -> None:
    given = task(solution=GOOD, checks=(fingerprint("tests/test_a.py", SHA),))
    check_solvable(given, TREE)
