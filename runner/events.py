"""What happens in a trial and in a run, in the order it happens: the only side channel there is.

The journal writes these events, the live display shows them, the database is built from
them. Nothing else is recorded, and nothing is recorded twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from runner.errors import Status
from runner.types import JsonObject, ProviderKind, Role, Usage


def now() -> str:
    """This moment, ISO 8601 in UTC to the millisecond: a label, never a duration."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class TrialStarted:
    trial_id: str
    run_id: str
    arm: str
    task: str
    trial: int
    attempt: int
    provider_kind: ProviderKind
    started_at: str  # ISO 8601, UTC; a label: durations come from a monotonic clock
    manifest: JsonObject


@dataclass(frozen=True)
class CallReserved:
    """Money set aside before a call is sent: its worst case in USD."""

    trial_id: str
    seq: int  # counts the trial's model calls from 1, whatever the role
    iteration: int  # turn within the role's own conversation, from 1
    role: Role
    model: str
    usd: float


@dataclass(frozen=True)
class CallSettled:
    """A call that ended. With `lost`, its reply never arrived and its reserve stays spent."""

    trial_id: str
    seq: int
    iteration: int
    role: Role
    model: str
    usage: Usage
    latency_s: float | None  # None: not known, as in data of others
    stop_reason: str | None = None
    request_id: str | None = None
    error: str | None = None
    lost: bool = False
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class ToolUsed:
    """One tool use; `call_seq` is the model call that asked for it."""

    trial_id: str
    call_seq: int
    iteration: int
    role: Role
    tool: str
    seconds: float
    exit_code: int | None
    timed_out: bool
    truncated: bool
    output_chars: int
    is_error: bool
    summary: str  # one line for a person: the command, or the file edited


@dataclass(frozen=True)
class Phase:
    """The trial moved on: `sandbox`, `agent`, `harness`, `judge`."""

    trial_id: str
    name: str
    seconds: float | None = None  # of the phase that ended; None when it begins


@dataclass(frozen=True)
class Waited:
    """The trial stands still for something it shares with others; not its own time.

    `what` is `slot` (the machine's processors), `money` (reserves of others yet to be settled),
    `local model` (others' calls to it) or `rate limit` (the vendor asked for a pause).
    """

    trial_id: str
    what: str
    seconds: float | None = None  # None when the wait begins


@dataclass(frozen=True)
class CheckDone:
    trial_id: str
    name: str
    passed: bool
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class TrialEnded:
    trial_id: str
    status: Status
    success: bool
    harness_green: bool
    iterations: int  # turns of the lead (solo or orchestrator)
    wall_s: float
    model_s: float | None  # of these three, None is one that was not measured
    tool_s: float | None
    judge_s: float | None
    wait_s: float
    ended_at: str
    reason: str  # one sentence: why it ended so
    detail: JsonObject = field(default_factory=dict)


RunState = Literal["complete", "paused"]


@dataclass(frozen=True)
class RunStarted:
    """A run's first event: `lock` is all that its id stands for."""

    run_id: str
    provider_kind: ProviderKind
    lock: JsonObject
    started_at: str
    anew: bool = False  # made by `--new`, whatever else could have gone on


@dataclass(frozen=True)
class SessionStarted:
    """A process takes the run up: how far it shall go this time; limits in USD."""

    run_id: str
    n: int  # successes wanted in a cell; with `fixed`, attempts
    fixed: bool
    seed: int
    jobs: int
    budget_usd: float | None
    arm_budget_usd: float | None
    host: str
    started_at: str
    slots: int = 0  # heavy commands at once on this machine; 0: not known
    # What else was given, so that it can be given again.
    cluster: str | None = None  # the scheduler's address
    arm_files: tuple[str, ...] = ()
    trial_budget_usd: float | None = None
    call_budget_usd: float | None = None


@dataclass(frozen=True)
class AttemptIssued:
    """An attempt is handed to an engine: its id is taken, and `usd` is set aside for all of it.

    `usd` is 0 where each call reserves its own worst case, which is so on this machine.
    """

    run_id: str
    trial_id: str
    arm: str
    task: str
    trial: int
    attempt: int
    usd: float = 0.0


@dataclass(frozen=True)
class SessionEnded:
    """The process let the run go, with nothing in flight."""

    run_id: str
    state: RunState
    reason: str
    ended_at: str


TrialEvent = (
    TrialStarted | CallReserved | CallSettled | ToolUsed | Phase | Waited | CheckDone | TrialEnded
)
RunEvent = RunStarted | SessionStarted | AttemptIssued | SessionEnded
Event = TrialEvent | RunEvent
Record = Callable[[Event], None]
