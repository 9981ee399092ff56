"""Every protocol and value that crosses a module's border.

Units: seconds are `float` and end in `_s` or are called `seconds`, money is USD,
tokens are counted as the vendor reports them, sizes are bytes unless the name says chars.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

JsonObject = Mapping[str, object]
Role = Literal["solo", "orchestrator", "executor"]
ProviderKind = Literal["live", "scripted", "imported", "replayed"]

DELEGATE = "delegate_to_executor"  # the tool by which a lead hands work over


# ---- tokens -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Usage:
    """Tokens of one or more model calls, by price class.

    `input_tokens` is the uncached remainder only, as both vendors' bills count it: what the
    model read in all is `context_tokens`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0

    @property
    def context_tokens(self) -> int:
        """Tokens of the prompt, however they were billed."""
        return (
            self.input_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
            + self.cache_read_tokens
        )

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_write_5m_tokens + other.cache_write_5m_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
        )


# ---- conversation -----------------------------------------------------------------------

# Why a model stopped. The first six are the Messages API's own words; Ollama's `stop` and
# `length` are mapped to `end_turn` and `max_tokens`. Anything else arrives as `unknown`.
StopReason = Literal[
    "end_turn",
    "tool_use",
    "max_tokens",
    "stop_sequence",
    "refusal",
    "model_context_window_exceeded",
    "pause_turn",
    "unknown",
]


@dataclass(frozen=True)
class ToolCall:
    """A tool the model asked for. `malformed` says why `arguments` could not be read."""

    id: str
    name: str
    arguments: JsonObject
    malformed: str | None = None


@dataclass(frozen=True)
class UserText:
    """What the runner says to the model in the user's place."""

    text: str


@dataclass(frozen=True)
class Reply:
    """One answer of a model.

    `raw` is the vendor's own content (JSON-able), echoed back unchanged in the next request:
    thinking blocks must not be touched.
    """

    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    stop_reason: StopReason
    latency_s: float
    request_id: str | None = None
    raw: object = None
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class ToolResult:
    """What a tool answered, as the model sees it."""

    call_id: str
    name: str
    text: str
    is_error: bool = False


Message = UserText | Reply | ToolResult


@dataclass(frozen=True)
class ToolSpec:
    """A tool as it is offered to a model: `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: JsonObject


class Model(Protocol):
    """One model behind one vendor's client. One conversation at a time."""

    @property
    def name(self) -> str:
        """The vendor's id, as rate cards spell it."""
        ...

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        """Send the conversation so far; raise `ModelFailure` when no answer can be had."""
        ...


@dataclass(frozen=True)
class ToolOutput:
    """What running a tool gave; `text` goes to the model, the rest on record."""

    text: str
    is_error: bool = False
    exit_code: int | None = None
    timed_out: bool = False
    truncated: bool = False


@dataclass(frozen=True)
class Tool:
    """A tool with its behaviour. `run` raises `ToolError` for what the model can mend."""

    spec: ToolSpec
    run: Callable[[JsonObject], ToolOutput]


# ---- sandbox ----------------------------------------------------------------------------


@dataclass(frozen=True)
class ExecResult:
    """One command in a sandbox.

    `exit_code` is None when a signal ended it (`signal` then names which: 9, 11, ...).
    `output` is stdout and stderr as one stream, at most the asked-for bytes with head and
    tail kept; `output_bytes` counts everything that was produced.
    """

    exit_code: int | None
    signal: int | None
    output: bytes
    output_bytes: int
    seconds: float
    timed_out: bool

    @property
    def truncated(self) -> bool:
        """Whether something was cut out of `output`."""
        return self.output_bytes > len(self.output)


class Shell(Protocol):
    """Runs commands where the work tree is."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        output_cap: int = 65_536,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """Run `argv` in the repository's root and kill all it started when it ends.

        Raises `SandboxFailure` when the sandbox is gone.
        """
        ...


class Files(Protocol):
    """Regular files under the repository's root; `path` is relative to it, POSIX style.

    Every method raises `ToolError` for a path that is absolute outside the root, leads out
    of it, passes a symbolic link, or is not a regular file (a directory for `listing`).
    """

    def read(self, path: str, *, cap: int = 1_048_576) -> bytes:
        """The file's bytes; `ToolError` when it is missing or larger than `cap`."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Create or replace the file, making parent directories."""
        ...

    def listing(self, path: str, *, cap: int = 2_000) -> tuple[str, ...]:
        """Sorted names in a directory, directories with a trailing slash, at most `cap`."""
        ...


class Sandbox(Shell, Files, Protocol):
    """A sealed place where a model's commands run."""


@dataclass(frozen=True)
class TreeEntry:
    """One thing in a work tree, links not followed; directories are not listed.

    `path` is relative to the root; bytes that are no UTF-8 are kept as surrogates
    (`os.fsencode` gives them back). `mode` holds the permission bits, `links` counts hard
    links, `sha256` (hex) is set for readable regular files only.
    """

    path: str
    kind: Literal["file", "symlink", "other"]
    mode: int
    size: int
    links: int
    sha256: str | None


# ---- judging ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """One question the judge asked and its answer."""

    name: str
    passed: bool
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """All answers. `success` needs every check; missing evidence is a failed check.

    `notes` is for people and no part of the answer: seconds, why tests failed.
    """

    checks: tuple[Check, ...]
    notes: JsonObject = field(default_factory=dict, compare=False)

    @property
    def success(self) -> bool:
        """Whether every check passed; no check at all is no success."""
        return bool(self.checks) and all(check.passed for check in self.checks)
