"""Events of a journal to rows of the database; pure.

A row may hold more keys than its table has columns: the database takes what it knows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runner.events import (
    CallReserved,
    CallSettled,
    CheckDone,
    Event,
    RunEvent,
    ToolUsed,
    TrialEnded,
    TrialEvent,
    TrialStarted,
)
from runner.types import Usage

Row = Mapping[str, object]
DIED = "the runner died"
UNSETTLED = "unsettled"
DELEGATE = "delegate_to_executor"  # its seconds are its executor's calls and tools


@dataclass(frozen=True)
class TrialEvents:
    """One trial's events, sorted by what they are about; calls by their `seq`."""

    started: TrialStarted
    ended: TrialEnded | None
    reserved: Mapping[int, CallReserved]
    settled: Mapping[int, CallSettled]
    tools: Sequence[ToolUsed]
    checks: Mapping[str, CheckDone]  # by name; a later answer replaces


def by_trial(events: Iterable[Event]) -> dict[str, TrialEvents]:
    """A journal's events by trial id, in the order the trials began.

    Raises `ValueError` when events belong to a trial that never began: their money would
    drop out of every sum.
    """
    grouped: dict[str, list[TrialEvent]] = {}
    for event in events:
        if isinstance(event, RunEvent):
            continue
        grouped.setdefault(event.trial_id, []).append(event)
    return {trial_id: _sorted(trial_id, group) for trial_id, group in grouped.items()}


def _sorted(trial_id: str, events: Sequence[TrialEvent]) -> TrialEvents:
    started = [event for event in events if isinstance(event, TrialStarted)]
    ended = [event for event in events if isinstance(event, TrialEnded)]
    if not started:
        raise ValueError(f"trial {trial_id} has events but no beginning")
    return TrialEvents(
        started=started[0],
        ended=ended[-1] if ended else None,
        reserved={event.seq: event for event in events if isinstance(event, CallReserved)},
        settled={event.seq: event for event in events if isinstance(event, CallSettled)},
        tools=[event for event in events if isinstance(event, ToolUsed)],
        checks={event.name: event for event in events if isinstance(event, CheckDone)},
    )


def trial_row(trial: TrialEvents) -> Row:
    """The `trials` row. A trial without an end is one whose runner died."""
    row: dict[str, object] = vars(trial.started) | {"started_at": _utc(trial.started.started_at)}
    if trial.ended is None:
        return row | _died(trial)
    return row | vars(trial.ended) | {"ended_at": _utc(trial.ended.ended_at)}


def call_rows(trial: TrialEvents) -> Sequence[Row]:
    """The `calls` rows: each reserve with what became of it."""
    lines = []
    for seq in sorted(trial.reserved.keys() | trial.settled.keys()):
        reserved, settled = trial.reserved.get(seq), trial.settled.get(seq)
        row: dict[str, object] = {"reserved_usd": reserved.usd if reserved else None}
        if settled is None:
            row |= vars(reserved) | {"error": UNSETTLED, "lost": True}
        else:
            row |= vars(settled)
            if not (settled.lost and settled.usage == Usage()):
                row |= vars(settled.usage)
        lines.append(row)
    return lines


def tool_rows(trial: TrialEvents) -> list[Row]:
    """The `tool_calls` rows, numbered from 1 within the trial."""
    return [vars(tool) | {"seq": seq} for seq, tool in enumerate(trial.tools, start=1)]


def check_rows(trial: TrialEvents) -> list[Row]:
    """The `checks` rows, one a name."""
    return [vars(check) for check in trial.checks.values()]


def _died(trial: TrialEvents) -> dict[str, object]:
    """What can still be said: the turns and seconds on record, never the wall time."""
    called: list[CallReserved | CallSettled] = [*trial.reserved.values(), *trial.settled.values()]
    turns = [call.iteration for call in called if call.role != "executor"]
    return {
        "status": "infra",
        "success": False,
        "harness_green": False,
        "iterations": max(turns, default=0),
        "model_s": sum(call.latency_s or 0.0 for call in trial.settled.values()),
        "tool_s": sum(tool.seconds for tool in trial.tools if tool.tool != DELEGATE),
        "reason": DIED,
    }


def _utc(text: str) -> str | None:
    """An ISO 8601 label as UTC without a zone; None for what is no date."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ")
