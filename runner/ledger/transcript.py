"""What was said in a trial, word by word: one JSON line per entry, written as it happens.

The journal says what happened and what it cost; the transcript is for people who want to read
along. No verdict and no sum depends on it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import EnvironmentProblem, UsageError
from runner.ledger.appended import AppendedFile, unwritable
from runner.ledger.codec import CodecError, decode, encode, kinds
from runner.ledger.secrets import hider
from runner.types import Role, ToolCall, ToolSpec, Usage


@dataclass(frozen=True)
class Opened:
    """A conversation begins: what the model is told once."""

    role: Role
    conversation: int  # 0 is the lead's; executors count from 1, one per delegation
    model: str
    system: str
    tools: tuple[ToolSpec, ...]


@dataclass(frozen=True)
class Told:
    """What the runner said in the user's place, before `turn`."""

    role: Role
    conversation: int
    turn: int
    text: str


@dataclass(frozen=True)
class Answered:
    """What the model said: its text, the tools it asked for, how it stopped."""

    role: Role
    conversation: int
    turn: int
    text: str
    calls: tuple[ToolCall, ...]
    stop_reason: str
    usage: Usage
    latency_s: float
    request_id: str | None = None


@dataclass(frozen=True)
class Returned:
    """What a tool gave back, in full as the model saw it."""

    role: Role
    conversation: int
    turn: int
    call_id: str
    tool: str
    text: str
    is_error: bool


@dataclass(frozen=True)
class Broke:
    """The conversation ended without an answer; `error` says why."""

    role: Role
    conversation: int
    turn: int
    error: str


Entry = Opened | Told | Answered | Returned | Broke
_KINDS = kinds(Opened, Told, Answered, Returned, Broke)


class TranscriptWriter(AppendedFile):
    """Writes one trial's transcript; each entry is in the file when `write` returns."""

    def __init__(self, path: Path, secrets: Sequence[str] = ()) -> None:
        """Make the file and its folder. Any of `secrets` is blotted out wherever it appears.

        Raises `UsageError` when the file exists, `EnvironmentProblem` when it cannot be made.
        """
        super().__init__(path, "transcript", f"trial {path.stem} has a transcript already")
        self._hide = hider(secrets)

    def write(self, entry: Entry) -> None:
        """Add an entry. Raises `EnvironmentProblem` when the disk refuses."""
        self.put(self._hide(encode(entry)).encode("ascii") + b"\n")


def read_transcript(path: Path) -> Iterator[Entry]:
    """A transcript's entries in order; a last line without its end is left out.

    Raises `UsageError` when there is no such file, `EnvironmentProblem` for a line that is
    not an entry (naming it), both when the entry is reached.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise UsageError(f"no transcript {path}: `runner status` lists the trials") from None
    except OSError as error:
        raise unwritable("transcript", path, error) from error
    with file:
        for number, raw in enumerate(file, start=1):
            if raw.endswith(b"\n"):
                yield _entry(path, number, raw)


def _entry(path: Path, number: int, raw: bytes) -> Entry:
    try:
        entry: Entry = decode(raw.decode("ascii"), _KINDS)
    except (CodecError, UnicodeDecodeError) as error:
        raise EnvironmentProblem(
            f"transcript {path}, line {number}: {error}; it is damaged, or from a newer runner"
        ) from error
    return entry
