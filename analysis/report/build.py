"""The whole report put together from the record, its statistics and its pictures."""

from collections.abc import Sequence

from analysis.answers import headline, overview, sentences
from analysis.charts.picture import Picture
from analysis.report.figures import NONE, seconds, shown, usd, whole
from analysis.report.method import method_section, prices_section
from analysis.report.parts import Answer, Column, Report, Section, Table, columns
from analysis.report.results import cells_section, tests_section
from analysis.report.rows import Record, Trial
from analysis.report.verdict import legend, verdict
from analysis.stats.summary import Answers, TaskAnswer, analyse
from runner.types import ProviderKind

MARKS: dict[str, str] = {
    "scripted": "simulated",
    "imported": "imported",
    "replayed": "replayed",
    "live": "live",
}
FOREMOST_SENTENCES = 2
SIMULATED = (
    "SIMULATED: scripted models played these trials. They show that the machinery works, and "
    "nothing about any real model."
)
MIXED = (
    "MIXED KINDS: trials of different kinds are added together here because that was asked for. "
    "Don't read a figure as one experiment's."
)


def answered(record: Record) -> Answers:
    """The statistics of the record's trials."""
    return analyse(trial.row for trial in record.trials)


def build(
    record: Record,
    answers: Answers,
    pictures: Sequence[Picture] = (),
    mechanism: Section | None = None,
    made: str = "",
    breakeven: Section | None = None,
) -> Report:
    """The report. `mechanism` says why it came out so; `made` is when and by what it was made.

    `breakeven` says what a local model may cost.
    """
    kinds = tuple(dict.fromkeys(trial.row.provider_kind for trial in record.trials))
    arms = legend(record.trials)
    sections = [
        cells_section(answers, record.question.card),
        Section("pictures", "Pictures", pictures=tuple(pictures)),
        tests_section(answers),
        *([mechanism] if mechanism else []),
        *([breakeven] if breakeven else []),
        prices_section(record),
        method_section(record),
        Section("trials", "Every trial", tables=(trials_table(record.trials),)),
    ]
    if not record.trials:
        sections = []
    return Report(
        title=title(record, answers),
        kinds=kinds,
        warning=warning(kinds),
        scope=scope(record, answers),
        answers=tuple(answer(task) for task in answers.tasks),
        sections=tuple(each for each in sections if each.name != "pictures" or pictures),
        made=made,
        arms=tuple(sorted({trial.row.arm for trial in record.trials})),
        verdict=verdict(answers, arms, mechanism),
        legend=arms,
    )


def answer(task: TaskAnswer) -> Answer:
    """A task's sentences; how far ahead the best arm is stands beside the headline."""
    rest = sentences(task)[1:]
    return Answer(task.task, headline(task), rest[:FOREMOST_SENTENCES], rest[FOREMOST_SENTENCES:])


def title(record: Record, answers: Answers) -> str:
    """What the report is about in a few words."""
    if not record.trials:
        return "Report: no trials yet"
    arms = ", ".join(sorted({trial.row.arm for trial in record.trials}))
    tasks = ", ".join(task.task for task in answers.tasks)
    return f"Arms {arms} on {tasks}"


def warning(kinds: Sequence[ProviderKind]) -> str:
    """What nobody may miss; '' when there is nothing of the sort."""
    said = [SIMULATED] if "scripted" in kinds else []
    if len(kinds) > 1:
        said.insert(0, MIXED)
    return " ".join(said)


def scope(record: Record, answers: Answers) -> tuple[str, ...]:
    """Which trials it is about, and which were left out."""
    question = record.question
    wanted = " and ".join(question.kinds)
    of_run = f" of run {question.run}" if question.run else ""
    if not record.trials:
        said = [f"There are no {wanted} trials{of_run}."]
    else:
        said = list(overview(answers)[: -len(answers.tasks) or None])
        said.append(f"{wanted.capitalize()} trials{of_run}; USD by the rate card {question.card}.")
        if "imported" in question.kinds:
            said.append("Imported: run and published by others, with their program.")
        if "replayed" in question.kinds:
            said.append("Replayed: recordings played again; nothing was spent.")
        void = [trial for trial in record.trials if trial.row.void]
        if void:
            kept = len(record.trials) - len(void)
            said.append(f"{kept} are results, {len(void)} are not (infrastructure, cut short).")
    for kind, count in record.left_out.items():
        said.append(f"Left out: {count} {kind} trials (--kind {kind} shows them).")
    return tuple(said)


def trials_table(trials: Sequence[Trial]) -> Table:
    """One line a trial."""
    numbers = ("turns", "USD", "time", "tokens")
    return Table(
        f"All {len(trials)} trials",
        (
            *columns("trial", "arm", "task", "status", "kind", *numbers, numbers=numbers),
            Column("why it ended"),
        ),
        tuple(trial_line(trial) for trial in trials),
    )


def trial_line(trial: Trial) -> tuple[str, ...]:
    """A trial in the table of all."""
    row = trial.row
    return (
        row.trial_id,
        row.arm,
        row.task,
        status(trial),
        MARKS.get(row.provider_kind, row.provider_kind),
        whole(row.iterations),
        usd(row.usd),
        seconds(row.wall_s),
        NONE if row.tokens is None else whole(row.tokens),
        shown(trial.facts["reason"] or ""),
    )


def status(trial: Trial) -> str:
    """How a trial ended, and whether that counts."""
    row = trial.row
    solved = row.status == "solved" or not row.success
    said = row.status if solved else f"{row.status}, solved"
    return f"{said} (no result)" if row.void else said
