"""The chapters about money by two cards, and about how the trials were run."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from analysis.prices import Pair, PricedCell, PricedTrial, price_cells, rank_changes
from analysis.report.figures import NONE, usd, whole
from analysis.report.parts import Column, Section, Table, columns
from analysis.report.rows import Record, Row, Trial
from analysis.stats.samples import CENSORED
from runner.types import JsonObject

MEASURES: tuple[tuple[str, Callable[[PricedCell], Pair]], ...] = (
    ("median of solved trials", lambda cell: cell.median_usd),
    ("USD per solved task", lambda cell: cell.usd_per_solved),
)
SHORT = 19  # characters of a hash that people compare


def prices_section(record: Record) -> Section:
    """The same trials by two rate cards, and which ranks that changes."""
    question = record.question
    if not record.trials:
        return Section("prices", "Prices", ("There is nothing to price yet.",))
    cells = price_cells(priced(trial) for trial in record.trials)
    said = [*changes(cells), *doubts(record)]
    table = Table(
        f"Every cell by {question.against}, then by {question.card}",
        (
            *columns("task", "arm"),
            Column("solved", "number"),
            *(
                Column(f"{name}, {which}", "number")
                for name in ("median USD", "USD per solved task")
                for which in (question.against, question.card, "times")
            ),
        ),
        tuple(
            (cell.task, cell.arm, f"{cell.solved} of {cell.results}", *amounts(cell))
            for cell in cells
        ),
        (
            "USD per solved task holds the money of every trial with a result, failures included; "
            "trials without one (infrastructure, cut short) are in neither figure. These are ranks "
            "of what was seen; how sure they are is said above.",
        ),
    )
    cards = Table(
        "Rate cards",
        columns("card", "as of", "source"),
        tuple(tuple(str(value) for value in card.values()) for card in record.cards),
        folded=True,
    )
    return Section("prices", "Prices", tuple(said), (table, cards))


def priced(trial: Trial) -> PricedTrial:
    """A trial with its cost by both cards."""
    row = trial.row
    return PricedTrial(
        row.task,
        row.arm,
        row.success,
        not row.void,
        Pair(trial.usd_against, row.usd),
        row.status in CENSORED,
    )


def changes(cells: Sequence[PricedCell]) -> Iterable[str]:
    """What the second card does to the ranks, a sentence a task and measure."""
    for task in sorted({cell.task for cell in cells}):
        for name, measure in MEASURES:
            by_arm = {cell.arm: measure(cell) for cell in cells if cell.task == task}
            said = "; ".join(rank_changes(by_arm)) or "one arm only, nothing to rank"
            yield f"On {task}, by the {name}: {said}."


def amounts(cell: PricedCell) -> Iterable[str]:
    """Both measures by both cards."""
    for _, measure in MEASURES:
        pair = measure(cell)
        yield from (
            pair.why if value is None else usd(value) for value in (pair.before, pair.after)
        )
        yield NONE if pair.ratio is None else f"{pair.ratio:.2f}"


def doubts(record: Record) -> Iterable[str]:
    """What has no price, and what was reckoned by another card than these."""
    yield from (f"N{said[1:]}." for said in record.unpriced)
    lost = [float(str(trial.facts["lost_usd"])) for trial in record.trials]
    if any(lost):
        trials = sum(usd > 0 for usd in lost)
        yield (
            f"Lost: calls of {trials} trials may have been billed without an answer and are "
            f"counted at their reserve, {usd(sum(lost))} by each trial's own card."
        )


def method_section(record: Record) -> Section:
    """Images, versions, caps and seeds: what the trials were made of."""
    tables = [runs_table(record.runs), caps_table(record.trials), made_of(record.trials)]
    said = (
        "Each trial is a fresh sealed container, judged in a second one. What is below comes from "
        "the trials' own manifests; a line that holds for some trials only says for how many."
    )
    sources = [s for t in record.trials if isinstance(s := t.manifest.get("source"), Mapping)]
    if sources and len(sources) == len(record.trials):
        said = (
            "These trials were run by others and imported: how, their source says. Here is where "
            "each stands."
        )
    kept = tuple(table for table in tables if table.rows)
    return Section("method", "How it was run", (said,) if kept else ("Nothing was run.",), kept)


def runs_table(runs: Sequence[Row]) -> Table:
    """How each run was sampled."""
    numbers = ("seed", "jobs", "budget USD", "sessions")
    return Table(
        "Runs",
        columns("run", "state", "goal per cell", *numbers, "begun", numbers=numbers),
        tuple(
            (
                str(run["run_id"]),
                f"{run['state']}: {run['reason']}" if run["reason"] else str(run["state"]),
                f"exactly {run['n']} attempts" if run["fixed"] else f"until {run['n']} are solved",
                str(run["seed"]),
                str(run["jobs"]),
                NONE if run["budget_usd"] is None else usd(float(str(run["budget_usd"]))),
                str(run["sessions"]),
                str(run["started_at"] or "")[:16],
            )
            for run in runs
        ),
    )


def caps_table(trials: Sequence[Trial]) -> Table:
    """The models and limits of each arm on each task."""
    found: Counter[tuple[str, ...]] = Counter()
    for trial in trials:
        arm = trial.manifest.get("arm")
        if not isinstance(arm, Mapping):
            continue
        limits = nested(arm, "limits")
        lead, executor = nested(arm, "lead"), nested(arm, "executor")
        found[
            trial.row.task,
            trial.row.arm,
            str(lead.get("model", NONE)),
            str(executor.get("model", NONE)),
            str(trial.manifest.get("max_turns", NONE)),
            str(limits.get("usd", NONE)),
            whole(number(limits.get("seconds"))),
            str(trial.manifest.get("persona") or NONE),
        ] += 1
    numbers = ("most turns", "most USD", "most seconds", "trials")
    return Table(
        "Models and caps",
        columns("task", "arm", "lead", "executor", "most turns", "most USD", "most seconds",
                "played by", "trials", numbers=numbers),
        tuple((*key, str(count)) for key, count in sorted(found.items())),
    )  # fmt: skip


def made_of(trials: Sequence[Trial]) -> Table:
    """Every other fact of the manifests, and how many trials it holds for."""
    found: dict[str, Counter[str]] = {}
    for trial in trials:
        for name, value in facts_of(trial):
            found.setdefault(name, Counter())[value] += 1
    rows = [
        (name, value, "all" if count == len(trials) else str(count))
        for name, values in found.items()
        for value, count in sorted(values.items())
    ]
    return Table(
        "Made of",
        columns("what", "value", "trials", numbers=("trials",)),
        tuple(rows),
        folded=len(rows) > 12,
    )


def facts_of(trial: Trial) -> Iterable[tuple[str, str]]:
    """A manifest's facts by name; hashes shortened to what people compare."""
    manifest = trial.manifest
    if source := nested(manifest, "source"):
        yield "source", f"{source.get('file')} (sha256 {str(source.get('sha256'))[:12]})"
    if image := nested(manifest, "image"):
        yield f"image of {trial.row.task}", f"{image.get('tag')} ({str(image.get('id'))[:SHORT]})"
        tree = nested(image, "labels").get("runner.image.tree")
        yield f"starting tree of {trial.row.task}", str(tree)[:12]
    for name in ("card", "source_sha256", "prompts_sha256", "container_sha256", "python"):
        if name in manifest:
            yield name.replace("_sha256", ", sha256"), str(manifest[name])[:SHORT]
    if versions := nested(manifest, "versions"):
        yield "versions", ", ".join(f"{name} {value}" for name, value in versions.items())
    if engine := nested(manifest, "engine"):
        parts = ("version", "runc_version", "kernel", "architecture", "storage_driver", "cpus")
        yield "engine", ", ".join(f"{part} {engine.get(part)}" for part in parts)
    for name in ("limits", "timeouts_s", "servers"):
        if value := nested(manifest, name):
            yield name, json.dumps(value)[1:-1].replace('"', "")


def nested(value: JsonObject, key: str) -> JsonObject:
    """An object inside another; empty where there is none."""
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def number(value: object) -> float | None:
    """A number, or None for anything else."""
    return float(value) if isinstance(value, int | float) else None
