"""A journal's lines as a stream: each checked by its number and checksum, none of them decoded.

Memory is bounded by a few megabytes and the longest line, whatever the file's size, and
reading can begin at any place where an earlier reading stood.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from runner.errors import EnvironmentProblem

_CHUNK = 1 << 22  # bytes read at a time
_LOOK_BACK = 4096  # bytes
_HEAD_LENGTH = len(b'{"n":,"crc":"00000000","event":')


@dataclass(frozen=True)
class Place:
    """A place between two lines: how many lines and how many bytes come before it."""

    lines: int = 0
    offset: int = 0


BEGINNING = Place()


def line(number: int, text: str) -> bytes:
    """A journal's line around an event's JSON text."""
    payload = text.encode("ascii")
    return b'{"n":%d,"crc":"%08x","event":%s}\n' % (number, crc32(payload), payload)


class JournalLines:
    """The whole lines of a journal from a place on; also of one that is being written.

    While it is iterated over, `lines` and `offset` say how far it has come, the line given last
    included, and `before` is the offset where that line begins. At the end `torn` holds the
    bytes of a last line that never got whole (None when all are).
    """

    def __init__(self, path: Path, start: Place = BEGINNING) -> None:
        """Of the file at `path`, from `start` to where it ends when the iteration begins."""
        self.path = path
        self.lines = start.lines
        self.offset = start.offset
        self.before = start.offset
        self.torn: bytes | None = None

    @property
    def place(self) -> Place:
        """How far it has come."""
        return Place(self.lines, self.offset)

    def __iter__(self) -> Iterator[bytes]:
        """The events' JSON texts, in order.

        Raises:
            EnvironmentProblem: the file cannot be read or is damaged before its last line
                (naming the line).
        """
        broken: bytes | None = None  # harmless if nothing comes after it
        rest = b""
        number, wider, start = self.lines, 0, 0
        for data in self._chunks():
            whole = (rest + data).split(b"\n")
            rest = whole.pop()
            for raw in whole:
                if broken is not None:
                    raise self._damaged()
                number += 1
                if number >= wider:  # its digits shift where the event begins
                    start, wider = _HEAD_LENGTH + len(str(number)), 10 ** len(str(number))
                payload = raw[start:-1]
                head = b'{"n":%d,"crc":"%08x","event":' % (number, crc32(payload))
                if raw[:start] != head or raw[-1:] != b"}":
                    broken = raw + b"\n"
                    continue
                self.lines = number
                self.before = self.offset
                self.offset += len(raw) + 1
                yield payload
        if broken and rest:
            raise self._damaged()
        self.torn = broken or rest or (None if self.offset else b"")

    def _chunks(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                left = file.seek(0, 2) - self.offset  # what is appended later is for later
                file.seek(self.offset)
                yield from _up_to(file, left)
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot read journal {self.path}: {error.strerror}"
            ) from error

    def _damaged(self) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"journal {self.path} is damaged at line {self.lines + 1}: restore the file from a "
            "copy, or move it away and rebuild the database without it (runner status --rebuild)"
        )


def crc_before(path: Path, place: Place) -> int:
    """A checksum of the bytes just before a place; tells whether a file still goes on there.

    Raises:
        EnvironmentProblem: the file cannot be read.
    """
    begin = max(0, place.offset - _LOOK_BACK)
    try:
        with path.open("rb") as file:
            file.seek(begin)
            return crc32(file.read(place.offset - begin))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(f"cannot read journal {path}: {error.strerror}")


def _up_to(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left > 0:
        data = file.read(min(_CHUNK, left))
        if not data:
            return
        left -= len(data)
        yield data
