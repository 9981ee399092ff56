"""Published per-trial results as their files hold them: JSON lines, one trial each.

The format is that of the Free-Executor Paradox's data: tokens summed over a trial by model, no
single call, seconds of the whole trial only. It is read strictly: what is not understood is
named by file and line, never guessed.
"""

import codecs
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, explain
from runner.errors import UsageError

Count = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[int, Field(ge=0, le=10**6)]
Usd = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
# Part of a trial's id, which names files.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]

# Their word for a model and ours, which the rate cards know.
ALIASES = {"qwen-local": "qwen3.5:9b"}
LEADS = "claude-opus"  # of two models, the one that delegates


@strict_dataclass(frozen=True, config=STRICT)
class PublishedUsage:
    """One model's tokens over a whole trial, in the Messages API's classes."""

    input_tokens: Count
    output_tokens: Count
    cache_creation_input_tokens: Count  # their runner asked for five minutes, the default
    cache_read_input_tokens: Count


@strict_dataclass(frozen=True, config=STRICT)
class VerifyFinal:
    """What their verifier said at the end; nothing when it was not asked."""

    exit_code: int | None = None
    summary: str = ""


@strict_dataclass(frozen=True, config=STRICT)
class PublishedTrial:
    """One line of their files, key by key."""

    arm: Name
    task: Name
    trial: Number
    success: bool
    blocked: bool
    wall_sec: Seconds
    iterations: Number
    usage_by_role: Mapping[str, PublishedUsage]  # by model, whatever the key's name says
    cost_usd_by_role: Mapping[str, Usd]
    total_cost_usd: Usd
    verify_final: VerifyFinal
    error: str | None

    @property
    def failed_start(self) -> bool:
        """Whether it broke off before its first turn was on record; its tokens are lost."""
        return self.iterations == 0 and not self.success


@dataclass(frozen=True)
class Origin:
    """Where a row stands. `sha256` (hex) is of the whole file, `line` counts from 1."""

    file: str
    sha256: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True)
class Row:
    """One trial with its origin.

    `attempt` counts the rows of the same arm, task and trial number, from 1. `digest` (hex) is
    of the line's content, however its keys are ordered: it tells rows apart for good.
    """

    trial: PublishedTrial
    origin: Origin
    digest: str
    attempt: int = 1


@dataclass(frozen=True)
class Reading:
    """What a folder held: rows in the order of files and lines, and what could not be read."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]  # each names file and line


class _BadLine(ValueError):
    """The line is no trial; says why."""


def read_folder(folder: Path, known_models: Collection[str]) -> Reading:
    """Every `*.jsonl` of a folder. `known_models` are those that some rate card prices.

    A line that is no trial, repeats another or names a model without a price is a problem, as
    is a file that cannot be read or holds no line at all.

    Raises:
        UsageError: the folder is missing, is none, or holds no such file.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".jsonl")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror or error}") from error
    if not paths:
        raise UsageError(f"{folder}: no *.jsonl file here")
    found: dict[str, Row] = {}
    attempts: dict[tuple[str, str, int], int] = {}
    problems = []
    for path in paths:
        for row in _rows(path, known_models):
            if isinstance(row, str):
                problems.append(row)
            elif row.digest in found:
                first = found[row.digest].origin
                problems.append(f"{row.origin}: the same trial as {first}, word for word")
            else:
                key = (row.trial.arm, row.trial.task, row.trial.trial)
                attempts[key] = attempts.get(key, 0) + 1
                found[row.digest] = replace(row, attempt=attempts[key])
    return Reading(tuple(found.values()), tuple(problems))


def _rows(path: Path, known_models: Collection[str]) -> Iterator[Row | str]:
    """A file's rows, and in their places what is wrong with the lines that are none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        yield f"{path.name}: cannot be read: {error.strerror or error}"
        return
    sha256 = hashlib.sha256(data).hexdigest()
    lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
    if not any(map(bytes.strip, lines)):
        yield f"{path.name}: is empty"
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        origin = Origin(path.name, sha256, number)
        try:
            yield Row(_trial(line, known_models), origin, _digest(line))
        except _BadLine as error:
            yield f"{origin}: {error}"


def _trial(line: bytes, known_models: Collection[str]) -> PublishedTrial:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _BadLine(f"is not UTF-8 text (byte {error.start + 1} of the line)") from error
    try:
        trial = TypeAdapter(PublishedTrial).validate_json(text, strict=True)
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["type"] == "json_invalid":
            cut = "EOF" in problem["msg"]
            reason = "the line is cut off" if cut else f"is not JSON: {problem['ctx']['error']}"
            raise _BadLine(reason) from error
        raise _BadLine(explain(error)) from error
    _check_models(trial, known_models)
    return trial


def _check_models(trial: PublishedTrial, known_models: Collection[str]) -> None:
    models = [ALIASES.get(name, name) for name in trial.usage_by_role]
    for model in models:
        if model not in known_models:
            raise _BadLine(f"unknown model '{model}': no rate card has a price for it")
    if trial.iterations and not models:
        raise _BadLine("key 'usage_by_role': no model, although there were turns")
    if len(models) > 2:
        raise _BadLine(f"key 'usage_by_role': {len(models)} models, at most two are understood")
    if len(models) == 2 and sum(model.startswith(LEADS) for model in models) != 1:
        raise _BadLine(
            f"key 'usage_by_role': which of {' and '.join(models)} leads cannot be told; "
            f"one of two must be {LEADS}-..."
        )


def _digest(line: bytes) -> str:
    ordered = json.dumps(json.loads(line), sort_keys=True)
    return hashlib.sha256(ordered.encode()).hexdigest()
