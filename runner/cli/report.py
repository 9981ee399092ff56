"""Answer which arm to use: one page with sentences, tables, pictures and every trial.

example: runner report --kind live --out report.html
"""

import argparse
import gc
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from analysis.calls import measured
from analysis.charts.gallery import pictures
from analysis.report.breakeven import breakeven_section
from analysis.report.build import answered, build
from analysis.report.causes import mechanism_section
from analysis.report.changes import Tree, shown_lines
from analysis.report.detail import Places, tree_of
from analysis.report.markdown import markdown
from analysis.report.page import page
from analysis.report.paper import paper_report
from analysis.report.parts import Report
from analysis.report.rows import FOREMOST, Question, Record, chosen_kinds, kinds_there, read_record
from analysis.report.terminal import show
from runner.cli import options as opt
from runner.cli.report_files import put, put_all, sweep
from runner.config.rates import RateCard, load_cards
from runner.config.settings import ROOT, Settings, load_settings
from runner.config.tasks import load_tasks
from runner.errors import EXIT_OK, UsageError
from runner.image.states import pristine_tree, starting_tree, tree_digest
from runner.ledger.database import sync
from runner.ledger.duck import query
from runner.published.reading import read_folder

PAPER = "paper-2026-06"
PUBLISHED = ROOT.parent / "shared" / "paper"  # where its data is when nobody says where
FORMS = ("html", "md")
NOWHERE = Question(Path(os.devnull), (), "", "")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    opt.add(parser, "out", help="the file to write; default report.html in the results", read=Path)
    opt.add(parser, "format", help=f"one of {', '.join(FORMS)}; default by the file's name")
    opt.flag(parser, "terminal", help="print it here instead of writing a file")
    opt.add(
        parser,
        "kind",
        help=f"trials of these kinds: {', '.join(FOREMOST)}; default live if there are any",
        read=opt.names,
        default=(),
    )
    what = "the paper's own tables from its data in this folder; default ../shared/paper"
    opt.add(parser, "paper", help=what, read=Path, bare=PUBLISHED)
    opt.add(parser, "run", help="only the trials of this run", default="")
    opt.add(parser, "card", help="the card to price by; default is RUNNER_CARD's")
    opt.add(parser, "against", help=f"the card to compare with; default {PAPER}", default=PAPER)


