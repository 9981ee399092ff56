"""What driver and worker must have in common before anything is run."""

import importlib
import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, cast

from runner.events import Record
from runner.matrix.engine import Attempt
from runner.slots import Slots
from runner.types import JsonObject


class Program(Protocol):
    """The module an order names: what it finds at its place, and how it runs a trial there."""

    def facts_here(self, work: JsonObject) -> JsonObject:
        """What must be the same on every machine of the run; JSON-able.

        Asked once in a process and run, with the `work` of the first attempt.
        """
        ...

    def run_here(
        self,
        attempt: Attempt,
        work: JsonObject,
        folder: Path,
        slots: Slots,
        record: Record,
        stopped: Callable[[], str | None],
    ) -> None:
        """Run the trial to its end, told to `record` event by event.

        Files that shall travel are written as `<folder>/<place>/<trial id>...`, where `place`
        is a folder of the results (`transcripts`, `changes`, ...). `stopped` says why no
        further call may be sent. `OperatorError` is raised for what no attempt can mend.
        """
        ...


def program(name: str) -> Program:
    """The module of that dotted name; raises `ImportError`."""
    return cast(Program, importlib.import_module(name))


def versions() -> JsonObject:
    """Versions on which an order's form and meaning depend."""
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "runner": version("runner"),
        "distributed": version("distributed"),
    }


def facts_at(name: str, work: JsonObject) -> JsonObject:
    """The versions here and what the program `name` finds here.

    Raises `ImportError`, and what the program raises.
    """
    return plain({**versions(), **program(name).facts_here(work)})


def plain(facts: JsonObject) -> JsonObject:
    """The same as it is after a journey as JSON: tuples are lists."""
    found: JsonObject = json.loads(json.dumps(facts))
    return found
