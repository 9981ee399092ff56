"""Trees of a task: made by insertion, undone by the reference solution, named by a digest."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from runner.config.solution import Create, Edit
from runner.config.tasks import Insertion, Task, load_tasks
from runner.errors import UsageError
from runner.image.states import (
    apply_solution,
    broken_files,
    file_mode,
    pristine_tree,
    starting_tree,
    tree_digest,
    tree_tar,
)

BREAKAGE = Path(__file__).parents[2] / "breakage"
MODULE = b'"""Doc."""\n\nimport os\nfrom sys import (\n    argv,\n)\n\n\ndef f():\n    import re\n'


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    return load_tasks(BREAKAGE)


def with_insertion(task: Task, path: str, text: str) -> Task:
    return replace(task, insertions=(Insertion(path, text),), added_files={})


def archive(**entries: bytes | None) -> bytes:
    """A .tar.gz of `name=content`; None makes a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            if content is None:
                entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["pkg-1/../evil.py", "/etc/evil.py", "loose.py"])
def test_a_source_distribution_with_an_odd_path_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="odd member"):
        pristine_tree(archive(**{name: b""}))


def test_a_source_distribution_with_a_link_is_refused() -> None:
    with pytest.raises(UsageError, match="odd member: 'pkg-1/link'"):
        pristine_tree(archive(**{"pkg-1/link": None}))


def test_the_pristine_tree_is_without_the_top_folder_and_the_builders_own_file() -> None:
    tree = pristine_tree(archive(**{"pkg-1/PKG-INFO": b"x", "pkg-1/pkg/a.py": b"a\n"}))
    assert tree == {"pkg/a.py": b"a\n"}


def test_an_insertion_into_a_missing_file_is_refused(tasks: dict[str, Task]) -> None:
    with pytest.raises(UsageError, match=r"T1: the repository has no file gone\.py"):
        starting_tree({}, with_insertion(tasks["T1"], "gone.py", "x = 1\n"))


def test_an_insertion_into_what_is_no_python_is_refused(tasks: dict[str, Task]) -> None:
    with pytest.raises(UsageError, match=r"a\.py is not Python"):
        starting_tree({"a.py": b"def :"}, with_insertion(tasks["T1"], "a.py", "x = 1\n"))


def test_an_added_file_must_be_new(tasks: dict[str, Task]) -> None:
    tree = {"tests/test_t3_feature.py": b"mine"}
    with pytest.raises(UsageError, match="exists in the repository already"):
        starting_tree(tree, tasks["T3"])


def test_an_insertion_goes_after_the_last_import_of_the_top_level(tasks: dict[str, Task]) -> None:
    tree = starting_tree({"a.py": MODULE}, with_insertion(tasks["T1"], "a.py", "\nx = 1"))
    assert tree["a.py"] == MODULE.replace(b")\n", b")\n\nx = 1\n", 1)


def test_a_module_without_imports_gets_it_at_its_very_top(tasks: dict[str, Task]) -> None:
    tree = starting_tree(
        {"a.py": b"# hello\nA = 1\n"}, with_insertion(tasks["T1"], "a.py", "B = 2")
    )
    assert tree["a.py"] == b"B = 2\n# hello\nA = 1\n"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Edit("gone.py", "a", "b"), "no file"),
        (Edit("a.py", "absent", "b"), "0 times"),
        (Edit("a.py", "x", "b"), "2 times"),
        (Create("a.py", "new"), "exists already"),
    ],
)
def test_a_solution_that_does_not_fit_is_refused(step: Edit | Create, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        apply_solution({"a.py": b"x x\n"}, (step,))


def test_the_steps_of_a_solution_build_on_each_other() -> None:
    steps = (Create("b.py", "one\n"), Edit("b.py", "one", "two"), Edit("b.py", "two", "three"))
    assert apply_solution({}, steps) == {"b.py": b"three\n"}


def test_the_solution_of_t1_takes_away_what_was_inserted(tasks: dict[str, Task]) -> None:
    tree = {insertion.path: MODULE for insertion in tasks["T1"].insertions}
    start = starting_tree(tree, tasks["T1"])
    assert all(start[path] != MODULE for path in tree)
    assert apply_solution(start, tasks["T1"].solution) == tree


def test_t1_breaks_the_18_files_of_the_design(tasks: dict[str, Task]) -> None:
    package = "__main__ colors _typing _types completion utils testing models rich_utils main"
    package += " params _completion_classes _completion_shared"
    tests = "ambiguous_params callback_warning exit_errors annotated deprecation"
    expected = {f"typer/{name}.py" for name in package.split()}
    expected |= {f"tests/test_{name}.py" for name in tests.split()}
    assert set(broken_files(tasks["T1"])) == expected
    assert len(expected) == len(tasks["T1"].insertions) == 18


def test_no_inserted_line_gives_itself_away(tasks: dict[str, Task]) -> None:
    words = (
        "broken",
        "break",
        "inject",
        "t1",
        "error",
        "fixme",
        "bug",
        "noqa",
        "type: ignore",
        "#",
    )
    for insertion in tasks["T1"].insertions:
        text = insertion.text.lower()
        assert [word for word in words if word in text] == []


def test_the_digest_tells_paths_contents_and_modes_apart() -> None:
    trees = [{"a": b"1"}, {"b": b"1"}, {"a": b"2"}, {"a": b"1", "b": b""}, {}, {"a": b"#!1"}]
    assert len({tree_digest(tree) for tree in trees}) == len(trees)
    assert tree_digest({"a": b"1", "b": b"2"}) == tree_digest({"b": b"2", "a": b"1"})


def test_the_tar_is_the_same_bytes_for_the_same_tree() -> None:
    tree = {"z/run.sh": b"#!/bin/sh\n", "a.py": b"x\n"}
    assert tree_tar(tree, 7) == tree_tar(dict(reversed(tree.items())), 7)
    with tarfile.open(fileobj=io.BytesIO(tree_tar(tree, 7))) as tar:
        members = [(m.name, m.mode, m.mtime, m.uid) for m in tar.getmembers()]
    assert members == [("z", 0o755, 7, 0), ("a.py", 0o644, 7, 0), ("z/run.sh", 0o755, 7, 0)]


def test_only_scripts_may_be_run() -> None:
    assert (file_mode(b"#!/bin/sh\n"), file_mode(b"print()\n")) == (0o755, 0o644)
