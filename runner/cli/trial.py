"""Run one trial of an arm on a task.

example: runner trial --arm C --task T3 --models scripted
"""

import argparse
from itertools import count

from rich.console import Console

from runner import preflight, wiring
from runner.catalogue import load_catalogue
from runner.cli import options as opt
from runner.cli.display import TrialDisplay
from runner.cli.dry_run import dry_run
from runner.cli.summary import show_summary
from runner.config.arms import Arm
from runner.config.settings import Settings, load_settings
from runner.errors import (
    EXIT_BUDGET,
    EXIT_ENVIRONMENT,
    EXIT_NOT_SOLVED,
    EXIT_OK,
    EnvironmentProblem,
)
from runner.events import Event, TrialEnded
from runner.ledger.database import sync
from runner.ledger.journal import Journal
from runner.ledger.transcript import TranscriptWriter
from runner.manifest import manifest
from runner.trial.run import run_trial
from runner.trial.spec import TrialSpec


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    opt.add(parser, "arm", help="the arm's id", required=True)
    opt.add(parser, "task", help="the task's id", required=True)
    opt.add(parser, "trial", help="the trial's number", read=opt.whole(0), default=0)
    opt.add(parser, "attempt", help="its attempt; default: the next free", read=opt.whole(1))
    opt.add(
        parser,
        "models",
        help="live, or scripted[:oracle|nop|blunder] (free, offline, simulated)",
        default="live",
    )
    opt.add(parser, "max-iters", help="cap of the lead's turns", read=opt.whole(1))
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="prepare, run the harness, show the plan, stop; needs no key and asks no model",
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Run it, with live progress, and show what it came to."""
    settings = load_settings()
    catalogue = load_catalogue(settings)
    arm = opt.chosen("arm", options.arm, catalogue.arms)
    task = opt.chosen("task", options.task, catalogue.tasks)
    card = opt.chosen("rate card", settings.card, catalogue.cards)
    players = wiring.Players.read(options.models)
    preflight.check_prices(arm, card)
    preflight.check_seats(arm)
    if players.kind == "live" and not options.dry_run:
        preflight.check_players(arm, wiring.live_connection(settings))
    bench = wiring.prepare(settings, catalogue, task, console.print)
    turns = options.max_iters or arm.max_turns(task.id)
    if options.dry_run:
        return dry_run(console, bench, arm, card, turns)
    preflight.check_results(settings)
    sync(settings.database, settings.journals, catalogue.cards, wait_s=settings.db_wait_s)
    made_of = manifest(bench, arm, card, players, turns)
    journal, attempt = claim(settings, players.kind, arm, task.id, options)
    trial_id = journal.path.stem
    spec = TrialSpec(
        trial_id=trial_id,
        run_id=trial_id,
        arm=arm,
        task=task,
        trial=options.trial,
        attempt=attempt,
        provider_kind=players.kind,
        card=card,
        max_turns=turns,
        prompts=catalogue.prompts,
        manifest=made_of,
    )
    ended = watched(console, bench, players, spec, journal)
    try:
        sync(settings.database, settings.journals, catalogue.cards, wait_s=settings.db_wait_s)
    except EnvironmentProblem as problem:
        console.print(f"[yellow]{problem}[/]\nThe trial is safe in {journal.path}.")
    else:
        show_summary(console, settings, trial_id)
    return exit_code(ended)


def claim(
    settings: Settings, kind: str, arm: Arm, task: str, options: argparse.Namespace
) -> tuple[Journal, int]:
    """The trial's journal and attempt number: making the file is what claims the id.

    Raises:
        UsageError: the attempt that was asked for exists.
    """
    name = f"{kind}-{arm.id}-{task}-{options.trial}"
    for attempt in (options.attempt,) if options.attempt else count(1):
        path = settings.journals / f"{name}-{attempt}.jsonl"
        if options.attempt or not path.exists():
            return Journal.create(path), attempt
    raise AssertionError("count() does not end")


def watched(
    console: Console,
    bench: wiring.Bench,
    players: wiring.Players,
    spec: TrialSpec,
    journal: Journal,
) -> TrialEnded:
    """Run the trial with its journal, its transcript and its display."""
    settings = bench.settings
    display = TrialDisplay(console, spec.card, spec.max_turns)
    key = settings.anthropic_api_key
    secrets = [key.get_secret_value()] if key else []
    simulated = " · [yellow]simulated[/]" if spec.provider_kind == "scripted" else ""
    console.print(
        f"[bold]{spec.trial_id}[/]  {spec.arm.title} · {spec.task.title}{simulated}",
    )

    def record(event: Event) -> None:
        journal.append(event)
        display(event)

    transcript = TranscriptWriter(settings.transcripts / f"{spec.trial_id}.jsonl", secrets)
    with (
        journal,
        transcript,
        display.shown(),
        wiring.open_players(players, bench, spec.trial_id) as open_model,
    ):
        world = wiring.build_world(
            bench, spec.run_id, spec.trial_id, open_model, wiring.alone(spec.arm)
        )
        return run_trial(spec, world, record, transcript.write)


def exit_code(ended: TrialEnded) -> int:
    """What a script learns: solved, not solved, out of money, or no fault of the arm's."""
    if ended.status == "infra":
        return EXIT_ENVIRONMENT
    if ended.success:
        return EXIT_OK
    return EXIT_BUDGET if ended.status == "budget" else EXIT_NOT_SOLVED
