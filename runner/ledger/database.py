"""The database: everything in it comes from the journals and can be made from them again.

One process writes it, in one transaction for each journal, and holds the file only for that
moment, since DuckDB lets nobody else read a file that one process has open for writing.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem
from runner.ledger.duck import DatabaseBusy, opened, unwritable
from runner.ledger.journal import holder
from runner.ledger.journal_format import read_journal
from runner.ledger.rows import TrialEvents, by_trial
from runner.ledger.tables import (
    check_version,
    has_rates,
    has_views,
    prepare,
    write_intervals,
    write_mark,
    write_rates,
    write_trials,
)

_WAIT_S = 30.0
_AGAIN_S = 0.05


@dataclass(frozen=True)
class Ingested:
    """What an update brought: trials written, trials still running, journals with torn ends."""

    trials: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    torn: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Source:
    """A journal as read: its trials, and what tells whether it has changed since."""

    path: Path
    stamp: tuple[int, int]  # size in bytes, time of the last change in ns
    trials: Mapping[str, TrialEvents]
    running: tuple[str, ...]
    torn: bool


def ingest(
    db_path: Path,
    journals: Iterable[Path],
    cards: Mapping[str, RateCard],
    *,
    wait_s: float = _WAIT_S,
) -> Ingested:
    """Write the trials of these journals, replacing what is there of them.

    A trial without an end is left out while its journal has a writer; without one, its runner
    died. Waits up to `wait_s` seconds for the file.

    Raises:
        EnvironmentProblem: a journal or the database cannot be read or written, is held by
            another process, or is from a newer runner.
    """
    sources = [_read(path) for path in journals]
    _write(db_path, sources, cards, time.monotonic() + wait_s)
    return Ingested(
        tuple(trial_id for source in sources for trial_id in source.trials),
        tuple(trial_id for source in sources for trial_id in source.running),
        tuple(source.path for source in sources if source.torn),
    )


def sync(
    db_path: Path,
    journal_dir: Path,
    cards: Mapping[str, RateCard],
    *,
    wait_s: float = _WAIT_S,
) -> Ingested:
    """Write the journals that are new or changed; does not open for writing without need.

    Raises what `ingest` raises.
    """
    known: dict[str, tuple[int, int]] = {}
    current = False
    if db_path.exists():
        with opened(db_path, read_only=True, wait_s=wait_s) as connection:
            check_version(connection, db_path)
            for name, size, mtime_ns in connection.execute("FROM ingested").fetchall():
                known[name] = (size, mtime_ns)
            current = has_views(connection) and has_rates(connection, cards)
    changed = [path for path in _journals(journal_dir) if known.get(path.name) != _stamp(path)]
    if not changed and current:
        return Ingested()
    return ingest(db_path, changed, cards, wait_s=wait_s)


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
        raise _no_folder(db_path, error) from error
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


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise EnvironmentProblem(f"cannot read journal {path}: {error.strerror}") from error
    return found.st_size, found.st_mtime_ns


def _read(path: Path) -> _Source:
    # In this order: what is written after the first look makes the stamp stale, so that the
    # next sync reads again; a writer that leaves after the second leaves a whole journal.
    stamp = _stamp(path)
    written = holder(path) is not None
    content = read_journal(path)
    try:
        trials = by_trial(content.events)
    except ValueError as error:
        raise EnvironmentProblem(f"journal {path}: {error}") from error
    running = tuple(
        trial_id for trial_id, trial in trials.items() if written and trial.ended is None
    )
    done = {trial_id: trial for trial_id, trial in trials.items() if trial_id not in running}
    return _Source(path, stamp, done, running, content.torn is not None and not written)


def _write(
    db_path: Path, sources: Sequence[_Source], cards: Mapping[str, RateCard], deadline: float
) -> None:
    try:
        db_path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(db_path, error) from error
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            with opened(db_path, read_only=False, wait_s=left) as connection:
                _write_all(connection, db_path, sources, cards)
            return
        except duckdb.TransactionException as error:
            if "conflict" not in str(error).lower() or not left:
                raise unwritable(db_path, error) from error
        time.sleep(_AGAIN_S)  # another thread wrote the same rows; ours are simply repeated


def _no_folder(db_path: Path, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"database {db_path}: {error.strerror}: make its folder writable for you, or set "
        "RUNNER_DB to another file"
    )


def _write_all(
    connection: duckdb.DuckDBPyConnection,
    db_path: Path,
    sources: Sequence[_Source],
    cards: Mapping[str, RateCard],
) -> None:
    with _transaction(connection):
        prepare(connection, db_path)
    for source in sources:
        with _transaction(connection):
            write_trials(connection, source.trials, source.path)
    with _transaction(connection):  # last, so that what a crash left undone is done by a sync
        write_rates(connection, cards)
        write_intervals(connection)
        for source in sources:
            write_mark(connection, source.path.name, None if source.running else source.stamp)


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):
            connection.rollback()
        raise
    connection.commit()
