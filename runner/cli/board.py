"""A run on a terminal: cells, money, trials in flight; as plain log lines when piped."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from runner.agent.text import first_line
from runner.cli import board_lines as words
from runner.cli.board_tables import cells_table, ended_table, flights_table
from runner.events import Event
from runner.matrix.board import Board
from runner.matrix.board_view import BoardView
from runner.types import ProviderKind

REFRESH_PER_S = 4
PROGRESS_S = 30.0  # at most so often a piped log says how the run stands
BANNERS: Mapping[ProviderKind, str] = {
    "scripted": "SIMULATED: scripted models play, tokens and USD are made up",
    "replayed": "REPLAYED: answers on record are played back, no money is spent",
}
PRINTED_FLIGHTS = 12  # rows where there is no height to keep to


class MatrixDisplay:
    """Shows a run as its events come, from any thread: call it with each event."""

    def __init__(
        self, console: Console, board: Board, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._board, self._clock = console, board, clock
        self._living = console.is_terminal and not console.is_dumb_terminal
        self._lock = threading.RLock()
        self._said = clock()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the board on the terminal while the run goes on; nothing of the sort when piped."""
        if not self._living:
            yield
            return
        with Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=REFRESH_PER_S,
            vertical_overflow="crop",
        ):
            yield

    def __call__(self, event: Event) -> None:
        """Take in one event and show what it changes."""
        if self._living:
            self._board(event)
            return
        with self._lock:
            self._board(event)
            for line in words.log_lines(event, self._board):
                self._log(line)
            if self._clock() - self._said >= PROGRESS_S:
                self._said = self._clock()
                self._log(words.progress_words(self._board.view(), local_now()))

    def stopping(self, reason: str) -> None:
        """Say that the run was asked to stop and finishes the calls in flight."""
        self._board.stopping(reason)
        if not self._living:
            self._log(words.state_words(self._board.view()).plain)

    def _drawn(self) -> RenderableType:
        # An empty last line takes the terminal's echo of Ctrl-C, which would break a full one.
        height = self._console.size.height - 2
        return Group(draw(self._console, self._board.view(), local_now(), height), Text())

    def _log(self, line: str) -> None:
        mark = f"{mark}  " if (mark := words.MARKS.get(self._board.kind, "")) else ""
        self._console.print(
            Text(f"{local_now():%H:%M:%S}  {mark}{line}"), soft_wrap=True, highlight=False
        )


def local_now() -> datetime:
    """The reader's time of day."""
    return datetime.now().astimezone()


def draw(
    console: Console, view: BoardView, now: datetime, height: int | None = None
) -> RenderableType:
    """The whole board in the console's width and at most `height` lines."""
    top = Text("\n", no_wrap=True, overflow="ellipsis").join(
        (*_head(view), *cells_table(view, console.width), *_foot(view, now))
    )
    if height is None:
        rows, past = PRINTED_FLIGHTS, len(view.ended)
    else:
        left = height - top.plain.count("\n") - 1
        past = min(len(view.ended), max(1, (left - 5) // 4))
        rows = max(1, left - past - 5)  # two headings, two empty lines, one for those left out
    parts: list[RenderableType] = [top]
    if view.in_flight:
        parts += [Text(), *flights_table(view.in_flight, rows, console.width)]
    if view.ended[:past]:
        parts += [Text(), ended_table(view.ended[:past], console.width)]
    return Group(*parts)


def _line(*parts: str | Text) -> Text:
    """One line that is cut at the right, never wrapped."""
    line = Text(" · ").join(Text(p) if isinstance(p, str) else p for p in parts if p)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _head(view: BoardView) -> Iterator[Text]:
    if mark := BANNERS.get(view.kind):
        yield Text(f" {mark} ", style="bold black on yellow")
    session = f"session {view.session}" if view.session > 1 else ""
    jobs = f"{view.jobs} job{'s' * (view.jobs != 1)}" if view.jobs else ""
    took = words.span(view.elapsed_s) if view.session else ""
    name = Text(f"run {first_line(view.run_id)}", style="bold")
    state = words.state_words(view)
    running = view.state == "running"
    yield _line(name, session, jobs, took, state if running else "")
    if not running:  # with its reason, which deserves a line of its own
        yield _line(state)
    if view.goal:
        done = sum(each.done for each in view.cells)
        yield _line(words.goal_words(view), f"{done}/{len(view.cells)} cells done")


def _foot(view: BoardView, now: datetime) -> Iterator[Text]:
    if not view.goal:
        return
    waits = Text(words.wait_words(view), style="yellow")
    yield _line(words.slot_words(view), waits)
    short = "more than the limit leaves" if words.short_of_money(view) else ""
    if ends := words.end_words(view, now):
        yield _line(Text(ends), Text(short, style="bold yellow"))
