"""Trials and cells made up for the statistics, and the published ones as rows."""

import csv
from collections.abc import Iterable, Sequence

from published_samples import CARDS, HAIKU, OPUS, paper

from analysis.stats.samples import Cell, TrialRow, cells
from analysis.stats.summary import TaskAnswer, analyse
from runner.errors import Status
from runner.types import Usage


def row(
    usd: float | None = 1.0,
    *,
    arm: str = "A",
    task: str = "T1",
    success: bool = True,
    status: Status | None = None,
    name: str = "",
    other: float | None = 10.0,
    void: bool = False,
) -> TrialRow:
    """A trial; its seconds, turns and tokens are all `other`."""
    ending = status or ("solved" if success else "failed")
    return TrialRow(name, arm, task, ending, success, usd, other, other, other, void=void)


def cell(usd: Sequence[float | None], solved: int | None = None, *, arm: str = "A") -> Cell:
    """The cell of trials of these costs, the first `solved` of them (all) successes."""
    good = len(usd) if solved is None else solved
    rows = [row(each, arm=arm, success=n < good) for n, each in enumerate(usd)]
    return only(rows)


def only(rows: Iterable[TrialRow]) -> Cell:
    (found,) = cells(rows)
    return found


def arm(
    name: str, *costs: float | None, solved: int | None = None, task: str = "T1"
) -> list[TrialRow]:
    """One arm's trials of these costs, the first `solved` of them (all) successes."""
    good = len(costs) if solved is None else solved
    return [row(usd, arm=name, task=task, success=n < good) for n, usd in enumerate(costs)]


def asked(rows: Sequence[TrialRow]) -> TaskAnswer:
    return analyse(rows).task("T1")


def paper_table() -> list[dict[str, str]]:
    """The published trials.csv; skips where the data is not."""
    with (paper() / "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def paper_row(line: dict[str, str], usd: float | None = None) -> TrialRow:
    """A published trial, at `usd` or at its own cost; a row without a turn is a failed start."""
    success = line["success"] == "1"
    tokens = [int(line[key]) for key in line if key.startswith(("opus_", "haiku_"))]
    return TrialRow(
        f"{line['arm']}-{line['task']}-{line['trial']}",
        line["arm"],
        line["task"],
        "solved" if success else "failed",
        success,
        float(line["cost_usd"]) if usd is None else usd,
        float(line["wall_sec"]),
        int(line["iterations"]),
        sum(tokens),
        provider_kind="imported",
        void=line["iterations"] == "0",
    )


def usd_by_card(line: dict[str, str], card: str) -> float:
    """What a published trial's tokens cost by one of our cards."""
    return sum(
        CARDS[card].usd(
            model,
            Usage(
                input_tokens=int(line[f"{prefix}_in"]),
                output_tokens=int(line[f"{prefix}_out"]),
                cache_write_5m_tokens=int(line[f"{prefix}_cache_w"]),
                cache_read_tokens=int(line[f"{prefix}_cache_r"]),
            ),
        )
        for prefix, model in (("opus", OPUS), ("haiku", HAIKU))
    )
