"""Every table and view as a file, written by DuckDB itself."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import duckdb

from runner.errors import EnvironmentProblem
from runner.ledger.duck import REBUILD, DatabaseBusy

Form = Literal["csv", "parquet", "jsonl"]
_OPTIONS: Mapping[Form, str] = {
    "csv": "FORMAT csv, HEADER",
    "parquet": "FORMAT parquet",
    "jsonl": "FORMAT json",
}
# How the database looks after itself; it means nothing outside.
_INTERNAL = ("schema_version", "ingested", "median_intervals", "cell_samples")
_AGAIN_S = 0.05


def export_tables(
    db_path: Path, folder: Path, form: Form, *, wait_s: float = 30.0
) -> dict[str, int]:
    """Write each table and view as `<name>.<form>` into a folder; rows by name.

    All are of one moment. The database is only read.

    Raises:
        DatabaseBusy: another process still had the database after `wait_s` seconds.
        EnvironmentProblem: the database cannot be read, or the folder not written.
    """
    with duckdb.connect() as connection:
        _attach(connection, db_path, time.monotonic() + wait_s)
        connection.execute("USE results")
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'results' "
            "AND table_name NOT IN (SELECT unnest(?)) ORDER BY table_name",
            [list(_INTERNAL)],
        ).fetchall()
        connection.execute("BEGIN")
        return {name: _copy(connection, name, folder, form) for (name,) in names}


def _attach(connection: duckdb.DuckDBPyConnection, db_path: Path, deadline: float) -> None:
    while True:
        try:
            connection.execute(f"ATTACH {_quoted(db_path)} AS results (READ_ONLY)")
            return
        except duckdb.Error as error:
            busy = "Could not set lock" in str(error) or "file handle conflict" in str(error)
            if not busy:
                raise EnvironmentProblem(
                    f"database {db_path} cannot be read ({error}): {REBUILD}"
                ) from error
            if time.monotonic() >= deadline:
                raise DatabaseBusy(
                    f"database {db_path} is held by another program: close it there and try again"
                ) from error
        time.sleep(_AGAIN_S)


def _copy(connection: duckdb.DuckDBPyConnection, name: str, folder: Path, form: Form) -> int:
    path = folder / f"{name}.{form}"
    try:
        found = connection.execute(
            f'COPY (FROM "{name}" ORDER BY ALL) TO {_quoted(path)} ({_OPTIONS[form]})'
        ).fetchone()
    except duckdb.Error as error:
        raise EnvironmentProblem(f"cannot write {path}: {error}") from error
    return int(found[0]) if found else 0


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
