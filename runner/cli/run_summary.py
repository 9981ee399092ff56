"""A run for a person: one line a cell, what it cost, and where its record lies."""

from rich.console import Console
from rich.table import Table

from runner.cli.summary import ask
from runner.config.settings import Settings
from runner.matrix.schedule import Goal

RUN_CELLS = """
    with priced as (
        select trials.*, coalesce(sum(costs.usd), 0) as usd, results.trial_id as result
        from trials left join results using (trial_id)
        left join costs on costs.trial_id = trials.trial_id and costs.card = $card
        where trials.run_id = $run group by all
    )
    select arm, task, count(*) filter (success) as solved,
           count(result) as results,
           count(*) as attempts, median(usd) filter (success), sum(usd),
           sum(usd) / nullif(count(*) filter (success), 0),
           median(wall_s) filter (success), median(iterations) filter (success)
    from priced group by arm, task order by task, arm
"""


def show_run(
    console: Console, settings: Settings, run_id: str, goal: Goal, *, simulated: bool
) -> None:
    """Print the run's cells and their sum."""
    mark = "  [black on yellow] simulated [/]" if simulated else ""
    console.print(f"\n[bold]Run {run_id}[/]  USD by the card {settings.card}{mark}")
    table = Table(box=None, pad_edge=False)
    for name in ("arm", "task"):
        table.add_column(name)
    for name in (
        "solved", "results", "attempts", "median USD", "USD", "USD per solved", "median s", "turns",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    total = 0.0
    for arm, task, solved, results, attempts, *amounts in ask(
        settings, RUN_CELLS, card=settings.card, run=run_id
    ):
        median, spent, per_solved, seconds, turns = map(number, amounts)
        total += spent or 0.0
        enough = "green" if goal.fixed or int(str(solved)) >= goal.n else "yellow"
        table.add_row(
            str(arm),
            str(task),
            f"[{enough}]{solved}[/]",
            str(results),
            str(attempts),
            *(shown(each, 4) for each in (median, spent, per_solved)),
            shown(seconds, 1),
            shown(turns, 1),
        )
    table.add_row("all", *[""] * 5, f"{total:.4f}", style="bold")
    console.print(table)


def number(value: object) -> float | None:
    """A number of a row, None for NULL."""
    return float(value) if isinstance(value, int | float) else None


def shown(value: float | None, digits: int) -> str:
    """A number with so many digits, a dash for none."""
    return "-" if value is None else f"{value:.{digits}f}"
