"""`runner trial --replay`: what a trial shall be, taken from a recording, and what came of it."""

import argparse
from dataclasses import dataclass, replace

from rich.console import Console
from rich.markup import escape

from runner import wiring
from runner.catalogue import Catalogue
from runner.cli import options as opt
from runner.config.arms import Arm
from runner.config.rates import RateCard
from runner.config.settings import Settings
from runner.config.tasks import Task
from runner.errors import UsageError
from runner.events import TrialEnded
from runner.recording.folder import About, Recording, check_task, find_recording, read_recording
from runner.recording.replay import DIFFERS, Replay

# What the recording decides.
DECIDED = ("arm", "arm_file", "task", "trial", "models", "max_iters", "record")


@dataclass(frozen=True)
class Asked:
    """What a trial shall be: chosen by options, or taken from a recording.

    `name` is its id without the number of the attempt.
    """

    settings: Settings
    catalogue: Catalogue
    players: wiring.Players
    arm: Arm
    task: Task
    card: RateCard
    trial: int
    max_turns: int
    name: str
    recording: Recording | None = None


def from_recording(
    options: argparse.Namespace, settings: Settings, catalogue: Catalogue, console: Console
) -> Asked:
    """The recorded trial, to be run again.

    Raises:
        UsageError: there is no such recording, or an option says what the recording decides.
        EnvironmentProblem: the recording is damaged, or the task's files are not the recorded.
    """
    values = {name: getattr(options, name) for name in DECIDED}
    if given := [
        name for name, value in values.items() if value is not None and value is not False
    ]:
        said = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(
            f"--replay takes all of the trial from the recording: leave out {said} (and the "
            "environment variable of that name)"
        )
    recording = read_recording(find_recording(settings.recordings, options.replay))
    about = recording.about
    task = opt.chosen("task", about.task, catalogue.tasks)
    check_task(about, task)
    warn(console, recording, catalogue)
    return Asked(
        as_recorded(settings, about, catalogue),
        replace(catalogue, prompts=about.prompts),
        wiring.Players("replayed", replay=Replay(recording.exchanges)),
        about.arm,
        task,
        about.card,
        about.trial,
        about.max_turns,
        f"replayed-{about.trial_id}",
        recording,
    )


def as_recorded(settings: Settings, about: About, catalogue: Catalogue) -> Settings:
    """The settings of this machine with those of the recorded trial that a model is told of."""
    card = about.card.id if about.card.id in catalogue.cards else settings.card
    return settings.model_copy(
        update={
            "bash_timeout_s": about.bash_timeout_s,
            "bash_timeout_max_s": about.bash_timeout_max_s,
            "card": card,
        }
    )


def warn(console: Console, recording: Recording, catalogue: Catalogue) -> None:
    """Say what the person should know before it runs."""
    about, exchanges = recording.about, recording.exchanges
    if exchanges.torn:
        console.print("[yellow]the recording's last line is not whole and was left out[/]")
    if exchanges.ending is None:
        console.print(
            f"[yellow]the recorded trial never ended: {exchanges.calls} calls can be replayed[/]"
        )
    here = catalogue.cards.get(about.card.id)
    if here is None or any(here.rates.get(m) != about.card.rates.get(m) for m in about.arm.models):
        console.print(
            f"[yellow]rate card {escape(about.card.id)} is not here as it was recorded: caps of "
            "money are reckoned by the recorded one, the tables by yours[/]"
        )


def show_outcome(console: Console, asked: Asked, ended: TrialEnded) -> None:
    """How the replay compares with what it replays."""
    recording, played = asked.recording, asked.players.replay
    if recording is None or played is None:
        return
    console.print(
        f"\n[bold]Replay[/] of {recording.about.trial_id}: {played.exact + played.alike} of "
        f"{recording.exchanges.calls} requests as recorded, {played.exact} of them byte for byte; "
        "nothing was spent"
    )
    before = recording.exchanges.ending
    if ended.detail.get("kind") == DIFFERS:
        console.print("[red]It is not the recorded trial any more[/]; see the difference above")
    elif before and (before.status, before.success) != (ended.status, ended.success):
        console.print(
            f"[yellow]The recorded trial ended as {before.status} "
            f"(success {'yes' if before.success else 'no'}), this one as {ended.status}[/]"
        )
    elif before:
        console.print(f"It ended as the recorded trial did: {before.status}")
