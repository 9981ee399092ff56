"""A run that goes on, as far as the database has it, and how far that is in its journal."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import duckdb

from runner.errors import EnvironmentProblem, Status
from runner.events import AttemptIssued, SessionStarted, TrialEnded
from runner.ledger.duck import opened
from runner.ledger.journal_format import from_json
from runner.ledger.journal_lines import crc_before
from runner.ledger.pieces import Mark
from runner.ledger.steps import read_marks
from runner.ledger.tables import check_version, is_empty
from runner.types import JsonObject, ProviderKind

# Times that are not known, of a trial whose runner died, count as none. Money is summed in its
# own right: summed for each trial first, it takes twice as long.
_ALIKE = """
    WITH mine AS (
        SELECT *, coalesce(detail->>'limit', '') AS capped FROM trials WHERE run_id = $run
    ),
    ended AS (
        SELECT arm, task, status, success, capped, count(*) AS number,
            sum(coalesce(wall_s + coalesce(wait_s, 0), 0)) AS busy_s
        FROM mine GROUP BY ALL
    ),
    spent AS (
        SELECT arm, task, status, success, capped, sum(coalesce(usd, lost_usd)) AS usd
        FROM costs JOIN mine USING (trial_id) WHERE card = $card GROUP BY ALL
    )
    SELECT arm, task, status, success, capped, number, busy_s, coalesce(usd, 0)
    FROM ended LEFT JOIN spent USING (arm, task, status, success, capped) ORDER BY ALL
"""
# The latest first, their money after: a subquery for each prices every trial of the run.
_LAST = """
    WITH latest AS (
        SELECT *, rowid AS place FROM trials
        WHERE run_id = $run AND ended_at IS NOT NULL
        ORDER BY ended_at DESC, rowid DESC LIMIT $last
    )
    SELECT latest.trial_id, arm, task, trial, attempt, status, success, iterations, wall_s, reason,
        coalesce(sum(coalesce(costs.usd, costs.lost_usd)), 0)
    FROM latest LEFT JOIN costs ON costs.trial_id = latest.trial_id AND card = $card
    GROUP BY ALL ORDER BY any_value(ended_at) DESC, any_value(place) DESC
"""
_ISSUED = "SELECT run_id, trial_id, arm, task, trial, attempt, usd FROM issued WHERE run_id = $run"


@dataclass(frozen=True)
class Alike:
    """How many attempts of a cell ended in the same way, their seconds and USD in all."""

    arm: str
    task: str
    ended: TrialEnded
    number: int
    usd: float


@dataclass(frozen=True)
class Ended:
    """One attempt that ended."""

    issued: AttemptIssued
    ended: TrialEnded
    usd: float


@dataclass(frozen=True)
class Standing:
    """A run up to its journal's mark. `session` is the last of `sessions`; `last` the latest ends.

    `issued` are the attempts that money is set aside for as a whole.
    """

    mark: Mark
    run_id: str
    kind: ProviderKind
    lock: JsonObject
    card: str
    sessions: int
    session: SessionStarted
    alike: Sequence[Alike]
    last: Sequence[Ended]
    issued: Sequence[AttemptIssued]


def standing(
    db_path: Path, journal: Path, cards: Sequence[str], card: str, *, last: int, wait_s: float
) -> Standing | None:
    """What the database has of a run; None when it has nothing that fits, or cannot say now.

    Priced by the card the run was begun with if it is one of `cards`, else by `card`; `last`
    is how many ends are told one by one. Waits up to `wait_s` seconds for the database.
    """
    if not db_path.exists():
        return None
    try:
        with opened(db_path, read_only=True, wait_s=wait_s) as connection:
            if is_empty(connection):
                return None
            check_version(connection, db_path)
            found = _standing(connection, journal.name, cards, card, last)
        fits = found and found.mark.again_crc == crc_before(journal, found.mark.again)
    except EnvironmentProblem:
        return None
    return found if fits else None


def _standing(
    connection: duckdb.DuckDBPyConnection, journal: str, cards: Sequence[str], card: str, last: int
) -> Standing | None:
    mark = read_marks(connection).get(journal)
    run = connection.execute(
        "SELECT run_id, provider_kind, lock, sessions, session FROM runs "
        "WHERE journal = ? AND session IS NOT NULL",
        [journal],
    ).fetchone()
    if mark is None or run is None:
        return None
    prices = connection.execute("SELECT DISTINCT card FROM rates").fetchall()
    run_id, kind, lock, sessions, session = run
    lock = json.loads(lock)
    named = str(lock.get("card", {}).get("id")) if isinstance(lock.get("card"), dict) else ""
    priced = named if named in cards else card
    asked = {"run": run_id, "card": priced}

    def rows(sql: str, more: Mapping[str, object]) -> list[tuple[Any, ...]]:
        return connection.execute(sql, dict(more)).fetchall()

    began = from_json(session)
    if not isinstance(began, SessionStarted) or kind not in get_args(ProviderKind):
        return None
    if (priced,) not in prices:
        return None
    return Standing(
        mark=mark,
        run_id=run_id,
        kind=kind,
        lock=lock,
        card=priced,
        sessions=sessions,
        session=began,
        alike=[_alike(row) for row in rows(_ALIKE, asked)],
        last=[_ended(run_id, row) for row in reversed(rows(_LAST, {**asked, "last": last}))],
        issued=[AttemptIssued(*row) for row in rows(_ISSUED, {"run": run_id})],
    )


def _alike(row: tuple[Any, ...]) -> Alike:
    arm, task, status, success, limit, number, busy_s, usd = row
    detail = {"limit": limit} if limit else {}
    return Alike(arm, task, _end("", status, success, 0, busy_s, "", detail), number, usd)


def _ended(run_id: str, row: tuple[Any, ...]) -> Ended:
    trial_id, arm, task, trial, attempt, status, success, turns, wall_s, reason, usd = row
    issued = AttemptIssued(run_id, trial_id, arm, task, trial, attempt)
    return Ended(issued, _end(trial_id, status, success, turns, wall_s or 0.0, reason, {}), usd)


def _end(
    trial_id: str,
    status: Status,
    success: bool,
    turns: int,
    wall_s: float,
    reason: str | None,
    detail: JsonObject,
) -> TrialEnded:
    """What is known of an end; the rest is empty."""
    return TrialEnded(
        trial_id=trial_id,
        status=status,
        success=success,
        harness_green=False,
        iterations=turns,
        wall_s=wall_s,
        model_s=None,
        tool_s=None,
        judge_s=None,
        wait_s=0.0,
        ended_at="",
        reason=reason or "",
        detail=detail,
    )
