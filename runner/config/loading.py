"""One way to read a TOML file the operator may have written: strict, with errors that help."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from runner.errors import UsageError

T = TypeVar("T")

# For `@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)`: an unknown key is an
# error (it is a misspelt one), "3" is not 3, and neither inf nor nan is a number.
STRICT = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)


def load_toml(path: Path, kind: type[T]) -> T:
    """Read `path` as a `kind` (a pydantic dataclass).

    Raises:
        UsageError: the file is missing, is not TOML, or has a wrong key or type; the message
            names the file and the key.
    """
    return parse_toml(read_text(path), str(path), kind)


def read_text(path: Path) -> str:
    """The text of a TOML file; raises `UsageError` when it is missing or no text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not valid TOML: {error}") from error


def parse_toml(text: str, where: str, kind: type[T]) -> T:
    """The text of a TOML file as a `kind`; `where` names it in messages.

    Raises:
        UsageError: as `load_toml` does.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: is not valid TOML: {error}") from error
    try:
        # By way of JSON, because strict mode takes JSON arrays for tuples but not TOML lists.
        return TypeAdapter(kind).validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        raise UsageError(f"{where}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """Say what is wrong with which key, one clause per problem."""
    clauses = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "(top level)"
        if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            clauses.append(f"unknown key '{key}' (misspelt?)")
        elif problem["type"] in ("missing", "missing_argument"):
            clauses.append(f"key '{key}' is missing")
        else:
            clauses.append(f"key '{key}': {problem['msg']} (got {problem['input']!r})")
    return "; ".join(clauses)


def chosen(kind: str, name: str, known: Mapping[str, T]) -> T:
    """The arm, task or card of that name; raises `UsageError` listing what there is."""
    if name not in known:
        raise UsageError(f"unknown {kind} '{name}'; there are: {', '.join(known) or 'none'}")
    return known[name]
