"""The database: everything in it comes from the journals and can be made from them again.

One process writes it, a step of bounded size in one transaction at a time, and holds the file
only for that moment, since DuckDB lets nobody else read a file that one process has open for
writing. Every journal has its mark in there, so that reading goes on where it stopped.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem
from runner.ledger.duck import DatabaseBusy, opened
from runner.ledger.gather import STEP_BYTES
from runner.ledger.tables import OlderTables
from runner.ledger.update import Known, Target, bring, known, no_folder

_WAIT_S = 30.0


@dataclass(frozen=True)
class Ingested:
    """What an update brought: trials written, trials still running, journals with torn ends.

    `wrote` says whether the database was written at all.
    """

    trials: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    torn: tuple[Path, ...] = ()
    wrote: bool = False


def ingest(
    db_path: Path,
    journals: Iterable[Path],
    cards: Mapping[str, RateCard],
    *,
    wait_s: float = _WAIT_S,
    step_bytes: int = STEP_BYTES,
    has: Known | None = None,
) -> Ingested:
    """Write what is new in these journals; does not open for writing without need.

    A trial without an end is left out while its journal has a writer; without one, its runner
    died. Waits up to `wait_s` seconds for the file each time it needs it; memory is bounded by
    `step_bytes` of events, and by those of the trials under way. `has` is what `look` gave a
    moment ago, if it was asked.

    Raises:
        EnvironmentProblem: a journal or the database cannot be read or written, is held by
            another process, or is from a newer runner.
    """
    target = Target(db_path, cards, wait_s, step_bytes)
    haul = bring(target, list(journals), has or known(target))
    running = (trial_id for ids in haul.running.values() for trial_id in ids)
    return Ingested(tuple(haul.trials), tuple(running), tuple(haul.torn), haul.wrote)


def look(db_path: Path, cards: Mapping[str, RateCard], *, wait_s: float = _WAIT_S) -> Known:
    """How far the database is; for who has it open already, and wants `sync` to open it no more.

    Raises what `ingest` raises.
    """
    return known(Target(db_path, cards, wait_s, STEP_BYTES))


def sync(
    db_path: Path,
    journal_dir: Path,
    cards: Mapping[str, RateCard],
    *,
    wait_s: float = _WAIT_S,
    has: Known | None = None,
) -> Ingested:
    """Write what is new in any journal of the folder; `has` is as `ingest` takes it.

    A database of an older version of this program is made anew. Raises what `ingest` raises.
    """
    try:
        return ingest(db_path, _journals(journal_dir), cards, wait_s=wait_s, has=has)
    except OlderTables:
        return rebuild(db_path, journal_dir, cards, wait_s=wait_s)


def rebuild(
    db_path: Path,
    journal_dir: Path,
    cards: Mapping[str, RateCard],
    *,
    wait_s: float = _WAIT_S,
) -> Ingested:
    """Make the database anew from all journals, beside the old one, then put it in its place.

    The content is what `sync` would have given. The old file is untouched until the new one
    is whole, and may be damaged, from a newer runner, or missing.

    Raises what `ingest` raises.
    """
    fresh = db_path.with_name(f".{db_path.name}.{os.getpid()}")
    fresh_log, old_log = (path.with_name(path.name + ".wal") for path in (fresh, db_path))
    try:
        done = ingest(fresh, _journals(journal_dir), cards, wait_s=wait_s)
        if db_path.exists():
            _wait_until_free(db_path, wait_s)
        old_log.unlink(missing_ok=True)  # it would be replayed into the new file
        fresh.replace(db_path)
    except OSError as error:
        raise no_folder(db_path, error) from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
            fresh_log.unlink(missing_ok=True)
    return done


def _wait_until_free(db_path: Path, wait_s: float) -> None:
    try:
        with opened(db_path, read_only=False, wait_s=wait_s):
            pass
    except DatabaseBusy:
        raise
    except EnvironmentProblem:
        return  # unreadable: that is why it is being made anew


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))
