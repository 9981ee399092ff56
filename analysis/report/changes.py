"""What a trial changed, as a diff against what it started from."""

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from analysis.report.figures import shown

Tree = Mapping[str, bytes]  # path -> content

_CONTEXT = 3
_MOST_LINES = 4_000  # of a diff shown; who needs more opens the stored change
_DELETED, _FILES = "deleted", "files/"


@dataclass(frozen=True)
class FileDiff:
    """One file's diff. `lines` begin with `+`, `-`, a space or `@`; `note` says what is missing."""

    path: str
    what: str
    added: int
    removed: int
    lines: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Stored:
    """A change as it went to the judge: the new content of files, and paths that are gone."""

    files: Mapping[str, bytes]
    deleted: tuple[str, ...]


def read_change(path: Path) -> Stored | None:
    """A stored change; None where there is none or it can't be read."""
    try:
        with tarfile.open(path) as archive:
            found = {
                member.name: file.read()
                for member in archive
                if (file := archive.extractfile(member)) is not None
            }
    except (OSError, tarfile.TarError):
        return None
    deleted = found.pop(_DELETED, b"").decode("utf-8", "replace").splitlines()
    return Stored({name.removeprefix(_FILES): data for name, data in found.items()}, tuple(deleted))


def diffs(change: Stored, tree: Tree | None) -> tuple[FileDiff, ...]:
    """A diff a file. Without a `tree` to compare with, files are shown whole, saying so."""
    found = [_changed(path, data, tree) for path, data in sorted(change.files.items())]
    return (*found, *(_deleted(path, tree) for path in change.deleted))


def _changed(path: str, data: bytes, tree: Tree | None) -> FileDiff:
    new = _lines(data)
    if tree is None:
        note = "what it started from is not on this machine: the whole file as the trial left it"
        return _cut(
            FileDiff(shown(path), "written", len(new), 0, tuple(f" {x}" for x in new), note)
        )
    if path not in tree:
        return _cut(FileDiff(shown(path), "new", len(new), 0, tuple(f"+{line}" for line in new)))
    return _diff(path, "changed", _lines(tree[path]), new)


def _deleted(path: str, tree: Tree | None) -> FileDiff:
    old = _lines(tree.get(path, b"")) if tree is not None else []
    return _cut(FileDiff(shown(path), "deleted", 0, len(old), tuple(f"-{line}" for line in old)))


def _diff(path: str, what: str, old: Sequence[str], new: Sequence[str]) -> FileDiff:
    start, end = _middle(old, new)
    lines: list[str] = []
    for line in unified_diff(
        old[start : len(old) - end], new[start : len(new) - end], n=_CONTEXT, lineterm=""
    ):
        if not line.startswith(("---", "+++")) or lines:
            lines.append(_moved(line, start) if line.startswith("@@") else line)
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    return _cut(FileDiff(shown(path), what, added, removed, tuple(lines)))


def _middle(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Lines at both ends that are the same and out of any context: comparing them takes long."""
    short = min(len(old), len(new))
    start = next((n for n in range(short) if old[n] != new[n]), short)
    left = short - start
    end = next((n for n in range(left) if old[-1 - n] != new[-1 - n]), left)
    return max(0, start - _CONTEXT), max(0, end - _CONTEXT)


def _moved(line: str, by: int) -> str:
    """A hunk's head with line numbers of the whole file."""
    return " ".join(_shifted(part, by) if part[0] in "+-" else part for part in line.split())


def _shifted(part: str, by: int) -> str:
    first, comma, count = part[1:].partition(",")
    return f"{part[0]}{int(first) + by}{comma}{count}"


def _cut(found: FileDiff) -> FileDiff:
    if len(found.lines) <= _MOST_LINES:
        return found
    more = len(found.lines) - _MOST_LINES
    note = f"{found.note}; " if found.note else ""
    return FileDiff(
        found.path,
        found.what,
        found.added,
        found.removed,
        found.lines[:_MOST_LINES],
        f"{note}{more} more lines in the stored change",
    )


def _lines(data: bytes) -> list[str]:
    return list(_shown_lines(data.decode("utf-8", "surrogateescape")))


def _shown_lines(text: str) -> Iterator[str]:
    # Not splitlines(): it also breaks at characters that no tool takes for a line's end.
    whole = text.removesuffix("\n")
    return (shown(line) for line in whole.split("\n")) if text else iter(())
