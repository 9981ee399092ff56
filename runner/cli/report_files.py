"""Where the report's files go: whole or not at all, and none of an earlier report left over."""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from runner.errors import EnvironmentProblem

HEAD = 400  # bytes of a file in which the report's mark is
MARKS = (b'name="generator" content="runner report"', b"/* runner report")


def put(path: Path, text: str) -> None:
    """Write a file, whole or not at all; one that says the same already is left as it is.

    Raises:
        EnvironmentProblem: the disk refuses.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    data = text.encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_bytes() == data:
            return
        fresh.write_bytes(data)
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise EnvironmentProblem(f"cannot write {path}: {error.strerror or error}") from error


def put_all(folder: Path, files: Iterable[tuple[str, str]]) -> set[Path]:
    """Write files below a folder, each as it is made; which ones."""
    written = set()
    for name, text in files:
        put(folder / name, text)
        written.add(folder / name)
    return written


def sweep(folder: Path, keep: Collection[Path]) -> None:
    """Remove what earlier reports made in a folder, and it too if nothing else is in it.

    What no report made is left alone; what can't be removed is too.
    """
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path not in keep and made_here(path):
                path.unlink(missing_ok=True)
        if not keep:
            folder.rmdir()


def made_here(path: Path) -> bool:
    """Whether a report made this file: it says so at its start."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(HEAD)
    return any(mark in head for mark in MARKS)
