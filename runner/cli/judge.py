"""Judge a stored change again, or one that was made by hand; no model is asked.

example: runner judge scripted-C-T3-0-1
         runner judge --change mine.tar --task T1
"""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner import wiring
from runner.catalogue import load_catalogue
from runner.cli import options as opt
from runner.cli.output import forgiving, standard_error
from runner.cli.show import ask, found
from runner.config.rates import load_cards
from runner.config.settings import Settings, load_settings
from runner.errors import (
    EXIT_NOT_SOLVED,
    EXIT_OK,
    EnvironmentProblem,
    SandboxFailure,
    UsageError,
)
from runner.judge.change import MAX_TAR_BYTES, Change, change_sha256, unpacked
from runner.judge.judge import Court, judge
from runner.judge.transfer import admitted, from_folder
from runner.judge.trees import Trees
from runner.judge.verdict import verdict_bytes
from runner.ledger.database import sync
from runner.types import Check, Verdict

NAME = "judged-again"
DETAIL_CHARS = 300

STORED = """
    select task, json_extract_string(detail, '$.change_sha256')
    from trials where trial_id = $trial
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "trial", metavar="TRIAL", nargs="?", help="its id, or as much of it as is unique"
    )
    parser.add_argument(
        "--change",
        type=Path,
        metavar="FILE",
        help="a change of one's own: a tar as the judge receives it, or a folder that is an "
        "edited copy of the repository",
    )
    opt.add(parser, "task", help="the task that --change is for")
    parser.add_argument("--json", action="store_true", help="the verdict as JSON, one line")
    parser.set_defaults(refuse=parser.error)


def run(options: argparse.Namespace, console: Console) -> int:
    """Judge it; exit code 0 when it passes, 1 when it does not, 3 when no verdict can be had."""
    if (options.trial is None) == (options.change is None):
        options.refuse("give either TRIAL, or --change and --task")
    if options.change is not None and options.task is None:
        options.refuse("--change needs --task: a change is judged as work on a task")
    forgiving(console, "the exit code tells the verdict")
    settings = load_settings()
    catalogue = load_catalogue(settings)
    by_hand = options.change
    task_id, given = (options.task, b"") if by_hand else kept(settings, options)
    task = opt.chosen("task", task_id, catalogue.tasks)
    found_there = None if by_hand and by_hand.is_dir() else unpacked(given or read(by_hand))
    # What can be refused is refused before anything is started.
    bench = wiring.prepare(settings, catalogue, task, standard_error().print)
    if found_there is None:
        change = from_folder(by_hand, bench.starting, task)
    else:
        change = admitted(found_there, bench.starting, task)
    try:
        verdict = judge(court(bench, change), change)
    except SandboxFailure as failure:
        raise EnvironmentProblem(f"no verdict can be had: {failure}") from failure
    show(console, verdict, as_json=options.json)
    return EXIT_OK if verdict.success else EXIT_NOT_SOLVED


def kept(settings: Settings, options: argparse.Namespace) -> tuple[str, bytes]:
    """A trial's task and its change as it was stored.

    Raises:
        UsageError: there is no such trial, it kept no change, or the file is not what was kept.
    """
    cards = load_cards(settings.rates_dir)
    sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    trial_id = found(settings, options.trial)
    ((task, wanted),) = ask(settings, STORED, trial_id).rows
    if wanted is None:
        raise UsageError(f"{trial_id}: no change of it is on record; it never came to the judge")
    path = settings.changes / f"{trial_id}.tar"
    data = read(path)
    if (is_now := change_sha256(data)) != wanted:
        raise UsageError(
            f"{path}: is not the change that was judged: its SHA-256 is {is_now}, on record is "
            f"{wanted}"
        )
    if options.task not in (None, task):
        raise UsageError(f"{trial_id} is work on {task}, not on {options.task}: leave out --task")
    return str(task), data


def read(path: Path) -> bytes:
    """A file with a change; raises `UsageError` when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_TAR_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def court(bench: wiring.Bench, change: Change) -> Court:
    """The court in which a trial's change would be judged."""
    return Court(
        task=bench.task,
        trees=Trees(bench.pristine, bench.starting, change.applied_to(bench.starting)),
        expected=wiring.expected_tests(bench.task),
        open_sandbox=lambda: wiring.sandbox(bench, NAME, NAME, "judge"),
        timeout_s=bench.settings.judge_timeout_s,
    )


def show(console: Console, verdict: Verdict, *, as_json: bool) -> None:
    """The verdict: its bytes, or a line a check with the evidence where it did not pass."""
    if as_json:
        console.file.write(verdict_bytes(verdict).decode("ascii") + "\n")
        return
    word, style = ("PASSED", "bold green") if verdict.success else ("NOT PASSED", "bold red")
    console.print(Text(word, style=style))
    if console.is_terminal:
        console.print(as_table(verdict))
        return
    for check in verdict.checks:
        line = f"{check.name:<20}  {'yes' if check.passed else 'no '}  {evidence(check)}"
        console.file.write(line.rstrip() + "\n")


def as_table(verdict: Verdict) -> Table:
    """The checks for a person's eyes."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("check", "passed", "evidence"):
        table.add_column(column, overflow="fold")
    for check in verdict.checks:
        style = "green" if check.passed else "red"
        answer = Text("yes" if check.passed else "no", style=style)
        table.add_row(check.name, answer, Text(evidence(check), style="dim"))
    return table


def evidence(check: Check) -> str:
    """Why it did not pass, in ASCII: what the agent named may hold a terminal's own codes."""
    said = "" if check.passed else json.dumps(check.detail, sort_keys=True)
    return said if len(said) <= DETAIL_CHARS else f"{said[:DETAIL_CHARS]} ..."
