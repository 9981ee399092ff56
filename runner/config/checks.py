"""What a task's judge asks, and what a task's folder must say for it to be answerable."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT
from runner.config.probes import load_probe


@strict_dataclass(frozen=True, config=STRICT)
class Signals:
    """What the three tools must say of the starting tree; checked when the image is built."""

    mypy_errors: int
    mypy_files: int
    ruff_errors: int
    passed: int
    not_collected: int


@strict_dataclass(frozen=True, config=STRICT)
class CheckSpec:
    """A check of one task by `kind` (see `runner.judge.static`) with its own settings."""

    name: str
    kind: Literal[
        "code_kept",
        "fingerprint",
        "function_added",
        "function_moved",
        "only_injected_removed",
        "probe",
    ]
    paths: tuple[str, ...] = ()
    sha256: str = ""
    function: str = ""
    package: str = ""
    signature: str = ""
    never_says: tuple[str, ...] = ()
    old_path: str = ""
    new_path: str = ""
    program: str = ""


# What each kind of check needs to ask anything at all.
_NEEDS = {
    "code_kept": ("paths",),
    "fingerprint": ("paths", "sha256"),
    "function_added": ("function", "package", "signature"),
    "function_moved": ("function", "old_path", "new_path"),
    "only_injected_removed": ("paths",),
    "probe": ("program",),
}

# The judge's own checks; a task's may not take their names.
OWN_CHECKS = frozenset(
    {
        *("change", "files", "source_text", "tests_kept", "no_new_suppressions"),
        *("no_wider_types", "imports", "reach"),
        *("applied", "mypy", "ruff_check", "pytest", "evidence", "test_ids", "canaries"),
    }
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"def [A-Za-z_]\w*\(.*\) -> [^:]+")


def wrong_checks(checks: tuple[CheckSpec, ...], folder: Path) -> Iterator[str]:
    """What is wrong with the checks of the task in `folder`, one sentence each.

    Raises:
        UsageError: a probe cannot be read.
    """
    names = [check.name for check in checks]
    for check in checks:
        for reason in (*_wrong_settings(check), *_wrong_program(check, folder)):
            yield f"check '{check.name}'{reason}"
        if names.count(check.name) > 1:
            yield f"two checks are named '{check.name}'"
        if check.name in OWN_CHECKS:
            yield f"check '{check.name}': the judge has one of that name for every task"


def _wrong_settings(check: CheckSpec) -> Iterator[str]:
    for key in _NEEDS[check.kind]:
        if not getattr(check, key):
            yield f" of kind {check.kind} needs {key}"
    if check.sha256 and not _SHA256.fullmatch(check.sha256):
        yield f": sha256 is no SHA-256 (64 digits of 0-9 and a-f): {check.sha256!r}"
    if check.signature and not _SIGNATURE.fullmatch(check.signature):
        yield f": signature is no line `def name(...) -> type`: {check.signature!r}"
    for path in (*check.paths, check.old_path, check.new_path):
        if path and (reason := escapes(path)):
            yield f": {path!r} {reason}"


def _wrong_program(check: CheckSpec, folder: Path) -> Iterator[str]:
    if check.program and not (folder / check.program).is_file():
        yield f": there is no file {check.program}"
    elif check.program:
        load_probe(folder / check.program)


def wrong_patterns(key: str, patterns: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with patterns of files: `folder/**` or a file's name."""
    if not patterns:
        yield f"key '{key}' names no file"
    for pattern in patterns:
        if reason := escapes(pattern):
            yield f"key '{key}': {pattern!r} {reason}"
        elif any(c in pattern.removesuffix("/**") for c in "*?["):
            yield f"key '{key}': {pattern!r} is neither folder/** nor a file's name"


def escapes(path: str) -> str | None:
    """Why a path or pattern may not stand in a task; None when it may."""
    parts = PurePosixPath(path).parts
    if path.startswith("/"):
        return "is absolute; name it from the repository's root"
    if ".." in parts:
        return "leads out of the repository"
    if path != "/".join(parts) or "\\" in path or not path.isprintable():
        return "is not spelt plainly"
    if parts[:1] == (".git",) or parts[:1] == ("**",):
        return "covers what belongs to the repository's tools"
    return None


def untested(signals: Signals, checks: tuple[CheckSpec, ...], tests_added: tuple[str, ...]) -> bool:
    """Whether nothing tells a solution from the tree that a trial starts with."""
    faults = signals.mypy_errors + signals.ruff_errors + signals.not_collected
    return not (checks or tests_added or faults)
