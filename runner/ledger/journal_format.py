"""What a journal's lines say: events as JSON text and back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from runner.errors import EnvironmentProblem
from runner.events import Event, TrialStarted
from runner.ledger.codec import CodecError, decode, encode, kinds
from runner.ledger.journal_lines import JournalLines

SCHEMA = 1
_KIND = re.compile(rb'\{"kind":"(\w+)"[,}]', re.ASCII)


@dataclass(frozen=True)
class Writer:
    """A journal's first line, and the first of each later writer."""

    schema: int
    pid: int


@dataclass(frozen=True)
class JournalContent:
    """A journal as read.

    `torn` holds the bytes of a last line that never got whole (None when all lines are),
    `lines` and `size` count the whole lines and their bytes, `pid` is the last writer's.
    """

    events: tuple[Event, ...]
    torn: bytes | None
    lines: int
    size: int
    pid: int | None


_KINDS = kinds(*get_args(Event), Writer)


def to_json(event: Event) -> str:
    """An event as one line of JSON; raises `CodecError` for values that have no JSON form."""
    return encode(event)


def from_json(text: str) -> Event:
    """The event that `to_json` wrote, equal in every field.

    Raises `CodecError` for an unknown kind of event, unknown or missing fields, wrong types.
    """
    event: Event = decode(text, _KINDS)
    return event


def read_journal(path: Path) -> JournalContent:
    """Read a journal whole, also one that is being written; for journals of a single trial.

    A last line that is torn is left out and reported. Raises `EnvironmentProblem` when the
    file is missing, damaged before its last line (naming the line), or from a newer program.
    """
    lines = JournalLines(path)
    events: list[Event] = []
    pid = None
    for found in records(lines):
        if isinstance(found, Writer):
            pid = found.pid
        else:
            events.append(found)
    return JournalContent(tuple(events), lines.torn, lines.lines, lines.offset, pid)


def records(lines: JournalLines, skip: frozenset[str] = frozenset()) -> Iterator[Event | Writer]:
    """The records of these lines one by one, but for those of the kinds to `skip`.

    Raises:
        EnvironmentProblem: as `read_journal` does.
    """
    for text in lines:
        if not skip or lines.lines == 1 or kind_of(text) not in skip:
            yield record(lines.path, lines.lines, text)


def check(lines: JournalLines) -> Iterator[TrialStarted]:
    """The trials' beginnings among these lines; the others are checked but not decoded.

    Raises:
        EnvironmentProblem: the journal is damaged or from a newer program.
    """
    for text in lines:
        kind = kind_of(text)
        if lines.lines == 1 or kind not in _KINDS or kind in ("Writer", "TrialStarted"):
            found = record(lines.path, lines.lines, text)
            if isinstance(found, TrialStarted):
                yield found


def kind_of(text: bytes) -> str:
    """The name of the event's class; empty when the text does not begin with it."""
    found = _KIND.match(text)
    return found[1].decode() if found else ""


def record(path: Path, number: int, text: bytes) -> Event | Writer:
    """What a line's text says.

    Raises:
        EnvironmentProblem: it is no record this program knows, or the first one is no header;
            names the file and the line.
    """
    try:
        found: Event | Writer = decode(text.decode("ascii"), _KINDS)
    except (CodecError, UnicodeDecodeError) as error:
        raise EnvironmentProblem(
            f"journal {path}, line {number}: {error}; was it written by a newer runner?"
        ) from error
    if isinstance(found, Writer) and found.schema > SCHEMA:
        raise EnvironmentProblem(
            f"journal {path}, line {number}: written by a newer runner (format {found.schema}, "
            f"this one knows {SCHEMA}): update the runner"
        )
    if number == 1 and not isinstance(found, Writer):
        raise EnvironmentProblem(f"journal {path} does not begin with its header")
    return found
