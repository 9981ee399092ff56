"""Run one trial of an arm on a task.

A live trial keeps what was asked and answered, so that it can be run again for nothing.

example: runner trial --arm C --task T3 --models scripted
         runner trial --arm-file my.toml --task T3
         runner trial --replay live-C-T3-0-1
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from rich.console import Console
from rich.markup import escape

from runner import preflight, wiring
from runner.catalogue import Catalogue, load_catalogue
from runner.cli import options as opt
from runner.cli.display import TrialDisplay
from runner.cli.dry_run import dry_run
from runner.cli.kinds import badge
from runner.cli.output import forgiving
from runner.cli.pulling import pull_screen
from runner.cli.replay import Asked, from_recording, show_outcome
from runner.cli.run_options import arm_files
from runner.cli.summary import show_summary
from runner.config.arms import ArmFile, arm_of
from runner.config.settings import Settings, load_settings
from runner.errors import (
    EXIT_BUDGET,
    EXIT_ENVIRONMENT,
    EXIT_NOT_SOLVED,
    EXIT_OK,
    EnvironmentProblem,
    UsageError,
)
from runner.events import Event, TrialEnded
from runner.ledger.database import sync
from runner.ledger.journal import Journal
from runner.manifest import manifest
from runner.matrix.attempts import play
from runner.recording.folder import check_image
from runner.trial.spec import TrialSpec
from runner.types import JsonObject


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    opt.add(parser, "arm", help="the arm's id")
    opt.several(parser, "arm-file", help="a TOML file of an arm of your own; without --arm it runs")
    opt.add(parser, "task", help="the task's id")
    opt.add(parser, "trial", help="the trial's number; default: 0", read=opt.whole(0))
    opt.add(parser, "attempt", help="its attempt; default: the next free", read=opt.whole(1))
    opt.add(
        parser,
        "models",
        help="live (the default), or scripted[:oracle|nop|blunder] (free, offline, simulated)",
    )
    opt.add(parser, "max-iters", help="cap of the lead's turns", read=opt.whole(1))
    opt.flag(parser, "record", help="keep a scripted trial's exchanges too, as live ones are")
    opt.add(parser, "replay", help="run a recorded trial again, without a key: its id or folder")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="prepare, run the harness, show the plan, stop; needs no key and asks no model",
    )
    parser.set_defaults(refuse=parser.error)


def run(options: argparse.Namespace, console: Console) -> int:
    """Run it, with live progress, and show what it came to."""
    named = options.arm or opt.values(options, "arm-file")
    if not options.replay and not (named and options.task):
        options.refuse(
            "the following arguments are required: --arm and --task, or --replay (--arm-file will "
            "do for --arm)"
        )
    forgiving(console, "`runner show` shows the trial")
    given = load_settings()
    files = () if options.replay else arm_files(options)
    catalogue = load_catalogue(given, files)
    if options.replay:
        asked = from_recording(options, given, catalogue, console)
    else:
        asked = chosen(options, given, catalogue, files)
    settings = asked.settings
    bench = wiring.prepare(settings, asked.catalogue, asked.task, console.print)
    if asked.recording:
        check_image(asked.recording.about, bench.image.key)
    if options.dry_run:
        return dry_run(console, bench, asked.arm, asked.card, asked.max_turns)
    preflight.check_results(settings)
    sync(settings.database, settings.journals, catalogue.cards, wait_s=settings.db_wait_s)
    with pull_screen(console) as screen:
        players = wiring.with_server(asked.players, settings, bench.engine, (asked.arm,), screen)
    asked = replace(asked, players=players)
    made_of = manifest(bench, asked.arm, asked.card, asked.players, asked.max_turns)
    if asked.recording:
        made_of = {**made_of, "replay_of": asked.recording.about.trial_id}
    journal, attempt = claim(settings, asked.name, options.attempt)
    spec = spec_of(asked, journal.path.stem, attempt, made_of)
    keep = asked.players.kind == "live" or options.record
    ended = watched(console, bench, asked.players, spec, journal, keep=keep)
    try:
        sync(settings.database, settings.journals, catalogue.cards, wait_s=settings.db_wait_s)
    except EnvironmentProblem as problem:
        console.print(f"[yellow]{problem}[/]\nThe trial is safe in {journal.path}.")
    else:
        show_summary(console, settings, spec.trial_id)
    show_outcome(console, asked, ended)
    return exit_code(ended)


def chosen(
    options: argparse.Namespace,
    settings: Settings,
    catalogue: Catalogue,
    files: Sequence[ArmFile] = (),
) -> Asked:
    """What the options ask for; `files` are those of --arm-file, in the catalogue by now.

    Raises:
        UsageError: a word or a file is wrong, or a model has no price.
        EnvironmentProblem: live models are asked for and cannot be reached.
    """
    if not options.arm and len(files) > 1:
        raise UsageError("--arm-file names several arms: say with --arm which of them to run")
    arm = opt.chosen("arm", options.arm or arm_of(files[0]).id, catalogue.arms)
    task = opt.chosen("task", options.task, catalogue.tasks)
    card = opt.chosen("rate card", settings.card, catalogue.cards)
    players = wiring.Players.read(options.models or "live")
    preflight.check_prices(arm, card)
    preflight.check_seats(arm, catalogue.file_of(arm.id))
    if players.kind == "live" and not options.dry_run:
        preflight.check_players(arm, wiring.live_connection(settings))
    trial = options.trial or 0
    turns = options.max_iters or arm.max_turns(task.id)
    name = f"{players.kind}-{arm.id}-{task.id}-{trial}"
    return Asked(settings, catalogue, players, arm, task, card, trial, turns, name)


def spec_of(asked: Asked, trial_id: str, attempt: int, made_of: JsonObject) -> TrialSpec:
    """What is tried, under its id."""
    return TrialSpec(
        trial_id=trial_id,
        run_id=trial_id,
        arm=asked.arm,
        task=asked.task,
        trial=asked.trial,
        attempt=attempt,
        provider_kind=asked.players.kind,
        card=asked.card,
        max_turns=asked.max_turns,
        prompts=asked.catalogue.prompts,
        manifest=made_of,
    )


def claim(settings: Settings, name: str, asked: int | None) -> tuple[Journal, int]:
    """The trial's journal and attempt number: making the file is what claims the id.

    Raises:
        UsageError: the attempt that was asked for exists.
    """
    for attempt in (asked,) if asked else count(1):
        path = settings.journals / f"{name}-{attempt}.jsonl"
        if asked or not path.exists():
            return Journal.create(path), attempt
    raise AssertionError("count() does not end")


def watched(
    console: Console,
    bench: wiring.Bench,
    players: wiring.Players,
    spec: TrialSpec,
    journal: Journal,
    *,
    keep: bool,
) -> TrialEnded:
    """Run the trial with its journal, its transcript, its display and, to `keep` it, its tape."""
    display = TrialDisplay(console, spec.card, spec.max_turns)
    console.print(
        f"[bold]{spec.trial_id}[/]  {escape(spec.arm.title)} · {escape(spec.task.title)}"
        f"{badge(spec.provider_kind)}"
    )

    def record(event: Event) -> None:
        journal.append(event)
        display(event)

    with journal, display.shown():
        return play(bench, players, spec, wiring.alone(spec.arm), record, keep=keep)


def exit_code(ended: TrialEnded) -> int:
    """What a script learns: solved, not solved, out of money, or no fault of the arm's."""
    if ended.status == "infra":
        return EXIT_ENVIRONMENT
    if ended.success:
        return EXIT_OK
    return EXIT_BUDGET if ended.status == "budget" else EXIT_NOT_SOLVED
