"""A session of a run: its journal taken up, its record read, its goal set."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runner.budget import Account
from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem, UsageError
from runner.events import Record, RunStarted, RunState, SessionEnded, SessionStarted, now
from runner.ledger.journal import Journal
from runner.ledger.runs import RunReading, RunRecord
from runner.matrix.driver import Ending
from runner.matrix.engine import Cell
from runner.matrix.lock import check_lock, first_event, last_end, run_id, unfinished
from runner.matrix.schedule import Goal, Past
from runner.matrix.selection import Selection
from runner.types import JsonObject, ProviderKind

DEFAULT_USD = 40.0  # the limit of a live run that is given none


def run_limit(
    given: float | None, kind: ProviderKind, earlier: float | None = None
) -> float | None:
    """A run's limit in USD, None for no limit: what is given, else the `earlier` session's.

    A live run has one in any case.
    """
    if given is not None:
        return given
    return earlier if earlier is not None or kind != "live" else DEFAULT_USD


@dataclass(frozen=True)
class Money:
    """The limits of a session in USD; None is no limit."""

    run_usd: float | None
    arm_usd: float | None

    def accounts(self, arms: tuple[str, ...], spent: Mapping[str, float]) -> dict[str, Account]:
        """An account for each arm, all drawing on the run's; `spent` is by arm, so far."""
        run = Account("run", self.run_usd, spent_usd=sum(spent.values()))
        return {arm: Account("arm", self.arm_usd, run, spent.get(arm, 0.0)) for arm in arms}


def pick_journal(
    folder: Path, kind: ProviderKind, lock: JsonObject, *, asked: str | None, new: bool
) -> Path:
    """The journal of the run to take up, or of a new one, which is not there yet.

    `asked` names a run; `new` asks for one beside whatever could go on. The same command given
    again goes on with the one it made, until that is complete.

    Raises:
        UsageError: the run asked for is not there, or a run that asks the same question is
            not finished and was made of other things; the message shows the difference.
    """
    if asked:
        path = folder / f"{asked}.jsonl"
        if not path.is_file() or (started := first_event(path)) is None:
            raise UsageError(f"there is no run '{asked}' in {folder}; `runner status` lists them")
        check_lock(path, started.lock, lock)
        return path
    path = folder / f"{run_id(kind, lock)}.jsonl"
    if new:
        return _anew(path)
    if path.exists():
        return path
    for other, old in unfinished(folder, kind, lock):
        check_lock(other, old, lock)
    return path


def _anew(path: Path) -> Path:
    """The last run that `--new` made of these things, while it is not complete; else a new one."""
    number, last, found = 1, path, path
    while found.exists():
        number += 1
        last, found = found, path.with_name(f"{path.stem}-{number}.jsonl")
    with suppress(EnvironmentProblem):  # a damaged one is left alone
        if last.exists() and last_end(last) != "complete":
            started = first_event(last)
            if started is None or started.anew:  # None: it was killed before it said anything
                return last
    return found


@contextmanager
def taken_up(
    path: Path, kind: ProviderKind, lock: JsonObject, card: RateCard, *, anew: bool = False
) -> Iterator[tuple[Journal, RunRecord]]:
    """The run's journal, open for writing, and what it holds; a new run is begun.

    `anew` says of a new one that `--new` asked for it.

    Raises:
        EnvironmentProblem: another process has it, or it is damaged.
    """
    reading = RunReading(card)
    opened = Journal.resume(path, reading.read) if path.exists() else Journal.create(path)
    with opened as journal:
        if reading.started is None:  # new, or whoever made it was killed at once
            started = RunStarted(path.stem, kind, lock, now(), anew)
            journal.append(started)
            reading.add(started)
        yield journal, reading.record(path)


def past(run: RunRecord) -> list[Past]:
    """The attempts of earlier sessions."""
    return [
        Past(Cell(each.arm, each.task), each.trial, each.attempt, each.ended)
        for each in run.attempts
    ]


def begin(
    record: Record,
    run: str,
    goal: Goal,
    jobs: int,
    slots: int,
    money: Money,
    selection: Selection,
    cluster: str | None = None,
) -> None:
    """Put the session's beginning on record."""
    record(
        SessionStarted(
            run_id=run,
            n=goal.n,
            fixed=goal.fixed,
            seed=goal.seed,
            jobs=jobs,
            slots=slots,
            budget_usd=money.run_usd,
            arm_budget_usd=money.arm_usd,
            host=socket.gethostname(),
            started_at=now(),
            cluster=cluster,
            arm_files=tuple(str(Path(each.where).absolute()) for each in selection.arm_files),
            trial_budget_usd=selection.trial_usd,
            call_budget_usd=selection.call_usd,
        )
    )


def finish(record: Record, run: str, ending: Ending) -> None:
    """Put the session's end on record."""
    state: RunState = "complete" if ending.why == "complete" else "paused"
    record(SessionEnded(run, state, ending.reason, now()))
