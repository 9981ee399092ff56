"""Every figure the paper prints, as it prints it, and ours from its data."""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from analysis.stats.comparison import magnitude, ratio_of_medians
from analysis.stats.samples import TrialRow, cells
from analysis.stats.summary import Answers, CellAnswer
from runner.config.rates import RateCard
from runner.errors import Status
from runner.published.events import outcome, trial_id
from runner.published.reading import ALIASES, PublishedUsage, Row
from runner.types import Usage

SUMMARY = (
    "solved", "trials", "wall s", "turns", "USD", "low", "high", "USD / rate", "success rate",
)  # fmt: skip
FEW = "n too small"
NOT_PRINTED = "not printed"


@dataclass(frozen=True)
class Published:
    """What the paper prints: see `published.toml`, key by key."""

    source: str
    card: str
    total_usd: str
    pairs: tuple[str, ...]
    summary: Mapping[str, str]
    p: Mapping[str, str]
    delta: Mapping[str, str]
    growth: Mapping[str, str]
    explained: Mapping[str, str]


@dataclass(frozen=True)
class Figure:
    """One printed figure and ours, both as text; `why` explains a difference."""

    where: str
    what: str
    printed: str
    ours: str
    why: str = ""

    @property
    def same(self) -> bool:
        """Whether every printed digit agrees."""
        return self.printed == self.ours


def published() -> Published:
    """The paper's figures."""
    text = resources.files("analysis.report").joinpath("published.toml").read_text("utf-8")
    found = tomllib.loads(text)
    return Published(**{**found, "pairs": tuple(found["pairs"])})


def trial_row(row: Row, card: RateCard) -> TrialRow:
    """A published trial as a row of ours; a failed start is no result."""
    trial = row.trial
    used = {ALIASES.get(name, name): usage(each) for name, each in trial.usage_by_role.items()}
    usd = math.fsum(card.usd(model, each) for model, each in used.items())
    tokens = sum(each.context_tokens + each.output_tokens for each in used.values())
    status, _ = outcome(trial)
    void = trial.failed_start
    # The paper has no word for a trial that met a cap: its medians take every success.
    kept: Status = status if status in ("solved", "infra") else "failed"
    return TrialRow(
        trial_id(row), trial.arm, trial.task, kept, trial.success, usd, trial.wall_sec,
        trial.iterations, tokens, "imported", void,
    )  # fmt: skip


def usage(theirs: PublishedUsage) -> Usage:
    """Their token classes as ours."""
    return Usage(
        theirs.input_tokens,
        theirs.output_tokens,
        theirs.cache_creation_input_tokens,
        0,
        theirs.cache_read_input_tokens,
    )


def summary_figures(answers: Answers, theirs: Published) -> Iterator[Figure]:
    """Their table 3, figure by figure."""
    for key, line in theirs.summary.items():
        cell = cell_of(answers, key)
        ours = summary_line(cell) if cell else ["no data"] * len(SUMMARY)
        for name, printed, own in zip(SUMMARY, line.split(), ours, strict=True):
            why = theirs.explained.get(f"{key}-{name.split()[0]}", "")
            yield Figure(key, name, printed, own, why if printed != own else "")


def summary_line(cell: CellAnswer) -> list[str]:
    """A cell's figures with as many digits as the paper gives."""
    usd = cell.metrics["usd"].median
    numbers = (
        (cell.metrics["wall_s"].median.value, 0),
        (cell.metrics["iterations"].median.value, 0),
        (usd.value, 2),
        (usd.low, 2),
        (usd.high, 2),
        (cell.usd_per_rate, 2),
        (cell.success.value, 2),
    )
    shown = [FEW if value is None else f"{value:.{digits}f}" for value, digits in numbers]
    return [str(cell.solved), str(cell.trials), *shown]


def cell_of(answers: Answers, key: str) -> CellAnswer | None:
    """The cell of a key like `A-T1`."""
    arm, task = key.split("-")
    found = (c for each in answers.tasks if each.task == task for c in each.cells if c.arm == arm)
    return next(found, None)


def p_figures(answers: Answers, theirs: Published) -> Iterator[Figure]:
    """Their table 4."""
    for task, line in theirs.p.items():
        for pair, printed in zip(theirs.pairs, line.split(), strict=True):
            found = pair_of(answers, task, pair)
            p = None if found is None else found[0]
            yield Figure(task, f"{pair[0]}-{pair[1]}", printed, FEW if p is None else f"{p:.3f}")


def delta_figures(answers: Answers, theirs: Published) -> Iterator[Figure]:
    """Their table 5, and the pairs it leaves out."""
    for key, printed in theirs.delta.items():
        task, pair = key.split("-")
        ours = delta_text(answers, task, pair)
        own = ours if " " in printed else ours.split()[0]
        why = theirs.explained.get(key, "") if own != printed else ""
        yield Figure(task, f"{pair[0]}-{pair[1]}", printed, own, why)
    for task in theirs.p:
        for pair in ("AD", "BD"):
            own = delta_text(answers, task, pair)
            why = theirs.explained.get(pair, "")
            yield Figure(task, f"{pair[0]}-{pair[1]}", NOT_PRINTED, own, why)


def delta_text(answers: Answers, task: str, pair: str) -> str:
    """A pair's delta and its label, in the order of the pair's letters."""
    found = pair_of(answers, task, pair)
    if found is None or found[1] is None:
        return FEW
    return f"{found[1]:+.2f} {magnitude(found[1])}"


def pair_of(answers: Answers, task: str, pair: str) -> tuple[float | None, float | None] | None:
    """The paper's p and the delta of two arms in USD; None when one did not try the task."""
    left, right = sorted(pair)
    for each in answers.tasks:
        for found in each.comparisons:
            if (each.task, found.metric, found.left, found.right) == (task, "usd", left, right):
                turned = -1 if left != pair[0] else 1
                delta = None if found.delta is None else turned * found.delta
                return found.p_paper, delta
    return None


def growth_figures(rows: Sequence[Row], theirs: Published) -> Iterator[Figure]:
    """How many times as much B's orchestrator read from the cache as A."""
    for task, printed in theirs.growth.items():
        reads = [reading(row) for row in rows if row.trial.task == task and row.trial.arm in "AB"]
        by_arm = {cell.arm: (cell.arm, cell.completed("usd")) for cell in cells(reads)}
        ratio = ratio_of_medians(by_arm["B"], by_arm["A"]).value if len(by_arm) == 2 else None
        own = FEW if ratio is None else f"{ratio:.2f}"
        yield Figure(task, "cache reads, B over A", printed, own)


def reading(row: Row) -> TrialRow:
    """A published trial whose USD are the tokens that its Opus read from the cache."""
    trial = row.trial
    read = sum(
        used.cache_read_input_tokens
        for name, used in trial.usage_by_role.items()
        if name.startswith("claude-opus")
    )
    status: Status = "solved" if trial.success else "failed"
    void = trial.failed_start
    return TrialRow(
        trial_id(row), trial.arm, trial.task, status, trial.success, read, None, None, None,
        "imported", void,
    )  # fmt: skip
