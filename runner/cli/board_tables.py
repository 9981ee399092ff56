"""The tables of a run's board: cells with their money, trials in flight, trials that ended."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from runner.agent.text import first_line
from runner.cli import board_lines as words
from runner.cli.columns import Column, lined
from runner.cli.display import COLOURS
from runner.cli.summary import COLOURS as STATUS_COLOURS
from runner.matrix.board_view import BoardView, CellView, EndedView, FlightView, Money
from runner.types import DELEGATE

WIDE = 110  # columns
LABEL_CHARS = 20
CELL_CHARS = 11
MONEY_CHARS = 36  # with the arm's name
ENDS = (Column("time", least=5, right=True), Column("USD", least=7, right=True))
SHORT_TOOLS = {"str_replace_editor": "edit", DELEGATE: "delegate"}  # where it is narrow


def cells_table(view: BoardView, width: int) -> Iterator[Text]:
    """Arms as rows, tasks as columns, each arm's money; the run's below."""
    if not view.goal:
        return
    fine = max(view.money.spent, view.money.reserved) < 10
    by_arm = [[each for each in view.cells if each.cell.arm == arm] for arm, _ in view.arms]
    titled = all([each.cell.task for each in cells] == list(view.tasks) for cells in by_arm)
    shown = [[_cell(each, view) for each in cells] for cells in by_arm]
    widest = max((text.cell_len for texts in shown for text in texts), default=0)
    room = width - MONEY_CHARS
    if not titled or len(view.tasks) * (max(CELL_CHARS, widest, *map(len, view.tasks)) + 2) > room:
        titled = False
        shown = [[_named(each, view) for each in cells] for cells in by_arm]
        widest = max((text.cell_len for texts in shown for text in texts), default=0)
    across = max(len(view.tasks) if titled else min(len(view.tasks), room // (widest + 2)), 1)
    names = view.tasks if titled else ("solved/results", *[""] * (across - 1))
    columns = (
        Column("arm", most=LABEL_CHARS),
        *(Column(f"  {first_line(name)}", least=CELL_CHARS) for name in names),
        *(Column(name, least=8, right=True) for name in ("spent", "reserved", "limit")),
    )
    rows: list[list[Text]] = []
    for (arm, money), texts in zip(view.arms, shown, strict=True):
        for start in range(0, len(texts), across):
            part = texts[start : start + across]
            head = Text(first_line(arm) if start == 0 else "")
            sums = _money(money, fine) if start == 0 else [Text()] * 3
            rows.append([head, *part, *[Text()] * (across - len(part)), *sums])
    total = [Text("run"), *[Text()] * across, *_money(view.money, fine)]
    for text in total:
        text.stylize("bold")
    yield lined(columns, [*rows, total], width, gap=2)
    key = "solved/results · ✓ done · ✗ no attempts left · ▸ in flight · + without a result"
    yield Text(key, style="dim", no_wrap=True, overflow="ellipsis")


def _named(each: CellView, view: BoardView) -> Text:
    return Text(f"{first_line(each.cell.task)} ").append_text(_cell(each, view))


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


def flights_table(flights: Sequence[FlightView], rows: int, width: int) -> Iterator[Text]:
    """The oldest trials in flight, and how many more there are."""
    narrow = width < WIDE
    now = 28 if narrow else 36
    columns = (
        Column("trial", least=10, most=LABEL_CHARS),
        Column("turn", least=6, right=True),
        Column("now", least=now, most=now),
        Column("last action", rest=True),
        *ENDS,
    )
    table = [
        (
            Text(first_line(words.label(flight.attempt))),
            Text(f"{flight.turn}/{flight.cap or '?'}" if flight.turn else ""),
            _now(flight),
            _last(flight, narrow),
            Text(words.span(flight.elapsed_s)),
            Text(words.usd(flight.usd)),
        )
        for flight in flights[:rows]
    ]
    yield lined(columns, table, width)
    if len(flights) > rows:
        yield Text(f"+ {len(flights) - rows} more", style="dim")


def ended_table(ended: Sequence[EndedView], width: int) -> Text:
    """The last trials that ended, newest first."""
    columns = (
        Column("ended", least=10, most=LABEL_CHARS),
        Column("turns", least=6, right=True),
        Column("status", least=8),
        Column("why", rest=True),
        *ENDS,
    )
    table = [
        (
            Text(first_line(words.label(each.attempt))),
            Text(str(each.turns)),
            Text(each.status, style=STATUS_COLOURS.get(each.status, "yellow")),
            Text(first_line(each.reason), style="dim"),
            Text(words.span(each.own_s)),
            Text(words.usd(each.usd)),
        )
        for each in ended
    ]
    return lined(columns, table, width)


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
