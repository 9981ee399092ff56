"""Small journals for the ledger's tests, made of the events a trial would send."""

from collections.abc import Iterable
from pathlib import Path

from runner.config.rates import RateCard, load_cards
from runner.errors import Status
from runner.events import (
    CallReserved,
    CallSettled,
    CheckDone,
    Event,
    ToolUsed,
    TrialEnded,
    TrialStarted,
)
from runner.ledger.duck import opened, query
from runner.ledger.journal import Journal
from runner.types import ProviderKind, Role, Usage

OPUS, HAIKU, QWEN = "claude-opus-4-7", "claude-haiku-4-5-20251001", "qwen3.5:9b"
CARDS: dict[str, RateCard] = load_cards(Path(__file__).parents[2] / "runner" / "rates")


def started(
    trial_id: str,
    *,
    run_id: str = "r1",
    arm: str = "C",
    task: str = "T3",
    kind: ProviderKind = "scripted",
) -> TrialStarted:
    manifest = {"image": "sha256:0", "name": "\udcff\x00é"}
    at = "2026-11-23T11:00:00+01:00"
    return TrialStarted(trial_id, run_id, arm, task, 0, 1, kind, at, manifest)


def call(
    trial_id: str,
    seq: int,
    usage: Usage,
    *,
    role: Role = "orchestrator",
    model: str = OPUS,
    iteration: int = 1,
) -> list[Event]:
    return [
        CallReserved(trial_id, seq, iteration, role, model, 0.5),
        CallSettled(trial_id, seq, iteration, role, model, usage, 2.0, "tool_use", f"req_{seq}"),
    ]


def tool(
    trial_id: str, call_seq: int, name: str, chars: int, *, role: Role = "orchestrator"
) -> ToolUsed:
    return ToolUsed(trial_id, call_seq, 1, role, name, 0.5, 0, False, False, chars, False, "ls")


def ended(
    trial_id: str, status: Status = "solved", *, wall_s: float = 10.0, iterations: int = 2
) -> TrialEnded:
    solved = status == "solved"
    at = "2026-11-23T10:00:10Z"
    return TrialEnded(
        trial_id, status, solved, solved, iterations, wall_s, 4.0, 1.0, 3.0, 0.5, at, "because"
    )


def trial(trial_id: str, status: Status = "solved", *, run_id: str = "r1") -> list[Event]:
    """An orchestrator that delegates once, its executor, and a judge."""
    return [
        started(trial_id, run_id=run_id),
        *call(trial_id, 1, Usage(1000, 100, 2000, 0, 0)),
        *call(trial_id, 2, Usage(500, 50), role="executor", model=QWEN),
        tool(trial_id, 2, "bash", 40, role="executor"),
        tool(trial_id, 1, "delegate_to_executor", 300),
        *call(trial_id, 3, Usage(400, 20, 0, 0, 3000), iteration=2),
        CheckDone(trial_id, "mypy", True, {"errors": 0}),
        CheckDone(trial_id, "pytest", status == "solved", {"passed": 1356}),
        ended(trial_id, status),
    ]


def write_journal(folder: Path, run_id: str, *trials: Iterable[Event]) -> Path:
    path = folder / f"{run_id}.jsonl"
    with Journal.create(path) as journal:
        for events in trials:
            for event in events:
                journal.append(event)
    return path


TABLES = (
    "runs",
    "issued",
    "usage",
    "trials",
    "calls",
    "tool_calls",
    "checks",
    "rates",
    "median_intervals",
    "ingested",
    "costs",
    "cells",
    "context_growth",
)


def ask(db: Path, sql: str) -> list[tuple[object, ...]]:
    """The rows of a query."""
    return list(query(db, sql, wait_s=5).rows)


def content(db: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table and view, in one order."""
    with opened(db, read_only=True, wait_s=5) as connection:
        return {
            table: connection.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES
        }