def run(options: argparse.Namespace, console: Console) -> int:
    """Make the report and say where it is."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    if options.paper is not None:
        report = of_paper(options.paper, cards)
        return deliver(options, console, report, Record(NOWHERE), settings)
    form = chosen_form(options.format, options.out)
    question = asked(options, settings, cards)
    record = read_record(question)
    report = drawn(record, pictured=form == "html" and not options.terminal)
    return deliver(options, console, report, record, settings)


def deliver(
    options: argparse.Namespace,
    console: Console,
    report: Report,
    record: Record,
    settings: Settings,
) -> int:
    """Print the report, or write it and say where it is."""
    if options.terminal:
        show(console, report)
        return EXIT_OK
    form = chosen_form(options.format, options.out)
    out = options.out or settings.results / f"{'paper' if options.paper else 'report'}.{form}"
    linked = write(out, report, form, record, settings)
    say(console, out, report, linked)
    return EXIT_OK


def drawn(record: Record, *, pictured: bool) -> Report:
    """The report of a record; pictures take seconds, so only where they can be shown."""
    answers = answered(record)
    question = record.question
    if not record.trials:
        return build(record, answers, made=made())
    found = measured(
        question.database, question.kinds, question.card, run=question.run, wait_s=question.wait_s
    )
    rows = [trial.row for trial in record.trials]
    sights = pictures(rows, found.growth, found.tokens, answers, found.times) if pictured else {}
    why = mechanism_section(rows, found, answers)
    free = breakeven_section(record.trials, found.tokens)
    return build(record, answers, tuple(sights.values()), why, made(), free)


def made() -> str:
    """When and by what."""
    return f"Made by runner {version('runner')} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."


def of_paper(folder: Path, cards: Mapping[str, RateCard]) -> Report:
    """The published tables beside ours; nothing is read from or written to the record.

    Raises:
        UsageError: the folder holds no published data, or some of it can't be read.
    """
    if folder == PUBLISHED and not folder.exists():
        raise UsageError(
            f"there is no {folder}; give the folder of the published data: "
            "runner report --paper DIR"
        )
    reading = read_folder(folder, {model for card in cards.values() for model in card.rates})
    if reading.problems:
        raise UsageError(f"{folder}: {reading.problems[0]}")
    card = opt.chosen("rate card", PAPER, cards)
    return paper_report(reading.rows, card, made())


def asked(
    options: argparse.Namespace, settings: Settings, cards: Mapping[str, RateCard]
) -> Question:
    """Which trials, by which cards; the database is brought up to date for it.

    Raises:
        UsageError: an option names a card, kind or run that there is not.
    """
    card = opt.chosen("rate card", options.card or settings.card, cards)
    against = opt.chosen("rate card", options.against, cards)
    sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    there = kinds_there(settings.database, options.run, settings.db_wait_s)
    if options.run and not there:
        raise UsageError(f"there is no trial of run '{options.run}'; {known_runs(settings)}")
    kinds = chosen_kinds(there, options.kind)
    return Question(settings.database, kinds, card.id, against.id, options.run, settings.db_wait_s)


def known_runs(settings: Settings) -> str:
    """What runs have trials on record."""
    if not settings.database.exists():
        return "nothing is on record yet"
    sql = "select distinct run_id from trials order by all"
    rows = query(settings.database, sql, wait_s=settings.db_wait_s).rows
    return f"there are: {', '.join(str(row[0]) for row in rows) or 'none'}"


def chosen_form(wanted: str | None, out: Path | None) -> str:
    """What to write: as asked, else by the file's name, else a page.

    Raises:
        UsageError: an unknown format.
    """
    if wanted is not None and wanted not in FORMS:
        raise UsageError(f"unknown format '{wanted}'; there are: {', '.join(FORMS)}")
    return wanted or ("md" if out is not None and out.suffix == ".md" else "html")


def write(out: Path, report: Report, form: str, record: Record, settings: Settings) -> int:
    """Write the file, and a page a trial where they do not fit in; how many of those.

    Pages of an earlier report of the same name are gone afterwards.

    Raises:
        EnvironmentProblem: the disk refuses.
    """
    if form == "md":
        put(out, markdown(report))
        return 0
    places = Places(settings.transcripts, settings.changes, starting_trees(record, settings))
    folder = f"{out.stem}-trials"
    made = page(report, record.trials, places, folder)
    gc.freeze()  # what was read stays: to look through it for garbage again and again takes long
    try:
        written = put_all(out.parent, made.files)
    finally:
        gc.unfreeze()
    put(out, made.html)
    sweep(out.parent / folder, written)
    return len(record.trials) if made.linked else 0


def starting_trees(record: Record, settings: Settings) -> Mapping[str, Tree]:
    """What the trials started from, by digest, as far as this machine has it; nothing is fetched.

    A task that was changed since has another digest, and is left out by that.
    """
    wanted = {tree_of(trial) for trial in record.trials}
    archives = sorted((settings.cache / "inputs" / "sdist").glob("*.tar.gz"))
    if not wanted - {""} or not archives:
        return {}
    pristine = pristine_tree(archives[0].read_bytes())
    trees = [starting_tree(pristine, task) for task in load_tasks(settings.tasks_dir).values()]
    return {
        digest: {path: shown_lines(data) for path, data in tree.items()}
        for tree in trees
        if (digest := tree_digest(tree)) in wanted
    }


def say(console: Console, out: Path, report: Report, linked: int) -> None:
    """Where it is, and the answer in short."""
    if report.warning:
        console.print(f"[black on yellow] {report.warning} [/]")
    for line in (*report.scope, *(answer.headline for answer in report.answers)):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"\n{out}  {out.stat().st_size / 1000:,.0f} kB", markup=False, soft_wrap=True)
    if linked:
        where = out.parent / f"{out.stem}-trials"
        console.print(f"{where}  {linked} trials, a page each", markup=False, soft_wrap=True)
