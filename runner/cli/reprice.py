"""Every cell under two rate cards side by side, and in words which rankings change.

example: runner reprice --card list-2026-11 --against paper-2026-06
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import cast, get_args

from rich.console import Console
from rich.table import Table

from analysis.prices import Pair, PricedCell, PricedTrial, price_cells, rank_changes
from analysis.report.rows import Question, unpriced
from runner.cli import options as opt
from runner.cli.kinds import MARKS, badge, marked
from runner.config.rates import RateCard, load_cards
from runner.config.settings import Settings, load_settings
from runner.errors import EXIT_OK, UsageError
from runner.ledger.database import sync
from runner.ledger.duck import query
from runner.types import ProviderKind

KINDS: tuple[str, ...] = get_args(ProviderKind)
PAPER = "paper-2026-06"
MEASURES: Mapping[str, Callable[[PricedCell], Pair]] = {
    "median of solved trials": lambda cell: cell.median_usd,
    "USD per solved task, failures included": lambda cell: cell.usd_per_solved,
}

TRIALS = """
    select trials.provider_kind, task, arm, success,
           trials.trial_id in (select trial_id from results),
           status in ('cap', 'budget', 'timeout'),
           case when bool_and(costs.usd is not null) filter (costs.card = $before) is not false
                then coalesce(sum(costs.usd) filter (costs.card = $before), 0) end,
           case when bool_and(costs.usd is not null) filter (costs.card = $after) is not false
                then coalesce(sum(costs.usd) filter (costs.card = $after), 0) end
    from trials left join costs on costs.trial_id = trials.trial_id
     and costs.card in ($before, $after)
    group by trials.trial_id, trials.provider_kind, task, arm, success, status
    order by trials.provider_kind, task, arm, trials.trial_id
"""

LOST = """
    select count(distinct costs.trial_id), coalesce(sum(lost_usd), 0)
    from costs join trials on trials.trial_id = costs.trial_id
    where card = $after and lost_usd > 0 and list_contains($kinds, provider_kind)
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    opt.add(parser, "card", help="the card to price by; default is RUNNER_CARD's")
    opt.add(parser, "against", help=f"the card to compare with; default {PAPER}", default=PAPER)
    opt.add(parser, "kind", help=f"only these trials: {', '.join(KINDS)}; default is all, apart")


def run(options: argparse.Namespace, console: Console) -> int:
    """Print the cells of each kind of trials, the changes, and what has no price."""
    settings = load_settings()
    cards = load_cards(settings.rates_dir)
    after = opt.chosen("rate card", options.card or settings.card, cards)
    before = opt.chosen("rate card", options.against, cards)
    if before.id == after.id:
        raise UsageError(f"--card and --against are both {after.id}: name two cards")
    if options.kind is not None:
        opt.chosen("kind", options.kind, dict.fromkeys(KINDS))
    sync(settings.database, settings.journals, cards, wait_s=settings.db_wait_s)
    found = priced(settings, before, after) if settings.database.exists() else {}
    kinds = [kind for kind in found if options.kind in (None, kind)]
    if not kinds:
        console.print(f"no {options.kind or ''} trial to price yet".replace("  ", " "))
        return EXIT_OK
    for kind in kinds:
        show_kind(console, kind, price_cells(found[kind]), before, after)
    show_doubts(console, settings, kinds, before, after)
    console.print("ranks are of what was seen; how sure they are is in runner report")
    return EXIT_OK


def priced(
    settings: Settings, before: RateCard, after: RateCard
) -> Mapping[str, Sequence[PricedTrial]]:
    """Every trial with its cost by both cards, by kind."""
    cards = {"before": before.id, "after": after.id}
    rows = query(settings.database, TRIALS, wait_s=settings.db_wait_s, parameters=cards).rows
    found: dict[str, list[PricedTrial]] = {}
    for kind, task, arm, success, result, censored, *usd in rows:
        was, now = (each if isinstance(each, float) else None for each in usd)
        trial = PricedTrial(str(task), str(arm), bool(success), bool(result), Pair(was, now),
                            bool(censored))  # fmt: skip
        found.setdefault(str(kind), []).append(trial)
    return found


def show_kind(
    console: Console, kind: str, cells: Sequence[PricedCell], before: RateCard, after: RateCard
) -> None:
    """One kind's table and what changes in it."""
    console.print(
        f"[bold]{kind.capitalize()} trials[/]{badge(kind)}  USD by {before.id}, then {after.id}"
    )
    console.print(cells_table(kind, cells, before, after))
    mark = f" ({MARKS[kind]})" if kind in MARKS else ""
    for title, measure in MEASURES.items():
        console.print(f"[bold]What changes, by the {title}{mark}[/]")
        for task in sorted({cell.task for cell in cells}):
            amounts = {cell.arm: measure(cell) for cell in cells if cell.task == task}
            said = "; ".join(rank_changes(amounts)) or "one arm only, nothing to rank"
            console.print(f"  on {task} {said}", markup=False)
    console.print()


def cells_table(kind: str, cells: Sequence[PricedCell], before: RateCard, after: RateCard) -> Table:
    """A row a cell: how many solved it, then both measures by both cards."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "arm", "kind"):
        table.add_column(name, overflow="fold")
    table.add_column("solved", justify="right")
    for measure in ("median", "per solved"):
        for name in (f"{measure}\n{before.id}", f"{measure}\n{after.id}", "times"):
            table.add_column(name, justify="right", overflow="fold")
    for cell in cells:
        solved = f"{cell.solved} of {cell.results}"
        pairs = (cell.median_usd, cell.usd_per_solved)
        amounts = [text for pair in pairs for text in pair_cells(pair)]
        table.add_row(cell.task, cell.arm, str(marked(kind)), solved, *amounts)
    return table


def pair_cells(pair: Pair) -> tuple[str, str, str]:
    """Both amounts and how many times one the other is; what is missing says why."""
    ratio = "" if pair.ratio is None else f"{pair.ratio:.2f}"
    before, after = (
        pair.why if each is None else f"{each:.3f}" for each in (pair.before, pair.after)
    )
    return before, after, ratio


def show_doubts(
    console: Console,
    settings: Settings,
    kinds: Sequence[str],
    before: RateCard,
    after: RateCard,
) -> None:
    """What has no price on a card, and what was reckoned by another card than these."""
    wait_s = settings.db_wait_s
    chosen = tuple(cast(ProviderKind, kind) for kind in kinds)
    question = Question(settings.database, chosen, after.id, before.id, wait_s=wait_s)
    for said in unpriced(question):
        console.print(said, markup=False)
    parameters = {"after": after.id, "kinds": list(kinds)}
    ((trials, usd),) = query(settings.database, LOST, wait_s=wait_s, parameters=parameters).rows
    if trials:
        console.print(
            f"lost: calls of {trials} trials may have been billed and are counted at their "
            f"reserve, {usd:.4f} USD by each trial's own card, whatever the card here",
            markup=False,
        )
