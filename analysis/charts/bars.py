"""Wholes and their parts: the lead's tokens by price class, a trial's seconds by what took them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import altair

from analysis.calls import TimeRow, TokenRow
from analysis.charts.drawing import charted, message
from analysis.charts.picture import Picture, Spec
from analysis.charts.theme import (
    ROW,
    THOUSANDS,
    WIDTH,
    Datum,
    Layer,
    arm_names,
    counted,
    joined,
    marks,
    rows,
    titled,
)
from analysis.colours import INK, PARTS

Parts = Mapping[str, float]
Cells = Mapping[tuple[str, str], Sequence[Parts]]

CLASSES = ("cache read", "cache write", "plain input", "output")
UNSPLIT = "Mean of a trial. What took them was not measured."
SECONDS = ("model", "tools", "judge", "wait", "other", "not split up")


@dataclass(frozen=True)
class Kind:
    """What bars are about: their title, how to read them, the axis, the parts in their order."""

    title: str
    how: tuple[str, ...]
    axis: str
    unit: str
    parts: tuple[str, ...]


TOKENS = Kind(
    "The lead's tokens by price class",
    ("Mean of a trial. What is read from the cache is cheap, and read again every turn.",),
    "tokens a trial",
    "tokens",
    CLASSES,
)
TIME = Kind(
    "Where the seconds go",
    (
        "Mean of a trial. Wait: for a place on the processors or a local model, and failed calls",
        "with the pauses after them. Other: all the rest.",
    ),
    "seconds a trial",
    "s",
    SECONDS,
)


def tokens_picture(
    tokens: Iterable[TokenRow], results: Collection[str], arms: Sequence[str], *, simulated: bool
) -> Picture:
    """The lead's tokens, over the trials named in `results`."""
    trials: defaultdict[tuple[str, str, str], dict[str, float]] = defaultdict(
        lambda: dict.fromkeys(CLASSES, 0.0)
    )
    for each in tokens:
        if each.role != "executor" and each.trial_id in results:
            parts = trials[each.task, each.arm, each.trial_id]
            for name, count in zip(CLASSES, by_class(each), strict=True):
                parts[name] += count
    cells: defaultdict[tuple[str, str], list[Parts]] = defaultdict(list)
    for (task, arm, _), parts in trials.items():
        cells[task, arm].append(parts)
    return stacked(TOKENS, cells, arms, simulated=simulated)


def by_class(row: TokenRow) -> tuple[int, int, int, int]:
    """Tokens in the order of `CLASSES`; both lives of the cache are one class."""
    used = row.usage
    written = used.cache_write_5m_tokens + used.cache_write_1h_tokens
    return used.cache_read_tokens, written, used.input_tokens, used.output_tokens


def time_picture(
    times: Iterable[TimeRow], results: Collection[str], arms: Sequence[str], *, simulated: bool
) -> Picture:
    """The seconds, over the trials named in `results` whose seconds are known."""
    cells: defaultdict[tuple[str, str], list[Parts]] = defaultdict(list)
    for each in times:
        if each.trial_id in results and each.wall_s is not None:
            cells[each.task, each.arm].append(seconds(each, each.wall_s))
    return stacked(TIME, cells, arms, simulated=simulated)


def seconds(row: TimeRow, wall_s: float) -> Parts:
    """A trial's seconds by what took them; all of them unsplit when nobody measured the parts."""
    known = (row.model_s, row.tool_s, row.judge_s, row.wait_s)
    if row.model_s is None or row.tool_s is None:
        return dict(zip(SECONDS, (0.0, 0.0, 0.0, 0.0, 0.0, wall_s), strict=True))
    spent = [each or 0.0 for each in known]
    other = max(0.0, wall_s - sum(spent))
    return dict(zip(SECONDS, (*spent, other, 0.0), strict=True))


