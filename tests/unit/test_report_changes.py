"""Diffs of stored changes: right in every line, whatever the bytes are."""

import difflib
import random
import subprocess
from pathlib import Path

import pytest
from report_record import HOSTILE, changed

from analysis.report.changes import UNKNOWN_START, FileDiff, diffs, read_change, shown_lines


def only(folder: Path, new: bytes, old: bytes | None = None) -> FileDiff:
    """The diff of one file; without `old` it is new."""
    stored = read_change(changed(folder, "t", {"a.py": new}))
    assert stored is not None
    (found,) = diffs(stored, {} if old is None else {"a.py": shown_lines(old)})
    return found


def lines(found: FileDiff) -> list[str]:
    return [line for _, text in found.runs for line in text.split("\n")]


def test_no_change_and_a_damaged_one_are_none(tmp_path: Path) -> None:
    assert read_change(tmp_path / "missing.tar") is None
    damaged = changed(tmp_path, "t", {"a.py": b"x" * 2000})
    damaged.write_bytes(damaged.read_bytes()[:900])
    assert read_change(damaged) is None


def test_without_what_it_started_from_files_are_shown_whole_and_that_is_said(
    tmp_path: Path,
) -> None:
    stored = read_change(changed(tmp_path, "t", {"a.py": b"one\ntwo\n"}, "gone.py\n"))
    assert stored is not None
    written, deleted = diffs(stored, None)
    assert (written.what, written.note, lines(written)) == (
        "written",
        UNKNOWN_START,
        [" one", " two"],
    )
    assert (deleted.path, deleted.what, deleted.runs) == ("gone.py", "deleted", ())


def test_new_and_deleted_files_count_all_their_lines(tmp_path: Path) -> None:
    found = only(tmp_path, b"one\ntwo\n")
    assert (found.what, found.added, found.removed) == ("new", 2, 0)
    stored = read_change(changed(tmp_path, "t", {}, "a.py\n"))
    assert stored is not None
    (gone,) = diffs(stored, {"a.py": ("one", "two")})
    assert (gone.what, gone.added, gone.removed, lines(gone)) == ("deleted", 0, 2, ["-one", "-two"])


@pytest.mark.parametrize(
    "data", [HOSTILE.encode(), b"\xff\xfe\x00", b"", b"\n", b"no end", b"--- a\n+++ b\n@@ c\n"]
)
def test_any_bytes_have_a_diff_that_can_be_shown(tmp_path: Path, data: bytes) -> None:
    found = only(tmp_path, data, b"old\n")
    text = "\n".join(lines(found))
    assert text.encode("utf-8").decode() == text
    assert "\x1b" not in text
    assert found.removed == 1
    assert found.added == len(shown_lines(data))


def test_a_diff_too_long_to_read_is_cut_and_says_by_how_much(tmp_path: Path) -> None:
    found = only(tmp_path, b"x\n" * 4321)
    assert (found.added, len(lines(found)), found.note) == (
        4321,
        4000,
        "321 more lines in the stored change",
    )


@pytest.mark.parametrize("seed", range(40))
def test_the_diff_is_the_one_of_the_whole_files_and_patch_applies_it(
    tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    old = [f"line {draw.randrange(40)}" for _ in range(200)]
    new = list(old)
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(len(new))
        new[place : place + draw.randrange(3)] = [f"new {draw.random()}"] * draw.randrange(3)
    before, after = ("".join(f"{line}\n" for line in text).encode() for text in (old, new))
    found = lines(only(tmp_path, after, before)) if old != new else []
    whole = list(difflib.unified_diff(old, new, lineterm=""))[2:]
    assert [line for line in found if line[0] in "+-"] != [] or whole == []
    (tmp_path / "a.py").write_bytes(before)
    patch = "".join(f"{line}\n" for line in ("--- a/a.py", "+++ b/a.py", *found))
    if found:
        subprocess.run(
            ["git", "apply", "--unidiff-zero", "-"], input=patch.encode(), cwd=tmp_path, check=True
        )
    assert (tmp_path / "a.py").read_bytes() == after
