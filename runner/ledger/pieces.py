"""What travels from a journal to the database: trials as texts, how far it has been read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.events import RunEvent
from runner.ledger.journal_lines import Place


@dataclass
class TrialTexts:
    """One trial's events as JSON texts, sorted by what they are about.

    `trial_id` is a JSON text too. Calls are by `seq`, checks by name: the last one counts.
    """

    trial_id: bytes
    began: Place
    started: bytes
    ended: bytes | None = None
    reserved: dict[bytes, bytes] = field(default_factory=dict)
    settled: dict[bytes, bytes] = field(default_factory=dict)
    checks: dict[bytes, bytes] = field(default_factory=dict)
    tools: list[bytes] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The trial's id."""
        return str(json.loads(self.trial_id))

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        texts = (self.reserved.values(), self.settled.values(), self.checks.values(), self.tools)
        return len(self.started) + len(self.ended or b"") + sum(sum(map(len, t)) for t in texts)


@dataclass(frozen=True)
class Mark:
    """How far a journal is in the database.

    `size` (bytes) and `mtime_ns` are the file's as it was when it was read to its end, -1 while
    that is still to come. What is before `read` is in, but for trials still running, which all
    began after `again`: from there the next reading goes on if the bytes before it are still
    those that `again_crc` is of. `closed` is False while the journal has a writer.
    """

    size: int
    mtime_ns: int
    read: Place
    again: Place
    again_crc: int
    closed: bool


@dataclass(frozen=True)
class Step:
    """What a journal brings to the database at once, and its mark before and after.

    With `fresh`, whatever the database has of the journal goes first. `over` is the line before
    which whatever has no end will never have one.
    """

    path: Path
    before: Mark | None
    after: Mark
    fresh: bool
    trials: Sequence[TrialTexts]
    events: Sequence[tuple[int, RunEvent]]
    over: int
