"""Runs that are paused or were broken off, each with the command that goes on with it."""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from runner.agent.text import first_line

OPEN = """
    select run_id, state, reason, lock::varchar, session::varchar,
        n, fixed, seed, jobs, budget_usd, arm_budget_usd
    from runs where state in ('paused', 'broken off') order by started_at, run_id
"""
SESSION = ("n", "fixed", "seed", "jobs", "budget", "arm-budget")  # options, in the query's order
# Options by their name in a session's beginning, which older runs do not have.
ALSO = {
    "trial_budget_usd": "trial-budget",
    "call_budget_usd": "call-budget",
    "cluster": "cluster",
    "arm_files": "arm-file",
}
# How the limits of a run and of an arm say that they are reached; rates have limits too.
OF_MONEY = re.compile(r"the (run|arm)'s limit of \$|the limit of arm .* is reached")


def show_open_runs(console: Console, rows: Sequence[tuple[object, ...]]) -> None:
    """Print those that `OPEN` found; nothing when there are none."""
    if not rows:
        return
    console.print("\n[bold]Runs to go on with[/]")
    me = "runner" if shutil.which("runner") else sys.argv[0]
    for run_id, state, reason, lock, began, *session in rows:
        console.print(Text(f"{state}: {first_line(str(run_id))}", style="yellow"), end="")
        said = first_line(str(reason or "its process died before it was done"), 300)
        console.print(Text(f"  {said}"), soft_wrap=True)
        given = dict(zip(SESSION, session, strict=True)) | also_given(object_of(began))
        command = [*command_words(str(run_id), object_of(lock), given)]
        console.print(Text(f"  {shlex.join([me, *command])}"), soft_wrap=True)
        if OF_MONEY.search(said):
            console.print(Text("  give it a higher limit of money first", style="dim"))


def command_words(
    run_id: str, lock: Mapping[str, object], session: Mapping[str, object]
) -> Iterator[str]:
    """The words after `runner`: what its lock stands for, as far as its last session went."""
    yield from ("matrix", "--run", run_id)
    for name in ("models", "arms", "tasks"):
        if given := lock.get(name):
            yield from (f"--{name}", given if isinstance(given, str) else ",".join(named(given)))
    if turns := max_iters(lock):
        yield from ("--max-iters", str(turns))
    for name, value in session.items():
        if value is True:
            yield f"--{name}"
        elif isinstance(value, list):
            for each in value:
                yield from (f"--{name}", str(each))
        elif value is not None and value is not False:
            yield "-n" if name == "n" else f"--{name}"
            yield f"{value:g}" if isinstance(value, float) else str(value)


def max_iters(lock: Mapping[str, object]) -> int | None:
    """The cap of turns that was given in place of the arms' own; None when it was not."""
    given, arms = lock.get("max_turns"), lock.get("arms")
    if not isinstance(given, dict) or not isinstance(arms, dict):
        return None
    for cell, turns in given.items():
        arm, _, task = str(cell).partition("/")
        own = arms.get(arm, {}).get("turns", {})
        if turns != own.get(task, own.get("default")):
            return int(turns)
    return None


def named(given: object) -> list[str]:
    """The names in a part of a lock."""
    return [str(each) for each in given] if isinstance(given, dict | list) else []


def also_given(began: Mapping[str, object]) -> dict[str, object]:
    """Options of a session's beginning for which the table has no column."""
    return {option: began.get(name) for name, option in ALSO.items()}


def object_of(text: object) -> Mapping[str, object]:
    """A JSON object as read from its text; empty where there is none."""
    found = json.loads(str(text)) if text else {}
    return found if isinstance(found, dict) else {}
