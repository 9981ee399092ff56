"""One trial in full: its verdict, its calls, its change and every word that was said."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.report.build import MARKS, status
from analysis.report.changes import FileDiff, Tree, diffs, read_change
from analysis.report.figures import NONE, seconds, shown, usd, whole
from analysis.report.rows import Row, Trial
from runner.errors import EnvironmentProblem
from runner.ledger.transcript import (
    Answered,
    Broke,
    Entry,
    Opened,
    Returned,
    Told,
    read_transcript,
)
from runner.types import ToolCall


@dataclass(frozen=True)
class Places:
    """Where transcripts and changes lie, and what each task's trials start from.

    `trees` are by their digest as manifests name it; a trial of another tree gets no diff.
    """

    transcripts: Path
    changes: Path
    trees: Mapping[str, Tree]


@dataclass(frozen=True)
class Said:
    """One entry of a transcript. A `folded` body opens on demand; `calls` are tools asked for."""

    who: str
    head: str
    body: str
    kind: str
    folded: bool = False
    calls: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Detail:
    """All of one trial as text."""

    trial_id: str
    arm: str
    task: str
    kind: str
    mark: str
    status: str
    success: bool
    reason: str
    facts: tuple[tuple[str, str], ...]
    checks: tuple[tuple[str, bool, str], ...]
    call_columns: tuple[str, ...]
    calls: tuple[tuple[str, ...], ...]
    change: tuple[FileDiff, ...] | None
    said: tuple[Said, ...]
    note: str


def detail(trial: Trial, places: Places) -> Detail:
    """Everything about a trial; what is not on record is None or empty, never an error."""
    row, facts = trial.row, trial.facts
    said, note = transcript(places.transcripts / f"{row.trial_id}.jsonl")
    change = read_change(places.changes / f"{row.trial_id}.tar")
    columns, calls = call_table(trial.calls)
    return Detail(
        row.trial_id,
        row.arm,
        row.task,
        row.provider_kind,
        MARKS.get(row.provider_kind, row.provider_kind),
        status(trial),
        row.success,
        shown(facts["reason"] or ""),
        tuple(figures(trial)),
        tuple(
            (str(each["name"]), bool(each["passed"]), evidence(each["detail"]))
            for each in trial.checks
        ),
        columns,
        calls,
        None if change is None else diffs(change, places.trees.get(tree_of(trial))),
        said,
        note,
    )


def tree_of(trial: Trial) -> str:
    """The digest of what the trial started from; '' when its manifest does not say."""
    image = trial.manifest.get("image")
    labels = image.get("labels") if isinstance(image, Mapping) else None
    return str(labels.get("runner.image.tree", "")) if isinstance(labels, Mapping) else ""


def figures(trial: Trial) -> Iterator[tuple[str, str]]:
    """What is known about it in numbers."""
    row, facts = trial.row, trial.facts
    yield "cost", usd(row.usd)
    yield "turns", whole(row.iterations)
    yield "tokens", "not known" if row.tokens is None else whole(row.tokens)
    yield "harness green", "yes" if facts["harness_green"] else "no"
    for name in ("wall_s", "model_s", "tool_s", "judge_s", "wait_s"):
        value = facts[name]
        if isinstance(value, float):
            yield name.removesuffix("_s"), seconds(value)
    yield "begun", str(facts["started_at"] or "not known")[:19]
    yield "run", str(facts["run_id"])


def call_table(calls: Iterable[Row]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The calls as titles and rows of text."""
    rows = tuple(calls)
    if not rows:
        return (), ()
    names = [name for name in rows[0] if any(row[name] not in (None, "", 0) for row in rows)]
    return tuple(names), tuple(tuple(cell(row[name]) for name in names) for row in rows)


def cell(value: object) -> str:
    """A value of a row."""
    if value is None:
        return NONE
    if isinstance(value, float):
        return f"{value:.2f}"
    return whole(value) if isinstance(value, int) else shown(value)


def evidence(value: object) -> str:
    """A check's detail, as JSON over some lines."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return shown(value)
    return shown(json.dumps(parsed, indent=1, ensure_ascii=False)) if parsed else ""


def transcript(path: Path) -> tuple[tuple[Said, ...], str]:
    """What was said, and why some of it is missing."""
    if not path.exists():
        return (), "There is no transcript of this trial on record."
    said: list[Said] = []
    try:
        for entry in read_transcript(path):
            said.append(as_said(entry))
    except EnvironmentProblem as error:
        return tuple(said), f"It ends here: {shown(error)}"
    return tuple(said), ""


def as_said(entry: Entry) -> Said:
    """One entry as the page shows it: the output of tools and the instructions folded."""
    who = f"{entry.role}" + (f" {entry.conversation}" if entry.conversation else "")
    match entry:
        case Opened():
            head = f"{entry.model} is told ({len(entry.system):,} characters)"
            return Said(who, head, shown(entry.system), "opened", folded=True)
        case Told():
            return Said(who, f"turn {entry.turn}: it is asked", shown(entry.text), "told")
        case Answered():
            calls = tuple((shown(call.name), asked(call)) for call in entry.calls)
            used = f"{entry.usage.context_tokens:,} read, {entry.usage.output_tokens:,} written"
            head = f"turn {entry.turn} ({entry.stop_reason}; {used}; {entry.latency_s:.1f} s)"
            return Said(who, head, shown(entry.text), "answered", calls=calls)
        case Returned():
            wrong = ", an error" if entry.is_error else ""
            head = f"{entry.tool} returned {len(entry.text):,} characters{wrong}"
            kind = "refused" if entry.is_error else "returned"
            return Said(who, shown(head), shown(entry.text), kind, folded=True)
        case Broke():
            return Said(who, f"turn {entry.turn}: broke off", shown(entry.error), "refused")


def asked(call: ToolCall) -> str:
    """What a tool was called with, or that it was nothing, or nothing that could be read."""
    if call.malformed:
        return shown(f"could not be read: {call.malformed}")
    return arguments(call.arguments) if call.arguments else "no arguments"


def arguments(given: Mapping[str, object]) -> str:
    """What a tool was called with, each argument under its name; a sole one without."""
    values = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in given.items()
    }
    if len(values) == 1:
        return shown(next(iter(values.values())))
    return shown("\n".join(f"{name}: {value}" for name, value in values.items()))
