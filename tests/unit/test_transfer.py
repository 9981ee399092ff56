import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from doc_pages import ALL
from fakes import DictSandbox, entry, task

from runner.errors import UsageError
from runner.judge import transfer as module
from runner.judge.change import MAX_FILE_BYTES, Change, packed, unpacked
from runner.judge.transfer import admitted, collect, editable, from_folder, leftover
from runner.types import TreeEntry

STARTING = {
    "typer/main.py": b"main",
    "typer/sub/deep.py": b"deep",
    "tests/test_a.py": b"test",
    "setup.cfg": b"cfg",
    "run.sh": b"#!/bin/sh\n",
}


def changed(
    edits: Mapping[str, bytes], gone: tuple[str, ...] = (), more: tuple[TreeEntry, ...] = ()
) -> Change:
    """What is collected after an agent's edits and deletions; `more` are odd entries."""
    files = {path: data for path, data in {**STARTING, **edits}.items() if path not in gone}
    entries = [entry(path, data) for path, data in files.items()]
    kept = [each for each in entries if each.path not in {odd.path for odd in more}]
    return collect([*kept, *more], DictSandbox(files), STARTING, task())


def test_an_untouched_tree_is_no_change() -> None:
    assert changed({}) == Change({}, (), (), {})


def test_edited_new_and_deleted_files_travel_where_the_task_allows() -> None:
    edits = {"typer/main.py": b"MAIN", "typer/new/x.py": b"new", "setup.cfg": b""}
    assert changed(edits, gone=("typer/sub/deep.py",)) == Change(
        edits, ("typer/sub/deep.py",), (), {}
    )


def test_what_differs_elsewhere_is_named_and_stays_behind() -> None:
    edits = {"tests/test_a.py": b"weaker", "conftest.py": b"hook", "typerx/a.py": b"x"}
    result = changed(edits, gone=("run.sh",))
    assert result.outside == ("conftest.py", "run.sh", "tests/test_a.py", "typerx/a.py")
    assert (result.files, result.deleted, result.refused) == ({}, (), {})


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("typer/a.py", True),
        ("typer/a/b/c.txt", True),
        ("typer/.hidden", True),
        ("setup.cfg", True),
        ("typer", False),
        ("typerx/a.py", False),
        ("xtyper/a.py", False),
        ("a/typer/a.py", False),
        ("setup.cfg/x", False),
        ("Typer/a.py", False),
        ("", False),
    ],
)
def test_patterns_cover_folders_and_names_exactly(path: str, covered: bool) -> None:
    assert editable(path, task()) is covered


REFUSED = {
    "link": (entry("typer/a.py", kind="symlink", sha256=None), "symlink, not a regular file"),
    "link over a file": (entry("typer/main.py", kind="symlink", sha256=None), "not a regular"),
    "pipe or device": (entry("typer/a.py", kind="other", sha256=None), "not a regular file"),
    "hard link": (entry("typer/a.py", b"x", links=2), "hard link"),
    "too large": (entry("typer/a.py", size=module.MAX_FILE_BYTES + 1), "bytes, the most is"),
    "long name": (entry("typer/" + "n" * module.MAX_PATH_CHARS, b"x"), "too long"),
    "newline in its name": (entry("typer/a\n.py", b"x"), "not printable"),
    "escape code in its name": (entry("typer/\x1b[2J.py", b"x"), "not printable"),
    "name that is no UTF-8": (entry("typer/\udcff.py", b"x"), "not printable"),
    "unreadable": (entry("typer/gone.py", b"x", sha256=None), "does not exist"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_travel_is_refused_with_its_reason(name: str) -> None:
    odd, reason = REFUSED[name]
    result = changed({}, more=(odd,))
    assert list(result.refused) == [odd.path]
    assert reason in result.refused[odd.path]
    assert (result.files, result.deleted) == ({}, ())


def test_a_link_outside_is_named_and_never_read() -> None:
    result = changed({}, more=(entry("link", kind="symlink", sha256=None),))
    assert (result.outside, result.refused) == (("link",), {})


def test_a_file_that_grew_after_it_was_listed_is_refused() -> None:
    grown = {"typer/a.py": b"x" * (module.MAX_FILE_BYTES + 1)}
    result = changed(grown, more=(entry("typer/a.py", b"x"),))
    assert list(result.refused) == ["typer/a.py"]


def test_files_beyond_the_cap_are_refused() -> None:
    result = changed({f"typer/{n:04}.py": b"x" for n in range(module.MAX_FILES + 2)})
    assert len(result.files) == module.MAX_FILES
    assert set(result.refused) == {"typer/0500.py", "typer/0501.py"}


def test_bytes_beyond_the_cap_are_refused() -> None:
    megabyte = b"x" * module.MAX_FILE_BYTES
    result = changed({f"typer/{n}.py": megabyte for n in range(9)})
    assert len(result.files) == 8
    assert "larger than" in result.refused["typer/8.py"]


@pytest.mark.parametrize(
    "path",
    [
        "typer/__pycache__/main.cpython-311.pyc",
        "__pycache__/x.pyc",
        ".mypy_cache/3.11/typer/main.data.json",
        ".ruff_cache/x",
        ".pytest_cache/v/x",
        ".coverage",
        "coverage/.coverage.1",
    ],
)
def test_what_tools_leave_behind_neither_travels_nor_counts(path: str) -> None:
    assert leftover(path)
    assert changed({path: b"poison"}) == Change({}, (), (), {})


@pytest.mark.parametrize("path", ["typer/coverage_tools.py", "typer/pycache.py", "a.coverage"])
def test_names_that_only_look_like_leftovers_are_ordinary(path: str) -> None:
    assert not leftover(path)


def test_the_judged_tree_is_the_starting_tree_with_the_change() -> None:
    result = changed(
        {"typer/main.py": b"MAIN", "tests/test_a.py": b"weaker"}, gone=("typer/sub/deep.py",)
    )
    assert result.applied_to(STARTING) == {
        "typer/main.py": b"MAIN",
        "tests/test_a.py": b"test",
        "setup.cfg": b"cfg",
        "run.sh": b"#!/bin/sh\n",
    }


# ---- a change that was brought along --------------------------------------------------------


def brought(files: Mapping[str, bytes], deleted: tuple[str, ...] = ()) -> Change:
    return admitted(Change(files, deleted, (), {}), STARTING, task())


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/typer/a.py", "absolute"),
        ("/etc/passwd", "absolute"),
        ("../a.py", "leads out"),
        ("typer/../../a.py", "leads out"),
        ("typer/..", "leads out"),
        ("", "no plain path"),
        ("typer//a.py", "no plain path"),
        ("./typer/a.py", "no plain path"),
        ("typer/a.py/", "no plain path"),
        (".git/hooks/x", "no plain path"),
        ("typer/.git/config", "no plain path"),
        ("typer/a\n.py", "not printable"),
        ("typer/\x1b[2J.py", "not printable"),
        ("typer/" + "n" * 200, "too long"),
        ("typer/" + "d/" * 12 + "a.py", "deeper"),
    ],
)
def test_odd_paths_are_refused_by_name(path: str, reason: str) -> None:
    result = brought({path: b"x"})
    assert reason in result.refused[path]
    assert (result.files, result.outside) == ({}, ())


