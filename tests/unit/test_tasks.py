import hashlib
from pathlib import Path

import pytest

from runner.config.settings import ROOT
from runner.config.solution import Create, Edit
from runner.config.tasks import Insertion, Task, load_task, load_tasks
from runner.errors import UsageError

GOOD = {
    "task.toml": """\
id = "T9"
title = "Made up"
editable = ["typer/**"]
tests_added = ["tests/test_n.py::test_n"]

[signals]
mypy_errors = 1
mypy_files = 1
ruff_errors = 0
passed = 3
not_collected = 0

[[check]]
name = "moved"
kind = "function_moved"
function = "f"
old_path = "typer/a.py"
new_path = "typer/b.py"

[[check]]
name = "callable"
kind = "probe"
program = "hidden/probe.toml"
""",
    "prompt.md": "Mend it.\n",
    "breakage.toml": '[[insert]]\npath = "typer/a.py"\ntext = "x = y"\n',
    "solution.toml": (
        '[[edit]]\npath = "typer/a.py"\nold = "x = y"\n\n'
        '[[create]]\npath = "typer/b.py"\ntext = "z"\n'
    ),
    "hidden/probe.toml": "program = 'print({})'\n\n[expected]\nit = 1\n",
    "files/tests/test_n.py": "def test_n(): ...\n",
}


def laid(folder: Path, **changed: str | bytes | None) -> Path:
    """A task's folder with some files changed, or (None) left out."""
    task = folder / "T9"
    for name, data in {**GOOD, **changed}.items():
        if data is None:
            continue
        path = task / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return task


def test_a_good_folder_is_read_whole(tmp_path: Path) -> None:
    task = load_task(laid(tmp_path))
    assert (task.id, task.title, task.prompt) == ("T9", "Made up", "Mend it.\n")
    assert (task.editable, task.tests_added) == (("typer/**",), ("tests/test_n.py::test_n",))
    assert task.insertions == (Insertion("typer/a.py", "x = y"),)
    assert task.added_files == {"tests/test_n.py": b"def test_n(): ...\n"}
    assert task.solution == (Create("typer/b.py", "z"), Edit("typer/a.py", "x = y", ""))
    assert [check.name for check in task.checks] == ["moved", "callable"]


def test_a_task_may_break_and_add_nothing(tmp_path: Path) -> None:
    left_out = {"breakage.toml": None, "files/tests/test_n.py": None}
    task = load_task(laid(tmp_path, **left_out))
    assert (task.insertions, task.added_files) == ((), {})


