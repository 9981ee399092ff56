"""How a journal's lines are written and read."""

import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from runner.errors import EnvironmentProblem
from runner.events import Event
from runner.ledger.codec import CodecError, decode, encode, kinds

SCHEMA = 1
_LINE = re.compile(rb'\{"n":(\d+),"crc":"([0-9a-f]{8})","event":(\{.*\})\}', re.ASCII)


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


def line(number: int, text: str) -> bytes:
    """A journal's line around an event's JSON text."""
    payload = text.encode("ascii")
    return b'{"n":%d,"crc":"%08x","event":%s}\n' % (number, zlib.crc32(payload), payload)


def read_journal(path: Path) -> JournalContent:
    """Read a journal, also one that is being written.

    A last line that is torn is left out and reported. Raises `EnvironmentProblem` when the
    file is missing, damaged before its last line (naming the line), or from a newer program.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"cannot read journal {path}: {error.strerror}") from error
    lines = io.BytesIO(data).readlines()  # splits at \n only, unlike bytes.splitlines
    events: list[Event] = []
    pid, size = None, 0
    for number, raw in enumerate(lines, start=1):
        text = _payload(raw, number)
        if text is None and number == len(lines):
            break
        record = _record(path, number, text)
        size += len(raw)
        if isinstance(record, Writer):
            pid = record.pid
        else:
            events.append(record)
    whole = data[:size].count(b"\n")
    torn = data[size:] if size < len(data) or not data else None
    return JournalContent(tuple(events), torn, whole, size, pid)


def _payload(raw: bytes, number: int) -> str | None:
    """The event's text; None when the line is not whole."""
    found = _LINE.fullmatch(raw[:-1]) if raw.endswith(b"\n") else None
    if not found or int(found[1]) != number or int(found[2], 16) != zlib.crc32(found[3]):
        return None
    return found[3].decode("ascii")


def _record(path: Path, number: int, text: str | None) -> Event | Writer:
    if text is None:
        raise EnvironmentProblem(
            f"journal {path} is damaged at line {number}: restore the file from a copy, or move "
            "it away and rebuild the database without it (runner status --rebuild)"
        )
    try:
        record: Event | Writer = decode(text, _KINDS)
    except CodecError as error:
        raise EnvironmentProblem(
            f"journal {path}, line {number}: {error}; was it written by a newer runner?"
        ) from error
    if isinstance(record, Writer) and record.schema > SCHEMA:
        raise EnvironmentProblem(
            f"journal {path}, line {number}: written by a newer runner (format {record.schema}, "
            f"this one knows {SCHEMA}): update the runner"
        )
    if number == 1 and not isinstance(record, Writer):
        raise EnvironmentProblem(f"journal {path} does not begin with its header")
    return record
