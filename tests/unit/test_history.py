"""A board that begins after a run's history shows what one shows that saw it happen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from board_events import Trial, paused, run_started, session
from fakes import CARD

from runner.events import Event
from runner.ledger.journal import Journal
from runner.ledger.runs import read_run
from runner.matrix.board import Board
from runner.matrix.history import LAST_ENDED, history_of


def events() -> Iterator[Event]:
    """Two sessions: every kind of end, and an attempt whose runner died with a call under way."""
    yield run_started()
    yield session()
    yield from Trial("A T1 0.1").whole(own_s=60)
    yield from Trial("D T3 0.1").whole("failed", own_s=30, reason="mypy")
    torn = Trial("B T2 0.1")
    yield from (*torn.begin(), torn.asks(usd=0.5))
    yield session(budget=20.0)
    yield from Trial("B T2 0.2").whole(own_s=30)
    yield from Trial("C T1 0.1").whole("infra", reason="the container is gone")
    yield from Trial("A T2 0.1").whole("budget", limit="arm")
    yield from Trial("A T1 1.1").whole("budget", limit="trial")
    yield from Trial("X T9 0.1").whole()  # a cell that the lock does not name
    yield Trial("D T1 0.1").issued()
    yield paused()


def boards(path: Path, *past: Event) -> tuple[Board, Board]:
    """One that saw all of it happen, one that begins after it."""
    seen, after = (Board(CARD, clock=lambda: 0.0) for _ in range(2))
    with Journal.create(path) as journal:
        for event in past:
            seen(event)
            journal.append(event)
    after(past[0])  # which cells there are
    after.begin_after(history_of(read_run(path, CARD)))
    return seen, after


@pytest.mark.parametrize("known", range(3, len(list(events()))))
def test_wherever_it_begins_the_next_session_shows_the_same(tmp_path: Path, known: int) -> None:
    seen, after = boards(tmp_path / "run.jsonl", *list(events())[:known])
    for event in (session(jobs=3), *Trial("C T2 0.1").whole(), *Trial("C T3 0.1").begin()):
        seen(event)
        after(event)
    assert after.view() == seen.view()
    assert after.view().money.spent > 0


def test_of_many_the_last_few_are_shown_newest_first(tmp_path: Path) -> None:
    many = [event for number in range(9) for event in Trial(f"A T1 {number}.1").whole()]
    seen, after = boards(tmp_path / "run.jsonl", run_started(), session(), *many)
    assert [each.attempt.trial for each in seen.view().ended] == [8, 7, 6, 5, 4]
    assert len(after.view().ended) == LAST_ENDED
