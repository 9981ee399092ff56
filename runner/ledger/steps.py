"""Steps of journals into the database, on a connection that is already open."""

import json
from collections.abc import Sequence
from importlib.resources import files

import duckdb

from runner.errors import EnvironmentProblem
from runner.events import (
    AttemptIssued,
    CallReserved,
    CallSettled,
    CheckDone,
    RunStarted,
    SessionEnded,
    SessionStarted,
    ToolUsed,
    TrialEnded,
    TrialStarted,
)
from runner.ledger.journal_format import record, to_json
from runner.ledger.journal_lines import BEGINNING, JournalLines, Place
from runner.ledger.pieces import Mark, Step
from runner.ledger.texts import table_of, valid

_OF_SESSION = ("run_id", "n", "fixed", "seed", "jobs", "budget_usd", "arm_budget_usd")
_OF_TRIALS = ("calls", "usage", "tool_calls", "checks", "trials")


def write_steps(connection: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> list[Step]:
    """Write these steps, in one transaction of the caller's; gives those that were written.

    A step is left out when its journal's mark is no longer the one it goes on from, since then
    another process has been here.

    Raises:
        EnvironmentProblem: a trial is in two journals.
        duckdb.Error: some text is not what its shape promised.
    """
    connection.execute(
        # ISO 8601 labels as UTC without a zone; NULL for what is no date.
        "SET TimeZone = 'UTC'; CREATE OR REPLACE TEMP MACRO utc(label) AS "
        "timezone('UTC', try_cast(label AS TIMESTAMPTZ))"
    )
    fitting = _fitting(connection, steps)
    for step in fitting:
        if step.fresh:
            _forget(connection, step.path.name)
    _fill(connection, fitting)
    _check_clash(connection)
    for step in fitting:
        _write_run(connection, step)
    connection.execute(_script("ingest.sql"))
    for step in fitting:
        if step.after.closed:
            connection.execute(
                "UPDATE runs SET state = 'broken off' WHERE journal = ? AND state = 'running'",
                [step.path.name],
            )
        _write_mark(connection, step.path.name, step.after)
    return fitting


def read_marks(connection: duckdb.DuckDBPyConnection) -> dict[str, Mark]:
    """How far each journal is in the database, by file name."""
    found = connection.execute("FROM ingested").fetchall()
    return {
        name: Mark(size, mtime_ns, Place(*places[:2]), Place(*places[2:]), crc, closed)
        for name, size, mtime_ns, *places, crc, closed in found
    }


def _fitting(connection: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> list[Step]:
    marks: dict[str, Mark | None] = dict(read_marks(connection))
    found = []
    for step in steps:
        if marks.get(step.path.name) == step.before:
            marks[step.path.name] = step.after
            found.append(step)
    return found


def _write_mark(connection: duckdb.DuckDBPyConnection, journal: str, mark: Mark) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO ingested VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            journal,
            mark.size,
            mark.mtime_ns,
            mark.read.lines,
            mark.read.offset,
            mark.again.lines,
            mark.again.offset,
            mark.again_crc,
            mark.closed,
        ],
    )


def _forget(connection: duckdb.DuckDBPyConnection, journal: str) -> None:
    """Remove all that is there of a journal."""
    for table in _OF_TRIALS:
        connection.execute(
            f"DELETE FROM {table} WHERE trial_id IN "
            "(SELECT trial_id FROM trials WHERE journal = ?)",
            [journal],
        )
    for table in ("runs", "issued"):
        connection.execute(f"DELETE FROM {table} WHERE journal = ?", [journal])


# ---- trials ---------------------------------------------------------------------------------


