"""Opening the DuckDB file: only for a moment, waiting politely, with errors that help."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from runner.errors import EnvironmentProblem, UsageError

_RETRY_S = 0.05
_HELD = re.compile(r"held in (.+?) \(PID (\d+)\)")
REBUILD = "`runner status --rebuild` makes it anew from the journal, which is safe"


class DatabaseBusy(EnvironmentProblem):
    """Someone else has the file open, and went on having it."""


@dataclass(frozen=True)
class Table:
    """A query's answer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


Ask = Callable[[str, Mapping[str, object]], Table]


@contextlib.contextmanager
def opened(path: Path, *, read_only: bool, wait_s: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file, closed (and the file released) at the end.

    A reader can change neither the database nor, through it, any other file.

    Raises:
        DatabaseBusy: another process still had the file after `wait_s` seconds; says which.
        EnvironmentProblem: the file is no DuckDB file, too new, or out of reach.
    """
    connection = _connect(path, read_only, time.monotonic() + wait_s)
    try:
        yield connection
    except (duckdb.IOException, duckdb.FatalException) as error:
        raise unwritable(path, error) from error
    except duckdb.Error as error:
        if _is_damage(error):
            raise _unusable(path, error) from error
        raise
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.close()


def query(
    path: Path,
    sql: str,
    *,
    wait_s: float = 30.0,
    parameters: Mapping[str, object] | None = None,
) -> Table:
    """Run one SQL statement that reads; `parameters` are its `$name` ones.

    Raises:
        UsageError: the SQL is wrong, writes, or is not one statement.
        EnvironmentProblem: there is no database, or it cannot be read (see `opened`).
    """
    with reader(path, wait_s=wait_s) as ask:
        return ask(sql, parameters or {})


@contextlib.contextmanager
def reader(path: Path, *, wait_s: float) -> Iterator[Ask]:
    """What `query` does, for several statements on one opening of the file.

    Opening a large file takes longer than most questions about it.
    """
    if not path.exists():
        raise EnvironmentProblem(f"no database at {path} yet: run a trial, or {REBUILD}")
    with opened(path, read_only=True, wait_s=wait_s) as connection:
        yield partial(_answer, connection)


def _answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object]
) -> Table:
    try:
        if len(connection.extract_statements(sql)) != 1:
            raise UsageError("give one SQL statement")
        cursor = connection.execute(sql, dict(parameters))
        columns = tuple(column[0] for column in cursor.description or ())
        return Table(columns, tuple(cursor.fetchall()))
    except (duckdb.IOException, duckdb.FatalException):
        raise
    except duckdb.Error as error:
        if _is_damage(error):
            raise
        raise UsageError(f"SQL: {error}") from error


def _connect(path: Path, read_only: bool, deadline: float) -> duckdb.DuckDBPyConnection:
    limits: dict[str, str | bool | int | float | list[str]] = (
        {"enable_external_access": False, "lock_configuration": True} if read_only else {}
    )
    while True:
        try:
            return duckdb.connect(path, read_only=read_only, config=limits)
        except duckdb.Error as error:
            if not _is_busy(error):
                raise _unusable(path, error) from error
            if time.monotonic() >= deadline:
                raise _busy(path, error) from error
        time.sleep(_RETRY_S)


def _is_busy(error: duckdb.Error) -> bool:
    said = ("Could not set lock", "different configuration", "is already attached")
    return any(words in str(error) for words in said)


def _is_damage(error: duckdb.Error) -> bool:
    """Whether a part of the file is not what was written; DuckDB has no class for that."""
    return "Corrupt database file" in str(error)


def _busy(path: Path, error: duckdb.Error) -> DatabaseBusy:
    found = _HELD.search(str(error))
    who = f"process {found[2]} ({found[1]})" if found else "another part of this process"
    return DatabaseBusy(
        f"database {path} is held by {who}: close it there and try again. Nothing is lost: the "
        "journal is safe, and the next command brings the database up to date"
    )


def unwritable(path: Path, error: duckdb.Error) -> EnvironmentProblem:
    """What to tell when the disk or the folder refuses."""
    return EnvironmentProblem(
        f"database {path}: {_first_line(error)}: free some space and make the folder writable "
        f"for you, or set RUNNER_DB to another file; {REBUILD}"
    )


def _unusable(path: Path, error: duckdb.Error) -> EnvironmentProblem:
    text = _first_line(error)
    if any(word in text for word in ("Cannot open file", "Could not write", "Permission denied")):
        return unwritable(path, error)
    return EnvironmentProblem(f"database {path} cannot be read ({text}): {REBUILD}")


def _first_line(error: duckdb.Error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