# (the file, what is replaced, by what, what the message says)
WRONG = {
    "misspelt key": ("task.toml", "editable", "editible", "unknown key 'editible'"),
    "misspelt signal": ("task.toml", "mypy_files", "mypy_flies", "signals.mypy_flies"),
    "missing signal": ("task.toml", "passed = 3\n", "", "signals.passed"),
    "wrong type": ("task.toml", 'editable = ["typer/**"]', 'editable = "typer/**"', "editable"),
    "number as text": ("task.toml", "passed = 3", 'passed = "3"', "signals.passed"),
    "another id": ("task.toml", '"T9"', '"T8"', "id 'T8' is not the folder's name"),
    "unknown kind": ("task.toml", "function_moved", "function_gone", "check.0.kind"),
    "check without settings": ("task.toml", 'function = "f"\n', "", "'moved' of kind function_"),
    "probe without program": ("task.toml", 'program = "hidden/probe.toml"\n', "", "needs program"),
    "program not there": ("task.toml", "probe.toml", "prob.toml", "no file hidden/prob.toml"),
    "program unreadable": ("hidden/probe.toml", "expected", "wanted", "unknown key 'wanted'"),
    "two checks of a name": ("task.toml", '"callable"', '"moved"', "two checks are named 'moved'"),
    "no TOML": ("breakage.toml", "[[insert]]", "[[insert]", "breakage.toml: is not valid TOML"),
    "misspelt breakage": ("breakage.toml", "text", "txt", "insert.0.txt"),
    "misspelt edit": ("solution.toml", "old =", "odl =", "edit.0.odl"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, name: str) -> None:
    file, old, new, message = WRONG[name]
    assert old in GOOD[file]
    folder = laid(tmp_path, **{file: GOOD[file].replace(old, new, 1)})
    with pytest.raises(UsageError) as caught:
        load_task(folder)
    assert str(caught.value).startswith(f"{folder / file}: ")
    assert message in str(caught.value)


# (what is replaced in task.toml, by what, what the message says)
EDITABLE = 'editable = ["typer/**"]'
FUNCTION = (
    'kind = "function_moved"\nfunction = "f"\nold_path = "typer/a.py"\nnew_path = "typer/b.py"'
)
UNANSWERABLE = {
    "nothing editable": (EDITABLE, "editable = []", "'editable' names no file"),
    "absolute": (EDITABLE, 'editable = ["/etc/**"]', "'/etc/**' is absolute"),
    "leads out": (EDITABLE, 'editable = ["../**"]', "leads out of the repository"),
    "leads out later": (EDITABLE, 'editable = ["typer/../../x/**"]', "leads out"),
    "everything": (EDITABLE, 'editable = ["**"]', "belongs to the repository's tools"),
    "the history": (EDITABLE, 'editable = [".git/**"]', "belongs to the repository's tools"),
    "not plain": (EDITABLE, 'editable = ["typer//x/**"]', "not spelt plainly"),
    "a backslash": (EDITABLE, "editable = ['typer\\x']", "not spelt plainly"),
    "stars elsewhere": (EDITABLE, 'editable = ["typer/*.py"]', "neither folder/** nor a file's"),
    "no tests": (EDITABLE, EDITABLE + "\ntests = []", "'tests' names no file"),
    "tests lead out": (EDITABLE, EDITABLE + '\ntests = ["../t/**"]', "leads out"),
    "fingerprint unreadable": (
        FUNCTION,
        'kind = "fingerprint"\npaths = ["tests/test_n.py"]\nsha256 = "9419XY"',
        "sha256 is no SHA-256",
    ),
    "fingerprint of nothing": (
        FUNCTION,
        f'kind = "fingerprint"\nsha256 = "{"0" * 64}"',
        "'moved' of kind fingerprint needs paths",
    ),
    "fingerprint outside": (
        FUNCTION,
        f'kind = "fingerprint"\npaths = ["/etc/passwd"]\nsha256 = "{"0" * 64}"',
        "'/etc/passwd' is absolute",
    ),
    "moved from outside": ('"typer/a.py"', '"../typer/a.py"', "leads out of the repository"),
    "no signature": (
        FUNCTION,
        'kind = "function_added"\nfunction = "f"\npackage = "typer"\nsignature = "f(x)"',
        "signature is no line",
    ),
    "the judge's name": ('"callable"', '"pytest"', "the judge has one of that name"),
}


@pytest.mark.parametrize("name", UNANSWERABLE)
def test_what_cannot_be_asked_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    old, new, message = UNANSWERABLE[name]
    assert old in GOOD["task.toml"]
    folder = laid(tmp_path, **{"task.toml": GOOD["task.toml"].replace(old, new, 1)})
    with pytest.raises(UsageError) as caught:
        load_task(folder)
    assert str(caught.value).startswith(f"{folder / 'task.toml'}: ")
    assert message in str(caught.value)


def test_a_task_that_nothing_tests_is_refused(tmp_path: Path) -> None:
    text = GOOD["task.toml"].partition("[[check]]")[0]
    text = text.replace('tests_added = ["tests/test_n.py::test_n"]\n', "")
    text = text.replace("mypy_errors = 1", "mypy_errors = 0")
    with pytest.raises(UsageError, match=r"task\.toml: nothing tests a solution"):
        load_task(laid(tmp_path, **{"task.toml": text}))


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        ("prompt.md", None, "cannot be read"),
        ("prompt.md", b"caf\xe9", "not UTF-8"),
        ("solution.toml", None, "cannot be read"),
        ("solution.toml", b"", r"holds no \[\[edit\]\]"),
        ("breakage.toml", b"", "insert"),
        ("task.toml", b"\xff", "not valid TOML"),
        ("task.toml", None, "cannot be read"),
    ],
)
def test_a_missing_or_unreadable_file_is_named(
    tmp_path: Path, file: str, data: bytes | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_task(laid(tmp_path, **{file: data}))
    assert file in str(caught.value)


def test_folders_that_are_no_task_are_left_alone(tmp_path: Path) -> None:
    laid(tmp_path)
    (tmp_path / "notes").mkdir()
    assert list(load_tasks(tmp_path)) == ["T9"]


def test_a_folder_without_a_task_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no task"):
        load_tasks(tmp_path / "nowhere")


# ---- the shipped tasks -------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> dict[str, Task]:
    return load_tasks(ROOT / "breakage")


def test_the_tasks_are_the_experiments(shipped: dict[str, Task]) -> None:
    assert list(shipped) == ["T1", "T2", "T3"]
    signals = {
        name: (s.mypy_errors, s.mypy_files, s.ruff_errors, s.passed, s.not_collected)
        for name, s in ((task.id, task.signals) for task in shipped.values())
    }
    assert signals == {
        "T1": (16, 9, 28, 1324, 5),
        "T2": (0, 0, 0, 1356, 0),
        "T3": (0, 0, 0, 1356, 0),
    }


def test_t1_breaks_the_18_files_of_the_design_without_marking_them(
    shipped: dict[str, Task],
) -> None:
    insertions = shipped["T1"].insertions
    packages = "__main__ colors _typing _types completion utils testing models rich_utils main"
    packages += " params _completion_classes _completion_shared"
    tests = "ambiguous_params callback_warning exit_errors annotated deprecation"
    assert {each.path for each in insertions} == {
        *(f"typer/{name}.py" for name in packages.split()),
        *(f"tests/test_{name}.py" for name in tests.split()),
    }
    assert not any("#" in each.text for each in insertions)


def test_t3_tests_are_the_ones_its_fingerprint_names(shipped: dict[str, Task]) -> None:
    task = shipped["T3"]
    (spec,) = (check for check in task.checks if check.kind == "fingerprint")
    (path,) = spec.paths
    source = task.added_files[path]
    assert hashlib.sha256(source).hexdigest() == spec.sha256
    added = {test.partition("::") for test in task.tests_added}
    assert {file for file, _, _ in added} == {path}
    assert len(added) == 3
    assert all(f"def {name}(".encode() in source for _, _, name in added)


@pytest.mark.parametrize("name", ["T1", "T2", "T3"])
def test_a_solution_stays_where_changes_may_travel(shipped: dict[str, Task], name: str) -> None:
    task = shipped[name]
    folders = tuple(pattern.removesuffix("**") for pattern in task.editable)
    assert all(step.path.startswith(folders) for step in task.solution)


@pytest.mark.parametrize("name", ["T1", "T2", "T3"])
def test_every_task_keeps_the_published_code_where_it_may_be_edited(
    shipped: dict[str, Task], name: str
) -> None:
    task = shipped[name]
    (spec,) = (check for check in task.checks if check.kind == "code_kept")
    assert set(spec.paths) == set(task.editable) - set(task.tests)
