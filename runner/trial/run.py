"""One trial, from a fresh container to a verdict, with everything on record."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from runner.agent.bash import bash_tool
from runner.agent.delegate import delegate_tool
from runner.agent.editor import editor_tool
from runner.agent.loop import Ending, Outcome, Scribe, Seated, run_agent
from runner.agent.meter import Meter
from runner.config.tasks import Task
from runner.errors import (
    LimitReached,
    ModelFailure,
    OperatorError,
    Status,
    ToolError,
    TrialError,
)
from runner.events import CheckDone, Phase, Record, TrialEnded, TrialStarted, now
from runner.judge.change import Change, change_sha256, packed
from runner.judge.evidence import json_object
from runner.judge.judge import Court, judge
from runner.judge.transfer import collect
from runner.judge.trees import Trees
from runner.trial.spec import AgentSandbox, TrialSpec, World
from runner.types import JsonObject, Model, Sandbox, Tool, Verdict


@dataclass
class _Progress:
    """What is known of a trial so far, for its last line on record."""

    began: float = field(default_factory=time.monotonic)
    outcome: Outcome | None = None
    limit: LimitReached | None = None
    failure: TrialError | None = None
    harness: JsonObject = field(default_factory=dict)
    harness_green: bool = False
    change_sha256: str | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict(()))
    judge_s: float = 0.0


def run_trial(spec: TrialSpec, world: World, record: Record, scribe: Scribe) -> TrialEnded:
    """Run the trial and give its end, which is on record by then.

    Whatever goes wrong inside a trial becomes its status. An interrupt, an `OperatorError` (a
    full disk) or an unexpected error is put on record too, if anything still can be, and then
    raised.
    """
    record(started(spec))
    meter = Meter(
        spec.trial_id,
        spec.card,
        world.account,
        spec.arm.limits.seconds,
        record,
        stopped=world.stopped,
        call_limit_usd=spec.arm.limits.call_usd,
        call_s=world.call_deadline_s,
    )
    progress = _Progress()
    try:
        _steps(spec, world, record, scribe, meter, progress)
    except TrialError as error:
        progress.failure = error
        return _end(spec, record, meter, progress, error.status, str(error))
    except BaseException as error:
        said = str(error) if isinstance(error, OperatorError) else repr(error)
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else said
        with suppress(OperatorError):  # the journal's own disk may be the full one
            _end(spec, record, meter, progress, "infra", f"the runner stopped: {what}")
        raise
    status, reason = verdict_status(progress)
    return _end(spec, record, meter, progress, status, reason)


def started(spec: TrialSpec) -> TrialStarted:
    """The trial's first line on record."""
    return TrialStarted(
        trial_id=spec.trial_id,
        run_id=spec.run_id,
        arm=spec.arm.id,
        task=spec.task.id,
        trial=spec.trial,
        attempt=spec.attempt,
        provider_kind=spec.provider_kind,
        started_at=now(),
        manifest=spec.manifest,
    )


def _steps(
    spec: TrialSpec,
    world: World,
    record: Record,
    scribe: Scribe,
    meter: Meter,
    progress: _Progress,
) -> None:
    opening = time.monotonic()
    record(Phase(spec.trial_id, "sandbox"))
    with world.open_sandbox("agent") as sandbox:
        record(Phase(spec.trial_id, "sandbox", time.monotonic() - opening))
        with _phase(spec, record, "agent"):
            try:
                progress.outcome = _converse(spec, world, sandbox, meter, scribe)
            except LimitReached as limit:
                if limit.scope in ("arm", "run"):
                    raise  # cut short by what others spent: there is nothing to judge
                progress.limit = limit
        sandbox.quiesce()
        change = _change(sandbox, world, spec.task)
        progress.change_sha256 = change_sha256(packed(change))
        world.keep_change(change)
        with meter.place(world.slots), _phase(spec, record, "harness"), _judging(progress):
            _own_harness(sandbox, world.judge_timeout_s, progress)
    with meter.place(world.slots), _phase(spec, record, "judge"), _judging(progress):
        progress.verdict = judge(_court(spec, world, change), change)
    for check in progress.verdict.checks:
        record(CheckDone(spec.trial_id, check.name, check.passed, check.detail))


def _change(sandbox: AgentSandbox, world: World, task: Task) -> Change:
    """What the agent changed; a tree too large to look through is its own doing."""
    try:
        entries = sandbox.entries()
    except ToolError as error:
        return Change({}, (), (), {".": str(error)})
    return collect(entries, sandbox, world.starting, task)


