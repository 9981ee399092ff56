"""A plan for a person: what each cell and the whole run will take."""

import argparse
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from runner.cli.run_summary import number, shown
from runner.cli.summary import ask
from runner.errors import EXIT_OK
from runner.ledger.database import sync
from runner.matrix.engine import Cell
from runner.matrix.plan import Plan, Seen, plan
from runner.matrix.selection import Parts
from runner.matrix.session import run_limit

SEEN = """
    with priced as (
        select trials.trial_id, arm, task, success, wall_s, coalesce(sum(costs.usd), 0) as usd
        from results as trials
        left join costs on costs.trial_id = trials.trial_id and costs.card = $card
        where provider_kind = $kind and manifest->>'persona' is not distinct from $persona
        group by all
    )
    select arm, task, count(*), count(*) filter (success), avg(usd), avg(wall_s)
    from priced group by arm, task
"""


def show_plan(console: Console, what: Parts, options: argparse.Namespace) -> int:
    """Print what each cell and the whole will take."""
    settings, limit_usd = what.settings, run_limit(options.budget, what.players.kind)
    sync(settings.database, settings.journals, what.catalogue.cards, wait_s=settings.db_wait_s)
    found = plan(
        what.goal,
        what.arms,
        seen_so_far(what),
        jobs=options.jobs,
        local_places=settings.ollama_slots,
        budget_usd=limit_usd,
    )
    sampled = "exactly" if what.goal.fixed else f"until {what.goal.n} are solved, at most"
    console.print(
        f"[bold]{len(found.cells)} cells[/], {sampled} {what.goal.most} attempts in each; USD by "
        f"the card {what.card.id}"
        + ("  [black on yellow] simulated [/]" * bool(what.players.script))
    )
    console.print(cells_table(found))
    show_sums(console, found, options)
    return EXIT_OK


def seen_so_far(what: Parts) -> dict[Cell, Seen]:
    """Results of the same kind and persona on record, by cell."""
    if not what.settings.database.exists():
        return {}
    rows = ask(
        what.settings, SEEN, card=what.card.id, kind=what.players.kind, persona=what.players.script
    )
    return {
        Cell(str(arm), str(task)): Seen(
            int(str(results)), int(str(solved)), number(usd) or 0.0, number(own_s) or 0.0
        )
        for arm, task, results, solved, usd, own_s in rows
    }


def cells_table(found: Plan) -> Table:
    """One line a cell."""
    table = Table(box=None, pad_edge=False)
    for name in ("arm", "task"):
        table.add_column(name)
    for name in ("attempts", "expected", "USD expected", "USD at limit", "hours of trials"):
        table.add_column(name, justify="right")
    for each in found.cells:
        hours = None if each.own_s is None else each.own_s / 3600
        span = str(each.least) if each.least == each.most else f"{each.least}-{each.most}"
        table.add_row(
            each.cell.arm,
            each.cell.task,
            span,
            shown(each.attempts, 1),
            shown(each.usd, 2),
            shown(each.worst_usd, 2),
            shown(hours, 2),
        )
    return table


def show_sums(console: Console, found: Plan, options: argparse.Namespace) -> None:
    """Print the sums in words."""
    unknown = [each for each in found.cells if each.attempts is None]
    if found.usd is not None:
        console.print(f"expected: ${found.usd:.2f}, from the results on record")
    else:
        known = sum(each.usd or 0.0 for each in found.cells)
        console.print(
            f"expected: ${known:.2f} and what {len(unknown)} cells take of which there is no "
            "result yet (-)"
        )
    console.print(f"every result at its arm's limit: ${found.results_usd:.2f}")
    if found.worst_usd is None:
        console.print("at worst: no bound; attempts without a result come on top: set --budget")
    else:
        default = "" if options.budget else "; --budget sets another"
        console.print(f"at worst: ${found.worst_usd:.2f} (the run's budget{default})")
    if found.seconds is not None:
        about = timedelta(seconds=round(found.seconds))
        console.print(f"at best about {about} with {options.jobs} jobs")
