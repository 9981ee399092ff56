"""The model calls of a recorded trial: one checked line each, in the file as it happens.

A line is a journal's: number, CRC-32, then the record as JSON. What was said before is not
written again: a request names how much of its role's last request it repeats, and an echoed
reply is named by its call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import EnvironmentProblem, Status
from runner.ledger.appended import AppendedFile
from runner.ledger.codec import CodecError, decode, encode, kinds
from runner.ledger.journal_lines import JournalLines, line
from runner.ledger.secrets import hider
from runner.types import JsonObject, Role, StopReason, ToolCall, ToolResult, ToolSpec, Usage


@dataclass(frozen=True)
class Briefing:
    """What a role is told besides its messages, until the next briefing of that role."""

    role: Role
    system: str
    tools: tuple[ToolSpec, ...]


@dataclass(frozen=True)
class Sent:
    """One message of a request; exactly one of the three is set.

    `reply_to` is the call whose reply is echoed.
    """

    text: str | None = None
    result: ToolResult | None = None
    reply_to: int | None = None


@dataclass(frozen=True)
class Answer:
    """A reply as the model gave it; `raw` holds the vendor's own content under `content`."""

    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    stop_reason: StopReason
    latency_s: float
    request_id: str | None
    raw: JsonObject
    detail: JsonObject


@dataclass(frozen=True)
class Failure:
    """The `ModelFailure` that came in a reply's place."""

    message: str
    kind: str
    request_id: str | None
    lost: bool
    detail: JsonObject


@dataclass(frozen=True)
class Exchange:
    """One model call: what was asked, and the answer or the failure.

    The request's messages are the first `after` of the role's request before, then `new`.
    `sha256` is of the whole request (`runner.recording.request.Chain`), `seconds` what it took.
    """

    seq: int
    role: Role
    model: str
    sha256: str
    after: int
    new: tuple[Sent, ...]
    seconds: float
    answer: Answer | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Ending:
    """How the recorded trial ended; absent when its process died."""

    status: Status
    success: bool
    reason: str


Line = Briefing | Exchange | Ending
_KINDS = kinds(Briefing, Exchange, Ending)
WHAT = "recording"  # what a file of exchanges is called to the operator


@dataclass(frozen=True)
class Exchanges:
    """A file of exchanges as read; `torn` says that a last line never got whole."""

    lines: tuple[Briefing | Exchange, ...] = ()
    ending: Ending | None = None
    torn: bool = False

    @property
    def calls(self) -> int:
        """How many model calls there were."""
        return sum(isinstance(line, Exchange) for line in self.lines)


class Tape(AppendedFile):
    """The one writer of a trial's exchanges; each line is in the file when `write` returns."""

    def __init__(self, path: Path, secrets: Sequence[str] = ()) -> None:
        """Make the file. `secrets` are blotted out wherever they appear.

        Raises `UsageError` when the file exists, `EnvironmentProblem` when it cannot be made.
        """
        super().__init__(path, WHAT, "there is a recording already")
        self.hide = hider(secrets)
        self._lines = 0
        self._calls = 0

    def next_seq(self) -> int:
        """The number of the call that begins now: all roles of the trial share one count."""
        self._calls += 1
        return self._calls

    def write(self, record: Line) -> None:
        """Add a line. Raises `EnvironmentProblem` when the disk refuses."""
        self.put(line(self._lines + 1, self.hide(encode(record))))
        self._lines += 1


def read_exchanges(path: Path) -> Exchanges:
    """Read what a `Tape` wrote; a last line that never got whole is left out and told.

    Raises `EnvironmentProblem` when the file is missing, damaged before its last line, or holds
    what this program does not know; names the line.
    """
    lines = JournalLines(path)
    found: list[Briefing | Exchange] = []
    ending: Ending | None = None
    try:
        texts = list(lines)
    except EnvironmentProblem as error:
        if not path.is_file():
            raise
        raise EnvironmentProblem(
            f"{path} is damaged at line {lines.lines + 1}: take the folder from a copy; a trial "
            "is not replayed from a part of its recording"
        ) from error
    for number, text in enumerate(texts, start=1):
        record = _record(path, number, text)
        if isinstance(record, Ending):
            ending = record
        else:
            found.append(record)
    if what := _fault(found):
        raise EnvironmentProblem(f"{path} is no recording of a trial: {what}")
    return Exchanges(tuple(found), ending, lines.torn is not None)


def _fault(lines: Sequence[Briefing | Exchange]) -> str | None:
    """What no tape writes: a call out of order, or one that refers to what was not before it."""
    known: dict[Role, int] = {}  # messages of the role's last request
    answered: set[int] = set()
    seq = 0
    for call in lines:
        if isinstance(call, Briefing):
            known.setdefault(call.role, 0)
            continue
        seq += 1
        echoes = {sent.reply_to for sent in call.new if sent.reply_to is not None}
        if (
            call.seq != seq
            or not 0 <= call.after <= known.get(call.role, -1)
            or not echoes <= answered
            or (call.answer is None) == (call.failure is None)
        ):
            return f"call {call.seq} does not follow from what is before it"
        known[call.role] = call.after + len(call.new)
        if call.answer:
            answered.add(seq)
    return None


def _record(path: Path, number: int, text: bytes) -> Line:
    try:
        record: Line = decode(text.decode("ascii"), _KINDS)
    except (CodecError, UnicodeDecodeError) as error:
        raise EnvironmentProblem(
            f"{path}, line {number}: {error}; was it written by a newer runner?"
        ) from error
    return record
