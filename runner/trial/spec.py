"""What a trial is made of: what is tried, and what it needs from outside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from runner.budget import Account
from runner.config.arms import Arm, Seat
from runner.config.rates import RateCard
from runner.config.tasks import Task
from runner.image.states import Tree
from runner.judge.change import Change
from runner.slots import Slots
from runner.types import JsonObject, Model, ProviderKind, Role, Sandbox, TreeEntry


@dataclass(frozen=True)
class TrialSpec:
    """What is tried: an arm on a task, under which name, at which prices and caps."""

    trial_id: str
    run_id: str
    arm: Arm
    task: Task
    trial: int
    attempt: int
    provider_kind: ProviderKind
    card: RateCard
    max_turns: int
    prompts: "Prompts"
    manifest: JsonObject


@dataclass(frozen=True)
class Prompts:
    """System prompts by role; the part common to all roles is in each.

    `further` are those that an arm may name for its lead in place of the role's own.
    """

    solo: str
    orchestrator: str
    executor: str
    further: Mapping[str, str] = field(default_factory=dict)

    def of(self, role: Role, name: str | None = None) -> str:
        """The prompt of that name, or else the role's own; KeyError for an unknown name."""
        own = {"solo": self.solo, "orchestrator": self.orchestrator, "executor": self.executor}
        return own[role] if name is None else {**own, **self.further}[name]

    def only(self, names: Collection[str | None]) -> "Prompts":
        """The roles' prompts and, of the further ones, those named."""
        kept = {name: text for name, text in self.further.items() if name in names}
        return replace(self, further=kept)


class AgentSandbox(Sandbox, Protocol):
    """A sandbox that can be brought to rest and looked through."""

    def quiesce(self) -> None:
        """Kill every process of the agent's and prove that none is left."""
        ...

    def entries(self) -> Sequence[TreeEntry]:
        """Everything in the repository but `.git`, links not followed."""
        ...

    def as_agent(self) -> AbstractContextManager[Sandbox]:
        """The same container as the agent's user: in the judge's that is another one."""
        ...


@dataclass(frozen=True)
class World:
    """What a trial needs from outside.

    `open_sandbox(purpose)` gives a fresh container of the task's image (`agent` or `judge`);
    `open_model(seat, role)` a model that is closed with its context. What trials side by side
    share is `account` (the trial's own, drawing on the run's), `slots` for what is heavy on
    the processors, and `stopped`, which says why no further call may be sent, or None.
    """

    open_sandbox: Callable[[str], AbstractContextManager[AgentSandbox]]
    open_model: Callable[[Seat, Role], AbstractContextManager[Model]]
    pristine: Tree
    starting: Tree
    expected_tests: frozenset[str]
    keep_change: Callable[[Change], None]
    bash_timeout_s: float
    bash_timeout_max_s: float
    judge_timeout_s: float
    account: Account
    slots: Slots
    stopped: Callable[[], str | None]
    call_deadline_s: float = 1200.0  # of one call to a model, its retries with it
