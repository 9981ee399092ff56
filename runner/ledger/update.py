"""Bringing what journals hold into the database, step by step."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import duckdb

from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem
from runner.ledger.duck import opened, unwritable
from runner.ledger.gather import Gathering, NotTheSame, stamp
from runner.ledger.pieces import Mark, Step
from runner.ledger.steps import explained, read_marks, write_steps
from runner.ledger.tables import (
    check_version,
    has_intervals,
    has_rates,
    has_views,
    is_empty,
    mark_intervals,
    prepare,
    write_intervals,
    write_rates,
)

_AGAIN_S = 0.05
_T = TypeVar("_T")


@dataclass(frozen=True)
class Target:
    """The database to write, how long to wait for it each time (s), how much to write at once."""

    path: Path
    cards: Mapping[str, RateCard]
    wait_s: float
    step_bytes: int


@dataclass(frozen=True)
class Known:
    """What the database has: the journals' marks by file name.

    `current` says whether views, prices and intervals are what they should be.
    """

    marks: Mapping[str, Mark]
    current: bool


@dataclass
class Haul:
    """What has been read: steps not yet written, and what to tell about the rest."""

    steps: list[Step] = field(default_factory=list)
    size: int = 0
    trials: list[str] = field(default_factory=list)
    running: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    torn: dict[Path, None] = field(default_factory=dict)
    overtaken: list[Path] = field(default_factory=list)  # written by someone else meanwhile
    writing: Callable[[], None] | None = None  # waits for the steps being written
    wrote: bool = False


def known(target: Target) -> Known:
    """What the database has, by one look at it.

    Raises:
        OlderTables: the database is from an older program.
        EnvironmentProblem: it is from a newer one, or cannot be read.
    """
    if not target.path.exists():
        return Known({}, current=False)
    with opened(target.path, read_only=True, wait_s=target.wait_s) as connection:
        if is_empty(connection):
            return Known({}, current=False)
        check_version(connection, target.path)
        current = has_views(connection) and has_rates(connection, target.cards)
        return Known(read_marks(connection), current and has_intervals(connection))


def bring(target: Target, paths: Sequence[Path], has: Known) -> Haul:
    """Write what is new in these journals since the database had what it `has`.

    Raises:
        EnvironmentProblem: a journal or the database cannot be read or written.
    """
    haul = Haul()
    marks = has.marks
    # DuckDB works in its own thread, so that reading and writing take a processor each.
    with ThreadPoolExecutor(1, "ledger") as beside:
        while paths:
            for path in paths:
                _read(target, path, marks.get(path.name), haul, beside)
            _write(target, haul, beside)
            _written(haul)
            paths, haul.overtaken = haul.overtaken, []
            if paths:
                marks = known(target).marks
    if haul.wrote or not has.current:
        _finish(target)
        haul.wrote = True
    return haul


def _changed(path: Path, mark: Mark | None) -> bool:
    return mark is None or not mark.closed or stamp(path) != (mark.size, mark.mtime_ns)


def _read(target: Target, path: Path, mark: Mark | None, haul: Haul, beside: Executor) -> None:
    if not _changed(path, mark):
        return
    try:
        fresh = mark is not None and _edited(path, mark)
        _read_on(
            target, Gathering(path, mark, fresh=fresh, step_bytes=target.step_bytes), haul, beside
        )
    except NotTheSame:
        again = Gathering(path, mark, fresh=True, step_bytes=target.step_bytes)
        _read_on(target, again, haul, beside)


def _edited(path: Path, mark: Mark) -> bool:
    """Journals grow, or lose a torn end: one that did neither was changed by hand."""
    size, _ = stamp(path)
    if size < mark.read.offset:
        return True
    return mark.closed and size == mark.read.offset == mark.size


def _read_on(target: Target, reading: Gathering, haul: Haul, beside: Executor) -> None:
    for step in reading.steps():
        if step.before == step.after and not step.fresh:
            continue
        haul.steps.append(step)
        haul.size += sum(trial.size for trial in step.trials)
        if haul.size > target.step_bytes:
            _write(target, haul, beside)
        if reading.path in haul.overtaken:
            return
    haul.running[reading.path] = reading.running
    if reading.torn:
        haul.torn[reading.path] = None


def _write(target: Target, haul: Haul, beside: Executor) -> None:
    """Begin to write the steps that were read, if any."""
    steps, haul.steps, haul.size = haul.steps, [], 0
    if not steps:
        return

    def act(connection: duckdb.DuckDBPyConnection) -> Sequence[Step]:
        prepare(connection, target.path)
        mark_intervals(connection, current=False)
        return write_steps(connection, steps)

    _written(haul)  # one at a time: memory holds no more than two
    begun = beside.submit(_in_transaction, target, act, steps)

    def settle() -> None:
        written = begun.result()
        haul.trials += [trial.name for step in written for trial in step.trials]
        left = {step.path for step in steps} - {step.path for step in written}
        haul.overtaken += sorted(left - set(haul.overtaken))

    haul.writing, haul.wrote = settle, True


def _written(haul: Haul) -> None:
    """Wait for the steps being written, if any, and count them."""
    settle, haul.writing = haul.writing, None
    if settle:
        settle()


def _finish(target: Target) -> None:
    """Bring what is made of all trials up to date."""

    def act(connection: duckdb.DuckDBPyConnection) -> None:
        prepare(connection, target.path)
        write_rates(connection, target.cards)
        write_intervals(connection)
        mark_intervals(connection, current=True)

    _in_transaction(target, act, ())


def _in_transaction(
    target: Target, act: Callable[[duckdb.DuckDBPyConnection], _T], steps: Sequence[Step]
) -> _T:
    """What `act` gives, once it is safe in the file."""
    try:
        target.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise no_folder(target.path, error) from error
    deadline = time.monotonic() + target.wait_s
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            with opened(target.path, read_only=False, wait_s=left) as connection:
                return _transaction(connection, act)
        except duckdb.TransactionException as error:
            if "conflict" not in str(error).lower() or not left:
                raise unwritable(target.path, error) from error
        except duckdb.Error as error:
            raise explained(steps, error) from error
        time.sleep(_AGAIN_S)  # another thread wrote the same rows; ours are simply repeated


def no_folder(db_path: Path, error: OSError) -> EnvironmentProblem:
    """What to tell when the database's folder cannot be used."""
    return EnvironmentProblem(
        f"database {db_path}: {error.strerror}: make its folder writable for you, or set "
        "RUNNER_DB to another file"
    )


def _transaction(
    connection: duckdb.DuckDBPyConnection, act: Callable[[duckdb.DuckDBPyConnection], _T]
) -> _T:
    connection.begin()
    try:
        found = act(connection)
    except BaseException:
        with suppress(duckdb.Error):
            connection.rollback()
        raise
    connection.commit()
    return found
