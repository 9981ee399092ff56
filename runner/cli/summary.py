"""A trial that has ended, for a person: what the judge said, who used what, how long, where."""

import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.cli.kinds import MARKS
from runner.config.settings import Settings
from runner.errors import UsageError
from runner.ledger.duck import query

COLOURS = {"solved": "green", "failed": "red", "infra": "magenta"}

USAGE = """
    select calls.role, calls.model, count(*) as calls,
           sum(input_tokens), sum(cache_write_5m_tokens + cache_write_1h_tokens),
           sum(cache_read_tokens), sum(output_tokens),
           any_value(costs.usd)
    from calls left join costs
      on costs.trial_id = calls.trial_id and costs.role = calls.role
     and costs.model = calls.model and costs.card = $card
    where calls.trial_id = $trial
    group by calls.role, calls.model order by calls.role desc
"""

TRIAL = """
    select arm, task, provider_kind, status, success, harness_green, iterations, reason,
           wall_s, model_s, tool_s, judge_s, wait_s
    from trials where trial_id = $trial
"""


TRIAL_COLUMNS = (
    "arm", "task", "provider_kind", "status", "success", "harness_green", "iterations", "reason",
    "wall_s", "model_s", "tool_s", "judge_s", "wait_s",
)  # fmt: skip


def show_summary(console: Console, settings: Settings, trial_id: str) -> None:
    """Print what a trial came to, where its record lies and what to try next."""
    rows = ask(settings, TRIAL, trial=trial_id)
    if not rows:
        raise UsageError(f"there is no trial '{trial_id}'; `runner status` lists them")
    row = dict(zip(TRIAL_COLUMNS, rows[0], strict=True))
    mark = MARKS.get(str(row["provider_kind"]))
    status = str(row["status"])
    console.print()
    console.print(
        f"[bold {COLOURS.get(status, 'yellow')}]{status.upper()}[/]  "
        f"success {yes(row['success'])} · harness green {yes(row['harness_green'])} · "
        f"{row['iterations']} turns of the lead"
        + (f"  [black on yellow] {mark} [/]" if mark else "")
    )
    console.print(str(row["reason"]), markup=False, style="dim")
    console.print("\n[bold]The judge's checks[/]")
    console.print(checks_table(settings, trial_id))
    note = f" [yellow]({mark})[/]" if mark else ""
    console.print(f"\n[bold]Tokens and USD by the card {settings.card}[/]{note}")
    console.print(usage_table(settings, trial_id))
    console.print("\n[bold]Seconds[/]")
    console.print(time_table(row))
    show_places(console, settings, trial_id, str(row["arm"]), str(row["task"]))


def ask(settings: Settings, sql: str, **values: object) -> list[tuple[object, ...]]:
    """Rows of a query with named parameters."""
    rows = query(settings.database, sql, wait_s=settings.db_wait_s, parameters=values).rows
    return [tuple(row) for row in rows]


def checks_table(settings: Settings, trial_id: str) -> Table:
    """What the judge asked, and the answers."""
    table = Table(box=None, pad_edge=False)
    table.add_column("check")
    table.add_column("passed")
    for name, passed in ask(
        settings, "select name, passed from checks where trial_id = $trial", trial=trial_id
    ):
        table.add_row(str(name), yes(passed))
    return table


def usage_table(settings: Settings, trial_id: str) -> Table:
    """Tokens by class and USD, a row for each role."""
    table = Table(box=None, pad_edge=False)
    table.add_column("role")
    table.add_column("model")
    for name in ("calls", "input", "cache write", "cache read", "output", "USD"):
        table.add_column(name, justify="right")
    total = 0.0
    for role, model, *counts, usd in ask(settings, USAGE, card=settings.card, trial=trial_id):
        cost = float(usd) if isinstance(usd, int | float) else 0.0
        total += cost
        numbers = [f"{count or 0:,}" for count in counts]
        table.add_row(str(role), str(model), *numbers, f"{cost:.4f}")
    table.add_row("all", *[""] * 6, f"{total:.4f}", style="bold")
    return table


def time_table(row: dict[str, object]) -> Table:
    """Where the seconds went; waits are no part of the trial's own `wall`."""
    table = Table(box=None, pad_edge=False)
    for name in ("wall", "model", "tool", "judge", "other", "wait"):
        table.add_column(name, justify="right")
    wall, *parts, wait = (
        float(value) if isinstance(value := row[name], int | float) else None
        for name in ("wall_s", "model_s", "tool_s", "judge_s", "wait_s")
    )
    known = [part for part in (wall, *parts) if part is not None]
    other = None if len(known) < 4 else known[0] - sum(known[1:])
    shown = ("-" if each is None else f"{each:.1f}" for each in (wall, *parts, other, wait))
    table.add_row(*shown)
    return table


def show_places(console: Console, settings: Settings, trial_id: str, arm: str, task: str) -> None:
    """Where the record lies, and three commands worth trying."""
    console.print("\n[bold]On record[/]")
    places: dict[str, Path] = {
        "journal": settings.journals / f"{trial_id}.jsonl",
        "transcript": settings.transcripts / f"{trial_id}.jsonl",
        "change": settings.changes / f"{trial_id}.tar",
        "database": settings.database,
    }
    for name, path in places.items():
        if not path.exists():  # a trial that broke off early has no change
            continue
        console.print(f"  {name:<11}{path}", markup=False)
    console.print("\n[bold]Next[/]")
    me = "runner" if shutil.which("runner") else sys.argv[0]
    for command in (
        f"{me} show {trial_id}",
        f'{me} sql "select arm, task, attempts, success_rate, usd_per_success from cells"',
        f"make trial ARM={'D' if arm != 'D' else 'A'} TASK={task} MODELS=scripted",
    ):
        console.print(f"  {command}", markup=False)


def yes(value: object) -> str:
    """Yes or no, in colour."""
    return "[green]yes[/]" if value else "[red]no[/]"