def _converse(
    spec: TrialSpec, world: World, sandbox: Sandbox, meter: Meter, scribe: Scribe
) -> Outcome:
    arm = spec.arm
    hands: list[Tool] = [
        bash_tool(
            sandbox,
            timeout_s=world.bash_timeout_s,
            timeout_max_s=world.bash_timeout_max_s,
            place=lambda: meter.place(world.slots),
        ),
        editor_tool(sandbox),
    ]
    with world.open_model(arm.lead, arm.lead_role) as lead:
        if arm.executor is None:
            return run_agent(_lead(spec, lead, hands), spec.task.prompt, meter, scribe)
        seat = arm.executor
        with world.open_model(seat.seat, "executor") as executor:

            def seated(conversation: int) -> Seated:
                system = spec.prompts.of("executor")
                caps = (seat.max_turns, seat.max_tokens)
                return Seated(executor, "executor", conversation, system, hands, *caps)

            delegate = delegate_tool(
                seated, summary_chars=seat.summary_chars, meter=meter, scribe=scribe
            )
            return run_agent(_lead(spec, lead, [*hands, delegate]), spec.task.prompt, meter, scribe)


def _lead(spec: TrialSpec, model: Model, tools: Sequence[Tool]) -> Seated:
    role = spec.arm.lead_role
    system = spec.prompts.of(role, spec.arm.prompt)
    return Seated(model, role, 0, system, tools, spec.max_turns, spec.arm.lead.max_tokens)


def _own_harness(sandbox: Sandbox, timeout_s: float, progress: _Progress) -> None:
    """The published criterion: the tools' exit codes on the agent's own tree."""
    try:
        result = sandbox.run(("harness", "--json"), timeout_s=timeout_s)
    except ToolError as refusal:  # its commands are run no more, by its own doing
        progress.harness = {"output": [str(refusal)]}
        return
    lines = result.output.decode("utf-8", "replace").strip().splitlines()
    said = json_object(lines[-1]) if lines else None
    progress.harness = {"output": lines[-20:]} if said is None else said
    progress.harness_green = result.exit_code == 0 and not result.timed_out


def _court(spec: TrialSpec, world: World, change: Change) -> Court:
    final = change.applied_to(world.starting)
    return Court(
        task=spec.task,
        trees=Trees(world.pristine, world.starting, final),
        expected=world.expected_tests,
        open_sandbox=lambda: world.open_sandbox("judge"),
        timeout_s=world.judge_timeout_s,
    )


def verdict_status(progress: _Progress) -> tuple[Status, str]:
    """How a judged trial is counted, and why, in one sentence.

    A trial that met a limit keeps that status even if its tree is right: its cost is censored.
    """
    if progress.limit:
        return progress.limit.status, str(progress.limit)
    assert progress.outcome is not None
    ending: Ending = progress.outcome.ending
    if ending == "cap":
        return "cap", f"the lead used all its {progress.outcome.turns} turns"
    if ending == "blocked":
        return "blocked", progress.outcome.text.strip()[:500]
    if progress.verdict.success:
        return "solved", "every check passed"
    missed = ", ".join(check.name for check in progress.verdict.checks if not check.passed)
    return "failed", f"the model ended with '{ending}'; checks not passed: {missed}"


def _end(
    spec: TrialSpec,
    record: Record,
    meter: Meter,
    progress: _Progress,
    status: Status,
    reason: str,
) -> TrialEnded:
    ended = TrialEnded(
        trial_id=spec.trial_id,
        status=status,
        success=progress.verdict.success,
        harness_green=progress.harness_green,
        iterations=meter.lead_turns,
        wall_s=time.monotonic() - progress.began - meter.wait_s,
        model_s=meter.model_s,
        tool_s=meter.tool_s,
        judge_s=progress.judge_s,
        wait_s=meter.wait_s,
        ended_at=now(),
        reason=reason,
        detail=_detail(meter, progress),
    )
    record(ended)
    return ended


def _detail(meter: Meter, progress: _Progress) -> JsonObject:
    """What a reader of the record may ask next: whose limit, which failure, what waits."""
    detail: dict[str, object] = {"harness": progress.harness, "waits_s": dict(meter.waits_s)}
    if progress.change_sha256:
        detail["change_sha256"] = progress.change_sha256
    if progress.verdict.notes:
        detail["judge"] = dict(progress.verdict.notes)
    if meter.context_full:
        detail["context_full"] = meter.context_full
    ended_by = progress.limit or progress.failure
    if isinstance(ended_by, LimitReached):
        detail["limit"] = ended_by.scope
    elif ended_by:
        detail["failure"] = type(ended_by).__name__
    if isinstance(ended_by, ModelFailure):
        detail["kind"] = ended_by.kind
    return detail


@contextmanager
def _phase(spec: TrialSpec, record: Record, name: str) -> Iterator[None]:
    began = time.monotonic()
    record(Phase(spec.trial_id, name))
    yield
    record(Phase(spec.trial_id, name, time.monotonic() - began))


@contextmanager
def _judging(progress: _Progress) -> Iterator[None]:
    """Count the seconds as judging, also when it breaks off."""
    began = time.monotonic()
    try:
        yield
    finally:
        progress.judge_s += time.monotonic() - began
