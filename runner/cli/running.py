"""Runs that go on at this moment in other processes, drawn from their journals."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from runner.cli.board import draw, local_now
from runner.config.rates import RateCard
from runner.events import Event, RunStarted, SessionStarted, TrialEnded, TrialStarted
from runner.ledger.journal import holder
from runner.ledger.journal_format import Writer, records
from runner.ledger.journal_lines import JournalLines
from runner.matrix.board import Board
from runner.matrix.board_view import BoardView

_NOT_SHOWN = frozenset({"CheckDone"})


def show_running(
    console: Console, journals: Path, cards: Mapping[str, RateCard], card: RateCard
) -> None:
    """Draw the board of each run whose journal has a live writer.

    Prices are those of the card the run was begun with, `card` where that is unknown.
    """
    for path in sorted(journals.glob("*.jsonl")):
        if holder(path) is not None and (view := journal_view(path, cards, card)):
            console.print(draw(console, view, local_now()))
            console.print()


def journal_view(path: Path, cards: Mapping[str, RateCard], card: RateCard) -> BoardView | None:
    """How the run of a journal stands now; None when it holds no event yet.

    Raises:
        EnvironmentProblem: the journal cannot be read or is damaged.
    """
    board, at = None, 0.0
    for event in journal_events(path):
        board = board or Board(cards.get(card_id(event), card), clock=time.time)
        at = max(at, dated(event))
        board(event, at)
    if board is None:
        return None
    view = board.view()
    # Most events bear no time: since when a trial does what it does is not known here.
    return replace(view, in_flight=tuple(replace(each, since_s=0.0) for each in view.in_flight))


def journal_events(path: Path) -> Iterator[Event]:
    """The events a board is made of, as a stream."""
    for record in records(JournalLines(path), skip=_NOT_SHOWN):
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
