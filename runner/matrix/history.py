"""What was before, as a board begins with it: no event of it has to be read again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runner.events import TrialEnded
from runner.ledger.runs import RunRecord
from runner.matrix.board_view import EndedView
from runner.matrix.engine import Attempt, Cell
from runner.matrix.outlook import Record
from runner.matrix.schedule import is_result
from runner.types import ProviderKind

LAST_ENDED = 5


@dataclass
class History:
    """A run's attempts that are over: by cell, in USD by arm, and the last few, oldest first."""

    run_id: str
    kind: ProviderKind
    sessions: int
    records: dict[Cell, Record] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    ended: Sequence[EndedView] = ()

    def count(self, cell: Cell, usd: float, ended: TrialEnded | None, number: int = 1) -> None:
        """Take in `number` attempts alike, which cost `usd` in all; None is a runner that died."""
        record = self.records.setdefault(cell, Record())
        self.spent[cell.arm] = self.spent.get(cell.arm, 0.0) + usd
        if ended is None or not is_result(ended.status, ended.detail.get("limit")):
            record.infra += number
            return
        record.results += number
        record.successes += number * ended.success
        record.busy_s += ended.wall_s + (ended.wait_s or 0.0)
        record.usd += usd


def history_of(run: RunRecord) -> History:
    """Of a run that nobody is at: what has no end will never have one."""
    past = History(run.run_id, run.provider_kind, run.sessions)
    for each in run.attempts:
        past.count(Cell(each.arm, each.task), each.usd, each.ended)
    over = [(each, each.ended) for each in run.attempts if each.ended]
    over.sort(key=lambda both: both[1].ended_at)
    past.ended = [
        ended_view(
            Attempt(run.run_id, Cell(each.arm, each.task), each.trial, each.attempt), end, each.usd
        )
        for each, end in over[-LAST_ENDED:]
    ]
    return past


def ended_view(attempt: Attempt, ended: TrialEnded, usd: float) -> EndedView:
    """An attempt that is over, as a board shows it."""
    return EndedView(
        trial_id=ended.trial_id,
        attempt=attempt,
        status=ended.status,
        success=ended.success,
        turns=ended.iterations,
        own_s=ended.wall_s,
        usd=usd,
        reason=ended.reason,
    )
