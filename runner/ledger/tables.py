"""Writing the tables, all on a connection that is already open."""

import json
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import duckdb

from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem
from runner.ledger.duck import REBUILD
from runner.ledger.intervals import FEWEST, median_interval

SCHEMA = 4
Row = Mapping[str, object]


class OlderTables(EnvironmentProblem):
    """The file was made by an older version of this program; all of it can be made anew."""


def prepare(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables of a new file; renew the views of one made with other views.

    Raises:
        EnvironmentProblem: the file's tables are of another version.
    """
    if is_empty(connection):
        connection.execute(_script("schema.sql"))
        connection.execute("INSERT INTO schema_version VALUES (?, 0, true)", [SCHEMA])
    check_version(connection, path)
    if not has_views(connection):
        connection.execute(_script("views.sql"))
        connection.execute("UPDATE schema_version SET views = ?", [_views_mark()])


def is_empty(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file has no tables yet."""
    return connection.execute("FROM duckdb_tables()").fetchone() is None


def has_views(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file's views are this program's."""
    found = connection.execute("SELECT views FROM schema_version").fetchone()
    return found == (_views_mark(),)


def check_version(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raise `EnvironmentProblem` when the file's tables are not of this program's version.

    Raises:
        OlderTables: they are of an older one.
    """
    try:
        found = connection.execute("SELECT version FROM schema_version").fetchone()
    except duckdb.CatalogException:
        found = None
    if found == (SCHEMA,):
        return
    if found is None:
        raise EnvironmentProblem(f"database {path} is not one of this program's: set RUNNER_DB")
    if found[0] < SCHEMA:
        raise OlderTables(
            f"database {path} is from an older version of this program (tables {found[0]}, here "
            f"{SCHEMA}): {REBUILD}"
        )
    raise EnvironmentProblem(
        f"database {path} is from a newer version of this program (tables {found[0]}, here "
        f"{SCHEMA}): update the program, or {REBUILD}"
    )


def insert(
    connection: duckdb.DuckDBPyConnection, table: str, new: Sequence[Mapping[str, object]]
) -> None:
    """Add rows by column name; keys that are no column are left out, missing ones NULL."""
    if not new:
        return
    columns = dict(
        connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?", [table]
        ).fetchall()
    )
    kept = [{name: row.get(name) for name in columns} for row in new]
    # One JSON parameter is twenty times as fast as a statement for each row. Strings that are
    # not valid Unicode get question marks: the journal keeps them as they were.
    text = json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace").decode()
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT unnest(row) FROM "
        "(SELECT unnest(from_json_strict(?, ?)) AS row)",
        [text, json.dumps([columns])],
    )


def rate_rows(cards: Mapping[str, RateCard]) -> list[Row]:
    """The `rates` rows of some cards."""
    return [
        {"card": card.id, "as_of": card.as_of.isoformat(), "source": card.source, "model": model}
        | vars(rate)
        for card in cards.values()
        for model, rate in card.rates.items()
    ]


def has_rates(connection: duckdb.DuckDBPyConnection, cards: Mapping[str, RateCard]) -> bool:
    """Whether the file has exactly these prices for these cards."""
    found = connection.execute(
        "SELECT card, as_of::VARCHAR, source, model, input, output, cache_write_5m, "
        "cache_write_1h, cache_read, gpu_hour, kwh, watts FROM rates"
    ).fetchall()
    # Chosen here: a join would start DuckDB's threads for a table of a few dozen rows.
    return {row for row in found if row[0] in cards} == {
        tuple(row.values()) for row in rate_rows(cards)
    }


def write_rates(connection: duckdb.DuckDBPyConnection, cards: Mapping[str, RateCard]) -> None:
    """Replace the prices of these cards where they differ; other cards' stay."""
    if has_rates(connection, cards):
        return
    connection.execute("DELETE FROM rates WHERE card IN (SELECT unnest(?))", [list(cards)])
    insert(connection, "rates", rate_rows(cards))


def write_intervals(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring `median_intervals` up to date with the samples of all cells."""
    samples = (
        "SELECT DISTINCT sample FROM (SELECT unnest([usd_sample, wall_s_sample, "
        f"iterations_sample]) AS sample FROM cell_samples) WHERE len(sample) >= {FEWEST}"
    )
    connection.execute(f"DELETE FROM median_intervals WHERE sample NOT IN ({samples})")
    missing = connection.execute(
        f"{samples} AND sample NOT IN (SELECT sample FROM median_intervals)"
    ).fetchall()
    found = [(sample, median_interval(sample)) for (sample,) in missing]
    insert(
        connection,
        "median_intervals",
        [{"sample": each, "low": ends[0], "high": ends[1]} for each, ends in found if ends],
    )


def has_intervals(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether no trial has been written since the last `write_intervals`."""
    return connection.execute("SELECT intervals FROM schema_version").fetchone() == (True,)


def mark_intervals(connection: duckdb.DuckDBPyConnection, *, current: bool) -> None:
    """Note whether `median_intervals` is up to date."""
    if has_intervals(connection) != current:
        connection.execute("UPDATE schema_version SET intervals = ?", [current])


def _views_mark() -> int:
    return zlib.crc32(_script("views.sql").encode())


def _script(name: str) -> str:
    return files("runner.ledger").joinpath(name).read_text(encoding="utf-8")