def _fill(connection: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> None:
    """Make the tables `new_*` of the steps' trials."""
    trials = [trial for step in steps for trial in step.trials]
    journals = [step.path.name for step in steps for _ in step.trials]
    started, ended = [each.started for each in trials], [each.ended for each in trials]
    reserved = [text for each in trials for text in each.reserved.values()]
    settled = [text for each in trials for text in each.settled.values()]
    checks = [text for each in trials for text in each.checks.values()]
    tools = [text for each in trials for text in each.tools]
    numbers = [number for each in trials for number in range(1, len(each.tools) + 1)]
    table_of(connection, "new_started", TrialStarted, started, journal=journals)
    table_of(connection, "new_ended", TrialEnded, [text for text in ended if text])
    table_of(connection, "new_reserved", CallReserved, reserved)
    table_of(connection, "new_settled", CallSettled, settled)
    table_of(connection, "new_checks", CheckDone, checks)
    table_of(connection, "new_tools", ToolUsed, tools, seq=numbers)
    connection.execute("CREATE OR REPLACE TEMP TABLE new_over (journal VARCHAR, line BIGINT)")
    over = [[step.path.name, step.over] for step in steps if step.over]
    if over:
        connection.executemany("INSERT INTO new_over VALUES (?, ?)", over)


def _check_clash(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        "SELECT trial_id, list(journal ORDER BY new, journal) FROM ("
        "  SELECT trial_id, journal, true AS new FROM new_started"
        "  UNION ALL"
        "  SELECT trial_id, journal, false FROM trials SEMI JOIN new_started USING (trial_id)"
        ") GROUP BY trial_id HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if found:
        raise EnvironmentProblem(
            f"journal {found[1][-1]} holds trial {found[0]}, which {found[1][0]} has too: move "
            "one of the two journals away"
        )


def explained(steps: Sequence[Step], error: duckdb.Error) -> EnvironmentProblem:
    """Why DuckDB refused these steps' texts: found by decoding them one by one.

    Names the journal and, where the event itself is wrong, the line.
    """
    for step in steps:
        lines = JournalLines(step.path, step.before.again if step.before else BEGINNING)
        try:
            for text in lines:
                record(step.path, lines.lines, text)
        except EnvironmentProblem as wrong:
            return wrong
    names = ", ".join(sorted({step.path.name for step in steps})) or "none"
    return EnvironmentProblem(
        f"the database refuses what these journals hold ({names}): {str(error).splitlines()[0]}"
    )


# ---- runs -----------------------------------------------------------------------------------


def _write_run(connection: duckdb.DuckDBPyConnection, step: Step) -> None:
    issued: list[Sequence[object]] = []
    for line, event in step.events:
        match event:
            case RunStarted():
                connection.execute(
                    "INSERT INTO runs BY NAME SELECT $run_id AS run_id, $kind AS provider_kind, "
                    "utc($at) AS started_at, $lock AS lock, 0 AS sessions, "
                    "'running' AS state, $journal AS journal",
                    {
                        "run_id": event.run_id,
                        "kind": event.provider_kind,
                        "at": event.started_at,
                        "lock": valid(json.dumps(event.lock, ensure_ascii=False)),
                        "journal": step.path.name,
                    },
                )
            case SessionStarted():
                connection.execute(
                    "UPDATE runs SET n = $n, fixed = $fixed, seed = $seed, jobs = $jobs, "
                    "budget_usd = $budget_usd, arm_budget_usd = $arm_budget_usd, "
                    "sessions = sessions + 1, state = 'running', reason = NULL, ended_at = NULL, "
                    "session = $session WHERE run_id = $run_id",
                    {name: getattr(event, name) for name in _OF_SESSION}
                    | {
                        "session": valid(json.dumps(json.loads(to_json(event)), ensure_ascii=False))
                    },
                )
            case SessionEnded():
                connection.execute(
                    "UPDATE runs SET state = $state, reason = $reason, "
                    "ended_at = utc($ended_at) WHERE run_id = $run_id",
                    vars(event) | {"reason": valid(event.reason)},
                )
            case AttemptIssued() if event.usd > 0:
                issued.append([*vars(event).values(), step.path.name, line])
    if issued:
        connection.executemany("INSERT INTO issued VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", issued)


def _script(name: str) -> str:
    return files("runner.ledger").joinpath(name).read_text(encoding="utf-8")
