"""The tables of a run's board: cells with their money, trials in flight, trials that ended."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from runner.agent.loop import DELEGATE
from runner.agent.text import first_line
from runner.cli import board_lines as words
from runner.cli.display import COLOURS
from runner.cli.summary import COLOURS as STATUS_COLOURS
from runner.matrix.board_view import BoardView, CellView, EndedView, FlightView, Money

WIDE = 110  # columns
SHORT_TOOLS = {"str_replace_editor": "edit", DELEGATE: "delegate"}  # where it is narrow


def cells_table(view: BoardView, width: int) -> Iterator[RenderableType]:
    """Arms as rows, tasks as columns, each arm's money; the run's below."""
    if not view.goal:
        return
    by_cell = {each.cell: each for each in view.cells}
    fine = max(view.money.spent, view.money.reserved) < 10
    grid: list[tuple[str, list[Text], Money]] = []
    for arm, money in view.arms:
        of_arm = [each for cell, each in by_cell.items() if cell.arm == arm]
        grid.append((arm, [_cell(each, view) for each in of_arm], money))
    tasks = {arm: [c.task for c in by_cell if c.arm == arm] for arm, _ in view.arms}
    full = all(tasks[arm] == list(view.tasks) for arm in tasks)
    widest = max((cell_len(text.plain) for _, texts, _ in grid for text in texts), default=0)
    as_columns = full and len(view.tasks) * (widest + 2) + 36 <= width
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("arm", no_wrap=True, max_width=16)
    for name in view.tasks if as_columns else ("solved/results",):
        table.add_column(Text(f"  {first_line(name)}"), no_wrap=as_columns)
    for name in ("spent", "reserved", "limit"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm, texts, money in grid:
        named = [Text(f"{task} ").append_text(t) for task, t in zip(tasks[arm], texts, strict=True)]
        middle = texts if as_columns else [Text("   ").join(named)]
        table.add_row(Text(first_line(arm)), *middle, *_money(money, fine))
    blank = [Text()] * (len(view.tasks) if as_columns else 1)
    table.add_row("run", *blank, *_money(view.money, fine), style="bold")
    yield table
    key = "solved/results · ✓ done · ✗ no attempts left · ▸ in flight · + without a result"
    yield Text(key, style="dim", no_wrap=True, overflow="ellipsis")


def _cell(each: CellView, view: BoardView) -> Text:
    """`✓ 2/3 ▸1 +1`: done, solved of results, in flight, attempts that are no result."""
    enough = view.goal is not None and (view.goal.fixed or each.successes >= view.goal.n)
    mark, style = ("✓ ", "green") if enough else ("✗ ", "red")
    text = Text()
    text.append(mark if each.done else "  ", style=style)
    text.append(f"{each.successes}/{each.results}", style=style if each.done else "")
    if each.in_flight:
        text.append(f" ▸{each.in_flight}", style="cyan")
    if each.infra:
        text.append(f" +{each.infra}", style="magenta")
    return text


def _money(money: Money, fine: bool) -> tuple[Text, Text, Text]:
    full = money.limit is not None and money.spent + money.reserved > 0.9 * money.limit
    return (
        Text(words.usd(money.spent, fine), style="yellow" if full else ""),
        Text(words.usd(money.reserved, fine), style="dim"),
        Text("none" if money.limit is None else words.usd(money.limit, fine=False)),
    )


def flights_table(flights: Sequence[FlightView], rows: int, width: int) -> Iterator[RenderableType]:
    """The oldest trials in flight, and how many more there are.

    Widths do not follow what changes from one moment to the next: columns would jump.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True, padding=(0, 1, 0, 0))
    table.add_column("trial", no_wrap=True, min_width=10, max_width=20)
    table.add_column("turn", no_wrap=True, justify="right", min_width=6)
    table.add_column("now", no_wrap=True, width=28 if width < WIDE else 36)
    table.add_column("last action", no_wrap=True, ratio=1)
    table.add_column("time", no_wrap=True, justify="right", min_width=5)
    table.add_column("USD", no_wrap=True, justify="right", min_width=7)
    for flight in flights[:rows]:
        turn = f"{flight.turn}/{flight.cap or '?'}" if flight.turn else ""
        table.add_row(
            Text(first_line(words.label(flight.attempt))),
            turn,
            _now(flight),
            _last(flight, width < WIDE),
            words.span(flight.elapsed_s),
            words.usd(flight.usd),
        )
    yield table
    if len(flights) > rows:
        yield Text(f"+ {len(flights) - rows} more", style="dim")


def _now(flight: FlightView) -> Text:
    text = words.now_words(flight)
    if flight.asked and not flight.waits_for:
        text.stylize(COLOURS[flight.asked.role])
    if flight.since_s >= words.LONG_ENOUGH_S:
        text.append(f" {words.span(flight.since_s)}", style="dim")
    return text


def _last(flight: FlightView, narrow: bool) -> Text:
    if (used := flight.last) is None:
        return Text()
    bad = used.is_error or used.timed_out or used.exit_code
    tool = SHORT_TOOLS.get(used.tool, used.tool) if narrow else used.tool
    text = Text()
    text.append(first_line(tool), style="yellow" if bad else "green")
    return text.append(f" {first_line(used.summary)}")


def ended_table(ended: Sequence[EndedView]) -> Table:
    """The last trials that ended, newest first."""
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True, padding=(0, 1, 0, 0))
    table.add_column("ended", no_wrap=True, max_width=20)
    table.add_column("status", no_wrap=True)
    table.add_column("turns", no_wrap=True, justify="right")
    table.add_column("why", no_wrap=True, ratio=1)
    table.add_column("time", no_wrap=True, justify="right")
    table.add_column("USD", no_wrap=True, justify="right")
    for each in ended:
        table.add_row(
            Text(first_line(words.label(each.attempt))),
            Text(each.status, style=STATUS_COLOURS.get(each.status, "yellow")),
            str(each.turns),
            Text(first_line(each.reason), style="dim"),
            words.span(each.own_s),
            words.usd(each.usd),
        )
    return table
