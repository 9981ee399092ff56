"""Held-out questions: a program the judge runs, and on the host what it must report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, load_toml


@strict_dataclass(frozen=True, config=STRICT)
class _ProbeFile:
    program: str
    expected: dict[str, Any] = Field(min_length=1)


@dataclass(frozen=True)
class Probe:
    """A Python program that prints, as its last line, a JSON object of what it observed.

    `expected` holds the right value of each observation. It never leaves the host: the program
    cannot say that it passed, it can only report values.
    """

    program: str
    expected: Mapping[str, object]


def load_probe(path: Path) -> Probe:
    """Read a probe's file; raises `UsageError` naming the file and the key."""
    table = load_toml(path, _ProbeFile)
    return Probe(table.program, table.expected)
