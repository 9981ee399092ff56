"""Small stand-ins for what lies outside: a model, a sandbox. Our own code is never replaced."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path

from runner.agent.meter import Meter
from runner.budget import Account
from runner.config.rates import Rate, RateCard
from runner.config.solution import Create
from runner.config.tasks import Signals, Task
from runner.errors import ToolError
from runner.events import Event
from runner.types import (
    ExecResult,
    Message,
    Reply,
    StopReason,
    ToolCall,
    ToolSpec,
    TreeEntry,
    Usage,
)

CARD = RateCard(
    id="test",
    as_of=date(2026, 11, 23),
    source="made up",
    note="",
    rates={"big": Rate(5, 25, 6.25, 10, 0.5), "small": Rate(1, 5, 1.25, 2, 0.1)},
    path=Path("test.toml"),
)


Edits = Mapping[str, bytes | None]


def after(tree: Mapping[str, bytes], edits: Edits) -> dict[str, bytes]:
    """The tree with files replaced, added, or (None) deleted."""
    merged = {**tree, **edits}
    return {path: data for path, data in merged.items() if data is not None}


def says(text: str = "", stop_reason: StopReason = "end_turn", **usage: int) -> Reply:
    """A reply without tool calls."""
    return Reply(text, (), Usage(**usage), stop_reason, latency_s=0.5)


def calls(*asked: ToolCall, text: str = "", stop_reason: StopReason = "tool_use") -> Reply:
    """A reply that calls tools."""
    return Reply(text, asked, Usage(input_tokens=10, output_tokens=5), stop_reason, latency_s=0.5)


def bash(command: str, call_id: str = "c1") -> ToolCall:
    """A call of the `bash` tool."""
    return ToolCall(call_id, "bash", {"command": command})


@dataclass
class PlayedModel:
    """Gives its replies in order, raises those that are exceptions, and keeps what it was sent."""

    name: str
    replies: list[Reply | Exception]
    seen: list[tuple[Message, ...]] = field(default_factory=list)

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        self.seen.append(tuple(messages))
        answer = self.replies.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class HandClock:
    """A clock that moves only when told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def meter(events: list[Event], limit_usd: float = 1000.0, **changed: object) -> Meter:
    """A meter with room for every test, unless `changed` says otherwise."""
    given: dict[str, object] = {
        "trial_id": "t1",
        "card": CARD,
        "account": Account("trial", limit_usd),
        "limit_s": 1000.0,
        "record": events.append,
    }
    return Meter(**{**given, **changed})  # type: ignore[arg-type]


def task(**changed: object) -> Task:
    """A task on a made-up repository."""
    given: dict[str, object] = {
        "id": "T9",
        "title": "Made up",
        "folder": Path("T9"),
        "prompt": "Mend it.",
        "editable": ("typer/**", "setup.cfg"),
        "insertions": (),
        "added_files": {},
        "signals": Signals(0, 0, 0, 1, 0),
        "tests_added": (),
        "checks": (),
        "solution": (Create("typer/new.py", "x = 1\n"),),
    }
    return Task(**{**given, **changed})  # type: ignore[arg-type]


def entry(path: str, data: bytes = b"", **changed: object) -> TreeEntry:
    """A regular file as a sandbox lists it, unless `changed` says otherwise."""
    given: dict[str, object] = {
        "path": path,
        "kind": "file",
        "mode": 0o644,
        "size": len(data),
        "links": 1,
        "sha256": sha256(data).hexdigest(),
    }
    return TreeEntry(**{**given, **changed})  # type: ignore[arg-type]


def ran(
    output: bytes = b"",
    exit_code: int | None = 0,
    signal: int | None = None,
    timed_out: bool = False,
) -> ExecResult:
    """A command's end."""
    return ExecResult(exit_code, signal, output, len(output), 0.1, timed_out)


@dataclass
class DictSandbox:
    """Files in a dict; `on_run` answers commands and may change the files."""

    files: dict[str, bytes] = field(default_factory=dict)
    on_run: Callable[["DictSandbox", tuple[str, ...]], ExecResult] = lambda _sandbox, _argv: ran()
    commands: list[tuple[str, ...]] = field(default_factory=list)
    stdins: list[bytes] = field(default_factory=list)
    found: Sequence[TreeEntry] = ()
    quiesced: bool = False

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        output_cap: int = 65_536,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        self.commands.append(tuple(argv))
        self.stdins.append(stdin)
        return self.on_run(self, tuple(argv))

    def read(self, path: str, *, cap: int = 1_048_576) -> bytes:
        if path not in self.files:
            raise ToolError(f"{path} does not exist")
        if len(self.files[path]) > cap:
            raise ToolError(f"{path} has more than {cap} bytes")
        return self.files[path]

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def listing(self, path: str, *, cap: int = 2_000) -> tuple[str, ...]:
        raise ToolError(f"{path} is not a directory")

    def quiesce(self) -> None:
        self.quiesced = True

    @contextmanager
    def as_agent(self) -> Iterator["DictSandbox"]:
        yield self

    def entries(self) -> Sequence[TreeEntry]:
        return self.found
