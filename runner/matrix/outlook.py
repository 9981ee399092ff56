"""What is still to come of a run, guessed from the trials that have ended."""

from collections.abc import Mapping
from dataclasses import dataclass

from runner.matrix.engine import Cell
from runner.matrix.schedule import Goal


@dataclass
class Record:
    """What a cell's attempts came to so far; only results count in `busy_s` and `usd`."""

    successes: int = 0
    results: int = 0
    infra: int = 0
    busy_s: float = 0.0  # how long they took a job's place: own time and waits
    usd: float = 0.0


@dataclass(frozen=True)
class Outlook:
    """Seconds until the end with so many jobs, and USD on top of what is spent."""

    seconds: float
    usd: float


def outlook(
    goal: Goal, records: Mapping[Cell, Record], running: Mapping[Cell, float], jobs: int
) -> Outlook | None:
    """The guess; None before the first result.

    `running` holds the seconds that the trials in flight of a cell have run by now, in all.
    A cell without a result is taken to be like those of its arm and of its task.
    """
    if not any(record.results for record in records.values()):
        return None
    work = usd = longest = 0.0
    for cell in goal.cells:
        record = records[cell]
        attempts = expected_attempts(goal, record, _rate(records, record))
        if not attempts:
            continue
        mean_s, mean_usd = _means(records, cell)
        missing = goal.n - (record.results if goal.fixed else record.successes)
        work += max(0.0, attempts * mean_s - running.get(cell, 0.0))
        # Those that are missing run side by side; what replaces a failed one begins after it.
        one_by_one = mean_s * max(1.0, attempts / missing)
        longest = max(longest, one_by_one - running.get(cell, 0.0))
        usd += attempts * mean_usd
    return Outlook(max(work / max(1, jobs), longest), usd)


def expected_attempts(goal: Goal, record: Record, rate: float) -> float:
    """How many more results a cell needs when `rate` of them succeed."""
    if goal.fixed:
        return max(0, goal.n - record.results)
    missing = max(0, goal.n - record.successes)
    return min(missing / rate, max(0, goal.most - record.results))


def _rate(records: Mapping[Cell, Record], record: Record) -> float:
    """The cell's own rate, drawn towards that of all cells as if by one more trial."""
    successes = sum(each.successes for each in records.values())
    results = sum(each.results for each in records.values())
    of_all = (successes + 1) / (results + 2)
    return (record.successes + of_all) / (record.results + 1)


def _means(records: Mapping[Cell, Record], cell: Cell) -> tuple[float, float]:
    """Mean seconds and USD of a result: the cell's, else its arm's and task's, else all's."""
    own = [records[cell]]
    akin = [r for other, r in records.items() if other.arm == cell.arm or other.task == cell.task]
    for known in (own, akin, list(records.values())):
        if results := sum(record.results for record in known):
            busy = sum(record.busy_s for record in known)
            return busy / results, sum(record.usd for record in known) / results
    raise AssertionError("asked before the first result")
