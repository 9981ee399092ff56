"""Digests that must not change: what was pinned, or what was there the first time.

`ollama.json` in the results folder holds them: results are of one image and of one build of each
model, or they must not be compared.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from runner.errors import EnvironmentProblem

Kind = Literal["image", "model", "scripted model"]
FILE = "ollama.json"


def check_digest(
    results: Path, kind: Kind, name: str, digest: str, pinned: str | None = None
) -> None:
    """Hold `name` to its digest: the pinned one, which may be a beginning, or the first seen.

    Raises:
        EnvironmentProblem: it is another, or the file cannot be read or written.
    """
    if pinned is not None and not digest.startswith(pinned):
        raise EnvironmentProblem(
            f"{kind} {name} has the digest {digest}, and images/ollama/ollama.toml pins {pinned}: "
            "get the pinned one, or change the pin and use a new results folder (RUNNER_RESULTS)"
        )
    path = results / FILE
    with _locked(path):
        known = _read(path)
        first = known.setdefault(kind, {}).setdefault(name, digest)
        if first != digest:
            raise EnvironmentProblem(
                f"{kind} {name} has the digest {digest}, and these results began with {first} "
                f"({path}): results of two must not be mixed. Get the old one, or use a new "
                "results folder (RUNNER_RESULTS)"
            )
        _write(path, known)


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EnvironmentProblem(
            f"{path}: cannot be read: {error}; restore it, or use a new results folder"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise EnvironmentProblem(f"{path}: holds no digests; use a new results folder")
    return found


def _write(path: Path, known: dict[str, dict[str, str]]) -> None:
    text = json.dumps(known, indent=2, sort_keys=True) + "\n"
    if path.exists() and path.read_text("utf-8") == text:
        return
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise EnvironmentProblem(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process and one thread at a time; the lock goes with whoever holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise EnvironmentProblem(f"{path}: cannot be written: {error.strerror}") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
