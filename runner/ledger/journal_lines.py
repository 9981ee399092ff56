"""A journal's lines as a stream: each checked by its number and checksum, none of them decoded.

Memory is bounded by the longest line, whatever the file's size, and reading can begin at any
place where an earlier reading stood.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from runner.errors import EnvironmentProblem

_CHUNK = 1 << 16  # bytes read at a time: they and what is made of them stay in the cache
_LOOK_BACK = 4096  # bytes
_LINE = r'(?m:^)\{"n":([1-9][0-9]{0,17}),"crc":"([0-9a-f]{8})","event":(%s)\}\n'
_AROUND = len('{"n":,"crc":"00000000","event":}\n')
ANY = r".*"  # the pattern of a text about which nothing shall be known


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
        """The events' JSON texts, in order; raises what `matched` raises."""
        return (found[2] for found in self.matched(ANY))

    def matched(self, pattern: str) -> Iterator[tuple[bytes, ...]]:
        """The lines in order, each as number, checksum, the event's text and `pattern`'s groups.

        `pattern` must match every text that `ANY` matches; a group that took no part is empty.

        Raises:
            EnvironmentProblem: the file cannot be read or is damaged before its last line
                (naming the line).
        """
        find = re.compile((_LINE % pattern).encode("ascii")).findall
        broken = b""  # harmless if nothing comes after it
        for chunk in self._chunks():
            if broken:
                raise self._damaged()
            end = self.offset + len(chunk)
            for found in _without_gaps(find(chunk), chunk):
                if int(found[0]) != self.lines + 1 or int(found[1], 16) != crc32(found[2]):
                    break
                self.lines += 1
                self.before = self.offset
                self.offset += len(found[0]) + len(found[2]) + _AROUND
                yield found
            broken = chunk[len(chunk) - (end - self.offset) :] if self.offset < end else b""
            if b"\n" in broken[:-1]:
                raise self._damaged()
        self.torn = broken or (None if self.offset else b"")

    def _chunks(self) -> Iterator[bytes]:
        """Whole lines, many at a time, then what comes after the last of them, if anything."""
        parts: list[bytes] = []
        try:
            with self.path.open("rb") as file:
                left = file.seek(0, 2) - self.offset  # what is appended later is for later
                file.seek(self.offset)
                while left > 0 and (data := file.read(min(_CHUNK, left))):
                    left -= len(data)
                    cut = data.rfind(b"\n") + 1
                    if cut:
                        yield b"".join((*parts, data[:cut]))
                        parts.clear()
                    parts.append(data[cut:])
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if rest := b"".join(parts):
            yield rest

    def _damaged(self) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"journal {self.path} is damaged at line {self.lines + 1}: restore the file from a "
            "copy, or move it away and rebuild the database without it (runner status --rebuild)"
        )


def _without_gaps(found: list[tuple[bytes, ...]], chunk: bytes) -> list[tuple[bytes, ...]]:
    """Those of a chunk's lines that stand before the first thing that is none."""
    if len(found) == chunk.count(b"\n"):
        return found
    place = 0
    for number, each in enumerate(found):
        text = b'{"n":%s,"crc":"%s","event":%s}\n' % each[:3]
        if not chunk.startswith(text, place):
            return found[:number]
        place += len(text)
    return found


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
