"""A published trial as the events it would have sent here; what is not known stays unknown."""

from collections.abc import Collection, Iterable
from dataclasses import asdict

from runner.errors import Status
from runner.events import CallSettled, CheckDone, TrialEnded, TrialEvent, TrialStarted
from runner.published.reading import ALIASES, LEADS, PublishedTrial, Row
from runner.types import JsonObject, Role, Usage

# The caps of turns their runner had, first and last: its README and `agent.py` tell of 30 for
# an orchestrator and 40 for a solo, later 60 and 80, and its `batch.sh` of 80, 100 and 120.
# A row does not say which was in force.
CAPS = {"A": (40,), "B": (30, 60, 80), "C": (30, 40), "D": (40, 80, 100, 120)}


def trial_id(row: Row) -> str:
    """The row's id, the same whenever and from whichever file it is imported."""
    trial = row.trial
    return f"imported-{trial.arm}-{trial.task}-{trial.trial}-{row.digest[:12]}"


def delegating(rows: Iterable[Row]) -> frozenset[str]:
    """The arms with two models in any row: their lead is an orchestrator in every row."""
    return frozenset(row.trial.arm for row in rows if len(row.trial.usage_by_role) > 1)


def trial_events(row: Row, run_id: str, delegating_arms: Collection[str]) -> list[TrialEvent]:
    """The row's events: a start, one call a model with its summed tokens, a check, an end."""
    trial, name = row.trial, trial_id(row)
    manifest: JsonObject = {"source": asdict(row.origin)}
    started = TrialStarted(
        name, run_id, trial.arm, trial.task, trial.trial, row.attempt, "imported", "", manifest
    )
    final = trial.verify_final
    checks = [] if final.exit_code is None else [
        CheckDone(name, "verify_final", final.exit_code == 0, asdict(final))
    ]  # fmt: skip
    calls = _calls(row, "orchestrator" if trial.arm in delegating_arms else "solo")
    return [started, *calls, *checks, _end(row)]


def _calls(row: Row, lead: Role) -> list[CallSettled]:
    """One call a model, the lead's first."""
    used = sorted(row.trial.usage_by_role.items(), key=lambda each: not each[0].startswith(LEADS))
    calls = []
    for seq, (source_model, theirs) in enumerate(used, start=1):
        usage = Usage(
            input_tokens=theirs.input_tokens,
            output_tokens=theirs.output_tokens,
            cache_write_5m_tokens=theirs.cache_creation_input_tokens,
            cache_read_tokens=theirs.cache_read_input_tokens,
        )
        model = ALIASES.get(source_model, source_model)
        detail: dict[str, object] = {"aggregated": True}
        if model != source_model:
            detail["source_model"] = source_model
        if usage == Usage():
            detail["uncounted"] = True  # a model that was called reads and writes something
        role: Role = lead if seq == 1 else "executor"
        turns = row.trial.iterations if seq == 1 else 1
        calls.append(
            CallSettled(trial_id(row), seq, turns, role, model, usage, None, detail=detail)
        )
    return calls


def _end(row: Row) -> TrialEnded:
    trial = row.trial
    status, reason = outcome(trial)
    return TrialEnded(
        trial_id=trial_id(row),
        status=status,
        success=trial.success,
        harness_green=trial.verify_final.exit_code == 0,
        iterations=trial.iterations,
        wall_s=trial.wall_sec,
        model_s=None,
        tool_s=None,
        judge_s=None,
        wait_s=0.0,  # nothing was taken out of their wall time
        ended_at="",
        reason=reason,
        detail={
            "blocked": trial.blocked,
            "source_usd": trial.total_cost_usd,
            "source_usd_by_model": dict(trial.cost_usd_by_role),
            "error": trial.error,
        },
    )


def outcome(trial: PublishedTrial) -> tuple[Status, str]:
    """How a row is counted, and why, in one sentence.

    A row says neither that a cap was met nor which it was, so that an unsolved one with exactly
    as many turns as a cap of its arm counts as cut off by it: its money is censored.
    """
    if trial.failed_start:
        return "infra", f"failed start: {_short(trial.error or 'no turn on record')}"
    if trial.error:
        return "infra", f"broke off: {_short(trial.error)}"
    if trial.blocked:
        return "blocked", "the source says the model gave up"
    at_cap = trial.iterations in CAPS.get(trial.arm, ())
    if trial.success:
        doubt = ", with exactly as many turns as a cap of its arm" if at_cap else ""
        return "solved", f"the source's verifier passed{doubt}"
    if at_cap:
        return "cap", f"not solved after {trial.iterations} turns, a cap of its arm"
    return "failed", "the source's verifier did not pass"


def _short(error: str) -> str:
    """An error's first line, of a length for one sentence; `detail` keeps all of it."""
    return (error.splitlines() or [""])[0][:300]
