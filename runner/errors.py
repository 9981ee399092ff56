"""Who must hear of it decides the type.

RunnerError
├── ToolError          the model: its tool call was wrong and it can mend it
├── TrialError         the ledger: this trial ends with `status`, others go on
│   ├── LimitReached     a cap of money or time was met
│   ├── Stopped          the run is being stopped
│   ├── ModelFailure     the model's service refused or broke the conversation
│   └── SandboxFailure   the container or its channel is gone
└── OperatorError      the person at the terminal: `message`, then `exit_code`
    ├── UsageError       2: the command or a file they wrote is wrong
    └── EnvironmentProblem 3: the machine lacks something; the message says how to get it
"""

from collections.abc import Mapping
from typing import Literal

Status = Literal["solved", "failed", "cap", "budget", "timeout", "blocked", "infra"]

Scope = Literal["call", "trial", "arm", "run"]

EXIT_OK = 0
EXIT_NOT_SOLVED = 1
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3
EXIT_BUDGET = 4
EXIT_INTERRUPTED = 130
EXIT_UNREAD = 141  # 128 + SIGPIPE: what a shell says of a program whose reader has left


class RunnerError(Exception):
    """Everything this program raises on purpose."""


class ToolError(RunnerError):
    """Told to the model as an error result; the conversation goes on."""


class TrialError(RunnerError):
    """Ends one trial with `status`; recorded, never raised past the trial."""

    status: Status = "infra"


class LimitReached(TrialError):
    """A limit was met: `budget` (USD) or `timeout` (seconds); `scope` says whose.

    With the scope `arm` or `run` the trial was cut short by what others spent: it is no result.
    """

    def __init__(
        self, message: str, status: Literal["budget", "timeout"], scope: Scope = "trial"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.scope = scope


class Stopped(TrialError):
    """The run is being stopped: no further call is sent."""


class ModelFailure(TrialError):
    """The model's service failed or refused for good.

    `kind` is the vendor's own word for it (`authentication_error`, `overloaded_error`,
    `connection`, ...), `request_id` the vendor's id when one came back. `lost` is True when a
    reply may have been made and billed that never arrived: its reserve stays spent. `detail`
    holds `attempts` and `wait_s` like a reply's.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        request_id: str | None = None,
        lost: bool = True,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.request_id = request_id
        self.lost = lost
        self.detail: Mapping[str, object] = detail or {}


class SandboxFailure(TrialError):
    """The container, its exec channel or the engine is gone.

    It is the trial's failure, not the machine's, where commands used the container up.
    """

    def __init__(self, message: str, status: Literal["infra", "failed"] = "infra") -> None:
        super().__init__(message)
        self.status = status


class OperatorError(RunnerError):
    """Shown to the operator without a traceback; the process exits with `exit_code`."""

    exit_code: int = EXIT_USAGE


class UsageError(OperatorError):
    """The command line or a file the operator wrote is wrong."""


class EnvironmentProblem(OperatorError):
    """The machine lacks something; the message names the fix."""

    exit_code = EXIT_ENVIRONMENT
