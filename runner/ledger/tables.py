"""Writing the tables, all on a connection that is already open."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import duckdb

from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem
from runner.ledger import rows
from runner.ledger.duck import REBUILD
from runner.ledger.intervals import FEWEST, median_interval
from runner.ledger.rows import Row, TrialEvents

SCHEMA = 1
_ROWS: Mapping[str, Callable[[TrialEvents], Sequence[Row]]] = {
    "trials": lambda trial: [rows.trial_row(trial)],
    "calls": rows.call_rows,
    "tool_calls": rows.tool_rows,
    "checks": rows.check_rows,
}


def prepare(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables of a new file; renew the views of one made with other views.

    Raises:
        EnvironmentProblem: the file's tables are of another version.
    """
    if not connection.execute("FROM duckdb_tables()").fetchone():
        connection.execute(_script("schema.sql"))
        connection.execute("INSERT INTO schema_version VALUES (?, 0)", [SCHEMA])
    check_version(connection, path)
    if not has_views(connection):
        connection.execute(_script("views.sql"))
        connection.execute("UPDATE schema_version SET views = ?", [_views_mark()])


def has_views(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file's views are this program's."""
    found = connection.execute("SELECT views FROM schema_version").fetchone()
    return found == (_views_mark(),)


def check_version(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raise `EnvironmentProblem` when the file's tables are not of this program's version."""
    try:
        found = connection.execute("SELECT version FROM schema_version").fetchone()
    except duckdb.CatalogException:
        found = None
    if found == (SCHEMA,):
        return
    if found is None:
        raise EnvironmentProblem(f"database {path} is not one of this program's: set RUNNER_DB")
    age = "a newer" if found[0] > SCHEMA else "an older"
    raise EnvironmentProblem(
        f"database {path} is from {age} version of this program (tables {found[0]}, here "
        f"{SCHEMA}): update the program, or {REBUILD}"
    )


def write_trials(
    connection: duckdb.DuckDBPyConnection, trials: Mapping[str, TrialEvents], journal: Path
) -> None:
    """Replace these trials' rows in every table.

    Raises:
        EnvironmentProblem: a trial id is taken by another run.
    """
    ids = list(trials)
    run_ids = [trial.started.run_id for trial in trials.values()]
    clash = connection.execute(
        "SELECT trial_id, trials.run_id FROM trials "
        "JOIN (SELECT unnest(?) AS trial_id, unnest(?) AS run_id) AS new USING (trial_id) "
        "WHERE trials.run_id <> new.run_id",
        [ids, run_ids],
    ).fetchone()
    if clash:
        raise EnvironmentProblem(
            f"journal {journal} holds trial {clash[0]}, which run {clash[1]} has too: move one "
            "of the two journals away"
        )
    for table, make in _ROWS.items():
        connection.execute(f"DELETE FROM {table} WHERE trial_id IN (SELECT unnest(?))", [ids])
        insert(connection, table, [row for trial in trials.values() for row in make(trial)])


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
        "cache_write_1h, cache_read FROM rates WHERE card IN (SELECT unnest(?))",
        [list(cards)],
    ).fetchall()
    return set(found) == {tuple(row.values()) for row in rate_rows(cards)}


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


def write_mark(
    connection: duckdb.DuckDBPyConnection, journal: str, stamp: tuple[int, int] | None
) -> None:
    """Note that a journal of this stamp (size, time) is in, or with None that it is not yet."""
    connection.execute("DELETE FROM ingested WHERE journal = ?", [journal])
    if stamp:
        connection.execute("INSERT INTO ingested VALUES (?, ?, ?)", [journal, *stamp])


def _views_mark() -> int:
    return zlib.crc32(_script("views.sql").encode())


def _script(name: str) -> str:
    return files("runner.ledger").joinpath(name).read_text(encoding="utf-8")
