"""Runs that go on at this moment in other processes, drawn from their journals."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain
from math import inf
from pathlib import Path
from typing import get_args

from rich.console import Console

from runner.cli.board import draw, local_now
from runner.config.rates import RateCard
from runner.events import (
    Event,
    RunStarted,
    SessionEnded,
    SessionStarted,
    TrialEnded,
    TrialStarted,
)
from runner.ledger.journal_file import is_held
from runner.ledger.journal_format import Writer, records
from runner.ledger.journal_lines import JournalLines
from runner.ledger.standing import Standing, standing
from runner.matrix.board import Board
from runner.matrix.board_view import BoardView
from runner.matrix.engine import Attempt, Cell
from runner.matrix.glimpses import glimpsed
from runner.matrix.history import LAST_ENDED, History, ended_view

_NOT_SHOWN = frozenset({"CheckDone"})
_NOT_AN_END = frozenset(kind.__name__ for kind in get_args(Event)) - {"TrialEnded"}
_WAIT_S = 1.0  # a database that is held longer than that is done without


def show_running(
    console: Console, journals: Path, db: Path, cards: Mapping[str, RateCard], card: RateCard
) -> None:
    """Draw the board of each run whose journal has a live writer.

    Prices are those of the card the run was begun with, `card` where that is unknown.
    """
    for path in sorted(journals.glob("*.jsonl")):
        if is_held(path) and (view := journal_view(path, db, cards, card)):
            console.print(draw(console, view, local_now()))
            console.print()


def journal_view(
    path: Path, db: Path, cards: Mapping[str, RateCard], card: RateCard
) -> BoardView | None:
    """How the run of a journal stands now; None when it holds no event yet.

    What the database has of it, or as much as can be had at once, is not read again.

    Raises:
        EnvironmentProblem: the journal cannot be read or is damaged.
    """
    known = standing(db, path, tuple(cards), card.id, last=LAST_ENDED, wait_s=_WAIT_S)
    board, at = None, 0.0
    for event in chain(earlier(known), later_events(path, known)):
        at = max(at, dated(event))
        if board is None:
            board = Board(cards.get(card_id(event), card), clock=time.time)
            board(event, at)
            if known:
                board.begin_after(history(known))
        else:
            board(event, at)
    if board is None:
        return None
    for at, glimpse in glimpsed(path):
        board.glimpse(glimpse, at)
    view = board.view()
    # Most events bear no time: since when a trial does what it does is not known here.
    return replace(view, in_flight=tuple(replace(each, since_s=0.0) for each in view.in_flight))


def earlier(known: Standing | None) -> Iterator[Event]:
    """The run's events before its journal's mark that still matter."""
    if known is None:
        return
    label = known.session.started_at
    yield RunStarted(known.run_id, known.kind, known.lock, label)
    yield known.session
    yield from known.issued


def history(known: Standing) -> History:
    """All that was over at the journal's mark."""
    past = History(known.run_id, known.kind, known.sessions - 1)  # its session is told as one
    for each in known.alike:
        past.count(Cell(each.arm, each.task), each.usd, each.ended, each.number)
    past.ended = [
        ended_view(
            Attempt(known.run_id, Cell(one.arm, one.task), one.trial, one.attempt),
            each.ended,
            each.usd,
        )
        for each in known.last
        if (one := each.issued)
    ]
    return past


def later_events(path: Path, known: Standing | None) -> Iterator[Event]:
    """The events a board is made of, as a stream; of trials that are not `known` to be over."""
    if known is None:
        yield from journal_events(JournalLines(path))
        return
    start, read = known.mark.again, known.mark.read
    over = {
        event.trial_id
        for event in journal_events(JournalLines(path, start), _NOT_AN_END, read.lines)
        if isinstance(event, TrialEnded)
    }
    lines = JournalLines(path, start)
    for event in journal_events(lines):
        if isinstance(event, RunStarted | SessionStarted | SessionEnded):
            if lines.lines > read.lines:
                yield event
        elif event.trial_id not in over:
            yield event


def journal_events(
    lines: JournalLines, skip: frozenset[str] = _NOT_SHOWN, last: float = inf
) -> Iterator[Event]:
    """The events of these lines up to the line `last`."""
    for record in records(lines, skip=skip):
        if lines.lines > last:
            return
        if not isinstance(record, Writer):
            yield record


def dated(event: Event) -> float:
    """When it happened, in seconds since the epoch; 0 for the many that do not say."""
    match event:
        case RunStarted(started_at=said) | SessionStarted(started_at=said):
            return epoch(said)
        case TrialStarted(started_at=said) | TrialEnded(ended_at=said):
            return epoch(said)
    return 0.0


def epoch(said: str) -> float:
    """The seconds since the epoch of an ISO 8601 time; 0 when it is none."""
    with suppress(ValueError):
        return datetime.fromisoformat(said).timestamp()
    return 0.0


def card_id(event: Event) -> str:
    """The rate card that a run's or a trial's first event names; empty when it does not."""
    match event:
        case RunStarted(lock={"card": dict(card)}):
            return str(card.get("id"))
        case TrialStarted(manifest={"card": str(name)}):
            return name
    return ""
