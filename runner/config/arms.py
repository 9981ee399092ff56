"""Arms are data: one TOML file each, read here and nowhere else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, parse_toml, read_text
from runner.errors import UsageError
from runner.types import Role

# The rule by which a bound in tokens becomes one in characters: no tokenizer of the models that
# read returns is public. docs/arms.md says where the figure comes from.
CHARS_PER_TOKEN = 3

Option = str | int | float | bool
# Ids and names become names of files, of options' values and of rows.
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(gt=0)]


@strict_dataclass(frozen=True, config=STRICT)
class Seat:
    """One model at the table: who serves it, which it is, how it is asked."""

    provider: Name  # a key of `runner.models.PROVIDERS`
    model: Name
    max_tokens: Count = 4096
    options: Mapping[str, Option] = Field(default_factory=dict)  # the provider's own settings


@strict_dataclass(frozen=True, config=STRICT)
class ExecutorSeat:
    """The model an orchestrator delegates to, and what bounds it.

    `summary_chars` is the bound that holds; `summary_tokens` is what it was made from, if the
    arm's file gives it in tokens.
    """

    provider: Name
    model: Name
    summary_chars: Count  # longest summary the orchestrator gets back
    max_turns: Count = 20
    max_tokens: Count = 4096
    options: Mapping[str, Option] = Field(default_factory=dict)
    summary_tokens: Count | None = None

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
class _ExecutorTable:
    provider: Name
    model: Name
    summary_chars: Count | None = None
    summary_tokens: Count | None = None
    max_turns: Count = 20
    max_tokens: Count = 4096
    options: Mapping[str, Option] = Field(default_factory=dict)


@strict_dataclass(frozen=True, config=STRICT)
class _ArmFile:
    id: Id
    title: Name
    turns: Mapping[str, int]  # cap of the lead's turns by task id; `default` for the others
    lead: Seat
    executor: _ExecutorTable | None = None
    limits: Limits = Field(default_factory=Limits)
    prompt: Name | None = None
    default: bool = True


@dataclass(frozen=True)
class Arm:
    """A set-up under test: a lead, alone or with an executor.

    `prompt` names the lead's prompt where it is not its role's own; an arm that is not `default`
    runs only when it is named.
    """

    id: str
    title: str
    lead: Seat
    executor: ExecutorSeat | None
    turns: Mapping[str, int]
    limits: Limits
    prompt: str | None = None
    default: bool = True

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


@dataclass(frozen=True)
class ArmFile:
    """An arm as somebody wrote it down: the file's name for messages, and its text."""

    where: str
    text: str


def read_arm(path: Path) -> ArmFile:
    """The file's text, not yet looked at; raises `UsageError` when there is none."""
    return ArmFile(str(path), read_text(path))


def arm_of(file: ArmFile) -> Arm:
    """The arm that a file describes; raises `UsageError` naming the file and the key."""
    table = parse_toml(file.text, file.where, _ArmFile)
    if "default" not in table.turns:
        raise UsageError(f"{file.where}: [turns] needs a key 'default'")
    if any(cap < 1 for cap in table.turns.values()):
        raise UsageError(f"{file.where}: [turns] holds a cap below 1")
    return Arm(
        id=table.id,
        title=table.title,
        lead=table.lead,
        executor=_executor(file.where, table.executor) if table.executor else None,
        turns=table.turns,
        limits=table.limits,
        prompt=table.prompt,
        default=table.default,
    )


def _executor(where: str, table: _ExecutorTable) -> ExecutorSeat:
    """The seat, its bound in characters whichever way it was given."""
    chars, tokens = table.summary_chars, table.summary_tokens
    if chars is not None and tokens is not None:
        raise UsageError(
            f"{where}: [executor] has both summary_chars and summary_tokens: keep one of them"
        )
    if chars is None:
        if tokens is None:
            raise UsageError(f"{where}: [executor] needs a key summary_chars (or summary_tokens)")
        chars = tokens * CHARS_PER_TOKEN
    return ExecutorSeat(
        provider=table.provider,
        model=table.model,
        summary_chars=chars,
        max_turns=table.max_turns,
        max_tokens=table.max_tokens,
        options=table.options,
        summary_tokens=tokens,
    )


def load_arm(path: Path) -> Arm:
    """Read one arm; raises `UsageError` naming the file and the key."""
    return arm_of(read_arm(path))


def load_arms(folder: Path) -> dict[str, Arm]:
    """All arms of `folder`, by id; a file's name must be its arm's id.

    Raises:
        UsageError: there is no arm, or one of them is wrong.
    """
    arms = {}
    for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem):
        arm = load_arm(path)
        if arm.id != path.stem:
            raise UsageError(f"{path}: id '{arm.id}' is not the file's name")
        arms[arm.id] = arm
    if not arms:
        raise UsageError(f"{folder}: no arm (*.toml) here")
    return arms


def with_files(arms: Mapping[str, Arm], files: Iterable[ArmFile]) -> dict[str, Arm]:
    """The arms and those of some files beside them, by id.

    A file that says the same as an arm that is there already adds nothing.

    Raises:
        UsageError: a file is wrong, or its id is that of another arm: rows go by the id.
    """
    found = dict(arms)
    for file in files:
        arm = arm_of(file)
        if found.setdefault(arm.id, arm) != arm:
            raise UsageError(
                f"{file.where}: key 'id': there is another arm '{arm.id}' already, and results "
                "are told apart by it: choose another id"
            )
    return found
