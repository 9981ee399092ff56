"""Trials as rows, and the same by cell (an arm on a task) as arrays."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy
from numpy.typing import NDArray

from runner.errors import Status, UsageError
from runner.types import ProviderKind

Metric = Literal["usd", "wall_s", "iterations", "tokens"]
METRICS: tuple[Metric, ...] = get_args(Metric)
CENSORED: tuple[Status, ...] = ("cap", "budget", "timeout")

Floats = NDArray[numpy.float64]
Flags = NDArray[numpy.bool_]


@dataclass(frozen=True)
class TrialRow:
    """One trial. Numbers are USD, seconds, turns and tokens; None means not known.

    `void` says that the trial is no result although its status is not `infra`: a failed start,
    or one that was cut short by what other trials spent.
    """

    trial_id: str
    arm: str
    task: str
    status: Status
    success: bool
    usd: float | None
    wall_s: float | None
    iterations: float | None
    tokens: float | None
    provider_kind: ProviderKind = "live"
    void: bool = False


@dataclass(frozen=True, eq=False)
class Cell:
    """The trials of one arm on one task, in an order that depends on their values only.

    The arrays have one place per trial that is a result; void trials are counted, and nothing
    else of them is used. `values` holds NaN where a number is not known.
    """

    arm: str
    task: str
    success: Flags
    censored: Flags
    values: Mapping[Metric, Floats]
    void: int
    void_usd: float | None

    @property
    def trials(self) -> int:
        """How many trials are results."""
        return len(self.success)

    @property
    def solved(self) -> int:
        """How many of them were successes, censored ones included."""
        return int(self.success.sum())

    def completed(self, metric: Metric) -> Floats:
        """The metric's values over successes that ended by themselves."""
        return self.values[metric][self.success & ~self.censored]


def trial_rows(rows: Iterable[Mapping[str, object]]) -> tuple[TrialRow, ...]:
    """Rows of a table (column name to value) as `TrialRow`s; other columns are left out.

    Raises:
        UsageError: a column is missing, or a number is negative, infinite or no number.
    """
    return tuple(_row(row) for row in rows)


def cells(rows: Iterable[TrialRow]) -> tuple[Cell, ...]:
    """The rows by task and arm, sorted by both."""
    groups: defaultdict[tuple[str, str], list[TrialRow]] = defaultdict(list)
    for row in rows:
        groups[row.task, row.arm].append(row)
    return tuple(_cell(task, arm, groups[task, arm]) for task, arm in sorted(groups))


def _row(row: Mapping[str, object]) -> TrialRow:
    try:
        status = cast(Status, str(row["status"]))
        if status not in get_args(Status):
            raise UsageError(f"unknown status of a trial: {status}")
        return TrialRow(
            trial_id=str(row["trial_id"]),
            arm=str(row["arm"]),
            task=str(row["task"]),
            status=status,
            success=row["success"] is not None and bool(row["success"]),
            usd=_number(row, "usd"),
            wall_s=_number(row, "wall_s"),
            iterations=_number(row, "iterations"),
            tokens=_number(row, "tokens"),
            provider_kind=cast(ProviderKind, str(row.get("provider_kind", "live"))),
            void=bool(row.get("void", False)),
        )
    except KeyError as error:
        raise UsageError(f"a row of trials has no column {error.args[0]}") from None


def _number(row: Mapping[str, object], key: str) -> float | None:
    value = row[key]
    if value is None:
        return None
    try:
        number = float(cast(float, value))
    except (TypeError, ValueError):
        raise UsageError(f"trial {row['trial_id']}: {key} is no number: {value!r}") from None
    if math.isnan(number):  # how numpy and pandas spell NULL
        return None
    if number < 0 or math.isinf(number):
        raise UsageError(f"trial {row['trial_id']}: {key} can't be {number}")
    return number


def _cell(task: str, arm: str, rows: list[TrialRow]) -> Cell:
    voided = [row for row in rows if row.void or row.status == "infra"]
    results = [row for row in rows if not (row.void or row.status == "infra")]
    columns = [
        [row.success for row in results],
        [row.status in CENSORED for row in results],
        *(
            [math.nan if (v := getattr(row, metric)) is None else v for row in results]
            for metric in METRICS
        ),
    ]
    table = numpy.array(columns, dtype=numpy.float64)
    table = table[:, numpy.lexsort(table[::-1])]
    lost = [row.usd for row in voided if row.usd is not None]
    return Cell(
        arm,
        task,
        success=table[0] > 0,
        censored=table[1] > 0,
        values=dict(zip(METRICS, table[2:], strict=True)),
        void=len(voided),
        void_usd=math.fsum(lost) if len(lost) == len(voided) else None,
    )