def test_what_was_brought_is_held_to_the_same_rules() -> None:
    files = {"typer/main.py": b"MAIN", "setup.py": b"x", "typer/__pycache__/a.pyc": b"poison"}
    result = brought({**files, "typer/sub/deep.py": b"deep"}, ("run.sh", "typer/gone.py"))
    assert result == Change({"typer/main.py": b"MAIN"}, (), ("run.sh", "setup.py"), {})


def test_a_stored_change_is_admitted_as_it_was_collected() -> None:
    link = entry("typer/link", kind="symlink", sha256=None)
    edits = {"typer/main.py": b"MAIN", "conftest.py": b"hook"}
    once = changed(edits, gone=("typer/sub/deep.py", "run.sh"), more=(link,))
    assert admitted(unpacked(packed(once)), STARTING, task()) == once


def test_more_odd_names_than_anyone_reads_are_cut(tmp_path: Path) -> None:
    many = tuple(entry(f"typer/{n}", kind="symlink", sha256=None) for n in range(300))
    result = changed({f"out/{n}": b"x" for n in range(300)}, more=many)
    assert (len(result.outside), len(result.refused)) == (module.MAX_NAMED, module.MAX_NAMED)


# ---- a folder packed by hand ---------------------------------------------------------------


def copy_of_starting(folder: Path) -> Path:
    for path, data in STARTING.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_a_folder_gives_what_differs(tmp_path: Path) -> None:
    folder = copy_of_starting(tmp_path)
    (folder / "typer/main.py").write_bytes(b"MAIN")
    (folder / "typer/sub/deep.py").unlink()
    (folder / "notes.txt").write_bytes(b"note")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_bytes(b"x")
    assert from_folder(folder, STARTING, task()) == Change(
        {"typer/main.py": b"MAIN"}, ("typer/sub/deep.py",), ("notes.txt",), {}
    )


def test_links_and_pipes_in_a_folder_are_refused_and_never_read(tmp_path: Path) -> None:
    folder = copy_of_starting(tmp_path)
    (folder / "typer/link.py").symlink_to("/etc/passwd")
    (folder / "typer/folder").symlink_to("/etc")
    os.mkfifo(folder / "typer/pipe")
    os.link(folder / "typer/main.py", folder / "typer/hard.py")
    result = from_folder(folder, STARTING, task())
    odd = {"typer/link.py", "typer/folder", "typer/pipe", "typer/hard.py", "typer/main.py"}
    assert set(result.refused) == odd
    assert result.files == {}


def test_links_outside_of_what_may_change_are_named_and_left_behind(tmp_path: Path) -> None:
    folder = copy_of_starting(tmp_path)
    (folder / "venv").symlink_to("/opt")
    (folder / ".coverage").symlink_to("/etc/passwd")
    assert from_folder(folder, STARTING, task()) == Change({}, (), ("venv",), {})


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_that_is_no_copy_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        from_folder(tmp_path / name, STARTING, task())


def test_the_pages_name_every_cap() -> None:
    said = (
        f"at most 1 MiB each, 8 MiB and {module.MAX_FILES}",
        f"at most {module.MAX_PATH_CHARS} characters and {module.MAX_DEPTH} parts",
    )
    assert (MAX_FILE_BYTES, module.MAX_TOTAL_BYTES) == (1_048_576, 8 * 1_048_576)
    for page in ("docs/sandbox.md", "docs/tasks.md"):
        assert [text for text in said if text not in ALL[page]] == []
