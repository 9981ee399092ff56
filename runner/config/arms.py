"""Arms are data: one TOML file each, read here and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, load_toml
from runner.errors import UsageError
from runner.types import Role

Option = str | int | float | bool


@strict_dataclass(frozen=True, config=STRICT)
class Seat:
    """One model at the table: who serves it, which it is, how it is asked."""

    provider: str  # a key of `runner.models.PROVIDERS`
    model: str
    max_tokens: int = Field(default=4096, gt=0)
    options: Mapping[str, Option] = Field(default_factory=dict)  # the provider's own settings


@strict_dataclass(frozen=True, config=STRICT)
class ExecutorSeat:
    """The model an orchestrator delegates to, and what bounds it."""

    provider: str  # a key of `runner.models.PROVIDERS`
    model: str
    summary_chars: int = Field(gt=0)  # longest summary the orchestrator gets back
    max_turns: int = Field(default=20, gt=0)
    max_tokens: int = Field(default=4096, gt=0)
    options: Mapping[str, Option] = Field(default_factory=dict)

    @property
    def seat(self) -> Seat:
        """The model alone."""
        return Seat(self.provider, self.model, self.max_tokens, self.options)


@strict_dataclass(frozen=True, config=STRICT)
class Limits:
    """What ends a trial early: USD at the trial's card, and seconds of its own time.

    `call_usd` is the most that one call may cost in the worst case.
    """

    usd: float = Field(default=10.0, gt=0)
    seconds: float = Field(default=5400.0, gt=0)
    call_usd: float | None = Field(default=None, gt=0)


@strict_dataclass(frozen=True, config=STRICT)
class _ArmFile:
    id: str
    title: str
    turns: Mapping[str, int]  # cap of the lead's turns by task id; `default` for the others
    lead: Seat
    executor: ExecutorSeat | None = None
    limits: Limits = Field(default_factory=Limits)


@dataclass(frozen=True)
class Arm:
    """A set-up under test: a lead, alone or with an executor."""

    id: str
    title: str
    lead: Seat
    executor: ExecutorSeat | None
    turns: Mapping[str, int]
    limits: Limits

    @property
    def lead_role(self) -> Role:
        """`orchestrator` when there is somebody to delegate to, else `solo`."""
        return "orchestrator" if self.executor else "solo"

    @property
    def models(self) -> tuple[str, ...]:
        """Every model the arm may call; each needs a price."""
        return (self.lead.model, *((self.executor.model,) if self.executor else ()))

    @property
    def local_models(self) -> int:
        """How many places on a local model it takes while it runs."""
        seats = (self.lead, *((self.executor,) if self.executor else ()))
        return int(any(seat.provider == "ollama" for seat in seats))

    def max_turns(self, task_id: str) -> int:
        """The lead's cap of turns on a task."""
        return self.turns.get(task_id, self.turns["default"])


def load_arm(path: Path) -> Arm:
    """Read one arm; raises `UsageError` naming the file and the key."""
    table = load_toml(path, _ArmFile)
    if "default" not in table.turns:
        raise UsageError(f"{path}: [turns] needs a key 'default'")
    if any(cap < 1 for cap in table.turns.values()):
        raise UsageError(f"{path}: [turns] holds a cap below 1")
    return Arm(table.id, table.title, table.lead, table.executor, table.turns, table.limits)


def load_arms(folder: Path) -> dict[str, Arm]:
    """All arms of `folder`, by id; a file's name must be its arm's id.

    Raises:
        UsageError: there is no arm, or one of them is wrong.
    """
    arms = {}
    for path in sorted(folder.glob("*.toml")):
        arm = load_arm(path)
        if arm.id != path.stem:
            raise UsageError(f"{path}: id '{arm.id}' is not the file's name")
        arms[arm.id] = arm
    if not arms:
        raise UsageError(f"{folder}: no arm (*.toml) here")
    return arms
