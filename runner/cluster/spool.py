"""What workers of this machine keep of trials: `remote/<trial>/<session>` below the results."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runner.errors import EnvironmentProblem
from runner.events import TrialEnded
from runner.ledger.journal_file import is_held, reported
from runner.ledger.journal_format import read_journal

FOLDER = "remote"
JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Kept:
    """One attempt as its worker wrote it down; `ended_at` (UTC) is None without a proper end."""

    folder: Path
    trial_id: str
    ended_at: datetime | None


def kept(results: Path) -> Iterator[Kept]:
    """The attempts that no live worker is at.

    Raises `EnvironmentProblem` when a journal is out of reach.
    """
    for path in sorted((results / FOLDER).glob(f"*/*/{JOURNAL}")):
        if not is_held(path):
            yield Kept(path.parent, path.parent.parent.name, _ended_at(path))


def on_record(every: Iterable[Kept], ends: Mapping[str, datetime]) -> list[Kept]:
    """Those whose end is on record here, the same to the microsecond: nothing is lost with them.

    `ends` are the ends on record by trial, in UTC without a zone. An attempt that was given up
    is on record with another end: what it spent is known from its worker alone.
    """
    return [each for each in every if each.ended_at and ends.get(each.trial_id) == each.ended_at]


def remove(every: Iterable[Kept]) -> None:
    """Remove these. Raises `EnvironmentProblem` when the disk refuses."""
    for each in every:
        with reported(each.folder):
            shutil.rmtree(each.folder)
            if not any(each.folder.parent.iterdir()):
                each.folder.parent.rmdir()


def _ended_at(path: Path) -> datetime | None:
    try:
        events = read_journal(path).events
        last = events[-1] if events else None
        if isinstance(last, TrialEnded):
            return datetime.fromisoformat(last.ended_at).astimezone(UTC).replace(tzinfo=None)
    except (EnvironmentProblem, ValueError):
        return None  # damaged, or dated by hand: for a person to look at
    return None
