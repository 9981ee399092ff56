"""What a trial changed, as a diff against what it started from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import groupby
from pathlib import Path
from typing import Literal

from analysis.report.figures import shown
from runner.errors import UsageError
from runner.judge.change import Change, unpacked

Lines = tuple[str, ...]
Tree = Mapping[str, Lines]  # path -> lines as they are shown
Kind = Literal["added", "removed", "place", "same"]

_CONTEXT = 3
_ALIKE = 2 * _CONTEXT + 1  # equal lines after which two files go on alike
_FAR = 80  # lines within which they have to
_STRIDE = 64  # lines compared at once
_MOST_LINES = 4_000  # of a diff shown; who needs more opens the stored change
_KINDS: Mapping[str, Kind] = {"+": "added", "-": "removed", "@": "place", " ": "same"}
UNKNOWN_START = "what it started from is not on this machine: the whole file as the trial left it"


@dataclass(frozen=True)
class FileDiff:
    """One file's diff: runs of lines of one kind; `note` says what is missing."""

    path: str
    what: str
    added: int
    removed: int
    runs: tuple[tuple[Kind, str], ...]
    note: str = ""


def read_change(path: Path) -> Change | None:
    """A stored change; None where there is none or it can't be read."""
    try:
        return unpacked(path.read_bytes())
    except (OSError, UsageError):
        return None


def diffs(change: Change, tree: Tree | None) -> tuple[FileDiff, ...]:
    """A diff a file. Without a `tree` to compare with, files are shown whole, saying so."""
    found = [_changed(path, data, tree) for path, data in sorted(change.files.items())]
    return (*found, *(_deleted(path, tree) for path in change.deleted))


def shown_lines(data: bytes) -> Lines:
    """A file's lines as they are shown; bytes that are no UTF-8 are made visible."""
    if not data:
        return ()
    # Not splitlines(): it also breaks at characters that no tool takes for a line's end.
    return tuple(shown(data.decode("utf-8", "surrogateescape")).removesuffix("\n").split("\n"))


def _changed(path: str, data: bytes, tree: Tree | None) -> FileDiff:
    new = shown_lines(data)
    if tree is None:
        return _file(path, "written", [f" {line}" for line in new], UNKNOWN_START)
    if path not in tree:
        return _file(path, "new", [f"+{line}" for line in new])
    return _file(path, "changed", _diff(tree[path], new))


def _deleted(path: str, tree: Tree | None) -> FileDiff:
    old = tree.get(path, ()) if tree is not None else ()
    return _file(path, "deleted", [f"-{line}" for line in old])


def _file(path: str, what: str, lines: Sequence[str], note: str = "") -> FileDiff:
    """A file's diff from lines that begin with their kind, cut where nobody reads on."""
    more = len(lines) - _MOST_LINES
    notes = [note] if note else []
    if more > 0:
        notes.append(f"{more} more lines in the stored change")
    kinds = [_KINDS[line[0]] for line in lines]
    kept = zip(kinds[:_MOST_LINES], lines, strict=False)
    runs = tuple(
        (kind, "\n".join(line for _, line in run))
        for kind, run in groupby(kept, key=lambda each: each[0])
    )
    added, removed = kinds.count("added"), kinds.count("removed")
    return FileDiff(shown(path), what, added, removed, runs, "; ".join(notes))


def _diff(old: Lines, new: Lines) -> list[str]:
    lines: list[str] = []
    for old_at, old_end, new_at, new_end in _pieces(old, new):
        start, after = max(0, old_at - _CONTEXT), max(0, new_at - _CONTEXT)
        pair = old[start : old_end + _CONTEXT], new[after : new_end + _CONTEXT]
        found = list(unified_diff(*pair, n=_CONTEXT, lineterm=""))[2:]  # without file names
        lines += [_moved(x, start, after) if x.startswith("@@") else x for x in found]
    return lines


def _pieces(old: Lines, new: Lines) -> Iterator[tuple[int, int, int, int]]:
    """Where two files differ, as ranges of lines; comparing whole files takes long.

    Between two ranges are more equal lines than both their contexts have.
    """
    i = j = 0
    while True:
        alike = _alike(old, i, new, j)
        i, j = i + alike, j + alike
        if i == len(old) and j == len(new):
            return
        skipped = next(
            (
                (a, apart - a)
                for apart in range(1, _FAR)
                for a in range(apart + 1)
                if old[i + a : i + a + _ALIKE] == new[j + apart - a : j + apart - a + _ALIKE]
            ),
            (len(old) - i, len(new) - j),
        )
        ends = min(len(old), i + skipped[0]), min(len(new), j + skipped[1])
        yield i, ends[0], j, ends[1]
        i, j = ends


def _alike(old: Lines, i: int, new: Lines, j: int) -> int:
    """How many lines are equal from these two on."""
    most = min(len(old) - i, len(new) - j)
    count = 0
    while count < most and (
        old[i + count : i + count + _STRIDE] == new[j + count : j + count + _STRIDE]
    ):
        count += _STRIDE
    while count < most and old[i + count] == new[j + count]:
        count += 1
    return min(count, most)


def _moved(line: str, old_by: int, new_by: int) -> str:
    """A hunk's head with line numbers of the whole files."""
    _, old, new, _ = line.split(" ")
    return f"@@ {_shifted(old, old_by)} {_shifted(new, new_by)} @@"


def _shifted(part: str, by: int) -> str:
    first, comma, count = part[1:].partition(",")
    return f"{part[0]}{int(first) + by}{comma}{count}"