def stacked(kind: Kind, cells: Cells, arms: Sequence[str], *, simulated: bool) -> Picture:
    """A bar per arm, a row of bars per task, parts in the order of their colours' lightness."""
    if not cells:
        text = f"There is no trial whose {kind.unit if kind is TOKENS else 'seconds'} are known."
        return message(kind.title, text, simulated=simulated)
    means = {cell: mean(trials, kind.parts) for cell, trials in cells.items()}
    shown = [part for part in kind.parts if any(each[part] for each in means.values())]
    how = kind.how if shown != [SECONDS[-1]] else (UNSPLIT,)
    tasks = sorted({task for task, _ in means})
    panels = [bars(kind, each, means, shown, arms, first=each == tasks[0]) for each in tasks]
    chart = joined("vconcat", panels, spacing=18, title=titled(kind.title, how, simulated))
    counts = {cell: len(trials) for cell, trials in cells.items()}
    return charted(kind.title, words(kind, means, counts), chart, simulated=simulated)


def mean(trials: Sequence[Parts], parts: Sequence[str]) -> Parts:
    """The mean of each part."""
    return {name: sum(trial[name] for trial in trials) / len(trials) for name in parts}


def bars(
    kind: Kind,
    task: str,
    means: Mapping[tuple[str, str], Parts],
    shown: Sequence[str],
    arms: Sequence[str],
    *,
    first: bool,
) -> Spec:
    """One task's bars; only the first has the legend, which is the same for all."""
    cells = {arm: parts for (of, arm), parts in sorted(means.items()) if of == task}
    data: list[Datum] = [
        {"arm": arm, "part": name, "amount": parts[name], "place": kind.parts.index(name)}
        for arm, parts in cells.items()
        for name in shown
    ]
    totals: list[Datum] = [
        {"arm": arm, "amount": sum(parts.values()), "said": total(kind, parts)}
        for arm, parts in cells.items()
    ]
    drawn = stack(kind, data, shown, first=first)
    said = (
        marks(totals)
        .mark_text(align="left", dx=6)
        .encode(x=altair.X("amount:Q"), y=rows(), text=altair.Text("said:N"))
    )
    return joined(
        "layer",
        (drawn, said, arm_names(list(cells), arms)),
        width=WIDTH - 60,
        height=ROW * len(cells),
        title={"text": task, "anchor": "start"},
        resolve={"scale": {"color": "independent"}},
    )


def stack(kind: Kind, data: Sequence[Datum], shown: Sequence[str], *, first: bool) -> Layer:
    """The parts themselves, one after the other."""
    colours = [PARTS[kind.parts.index(name)].light for name in shown]
    return (
        marks(data)
        .mark_bar(stroke=INK.light, strokeWidth=0.6, height={"band": 0.72})
        .encode(
            x=altair.X(
                "amount:Q", title=kind.axis, axis=altair.Axis(labelExpr=THOUSANDS, tickCount=6)
            ),
            y=rows(),
            color=altair.Color(
                "part:N",
                scale=altair.Scale(domain=list(shown), range=colours),
                legend=altair.Legend(title=None) if first else None,
            ),
            order=altair.Order("place:Q"),
            tooltip=[
                altair.Tooltip("arm:N"),
                altair.Tooltip("part:N"),
                altair.Tooltip("amount:Q", format=",.0f"),
            ],
        )
    )


def total(kind: Kind, parts: Parts) -> str:
    """What stands at the end of a bar."""
    whole = sum(parts.values())
    if kind is TIME:
        return f"{whole:,.0f} s"
    share = parts[CLASSES[0]] / whole if whole else 0.0
    return f"{short(whole)}, {share:.0%} read from cache"


def short(tokens: float) -> str:
    """Tokens as people say them: 350, 1.2k, 35k, 1.2M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if tokens >= size:
            digits = 1 if tokens < 10 * size else 0
            return f"{tokens / size:.{digits}f}{letter}"
    return f"{tokens:.0f}"


def words(
    kind: Kind, means: Mapping[tuple[str, str], Parts], counts: Mapping[tuple[str, str], int]
) -> str:
    """The picture in words."""
    said = [f"{kind.title}, mean of a trial."]
    for (task, arm), parts in sorted(means.items()):
        found = ", ".join(f"{name} {amount:,.0f}" for name, amount in parts.items() if amount)
        said.append(f"{arm} on {task} ({counted(counts[task, arm])}): {found or 'nothing'}.")
    return " ".join(said)
