"""Trials on other machines, as they are seen before they are back."""

import pytest
from board_events import Trial, begun, folded, only, run_started, session
from fakes import CARD

from runner.matrix.board import Board


def test_a_trial_elsewhere_shows_its_turn_its_time_and_what_it_does() -> None:
    trial, now = Trial("A T1 0.1"), 0.0
    board = Board(CARD, clock=lambda: now)
    for event in (run_started(), session(), trial.issued(usd=1.0)):
        board(event)
    now = 10.0
    board.glimpse(trial.started())
    for event in (trial.phase("agent"), trial.used(turn=5, summary="ls")):
        board.glimpse(event)
    now = 40.0
    flight = only(board)
    assert (flight.turn, flight.cap, flight.elapsed_s, flight.phase) == (5, 40, 30.0, "agent")
    assert flight.last is not None
    assert flight.last.summary == "ls"


def test_what_it_costs_is_counted_once_when_it_is_back() -> None:
    trial = Trial("A T1 0.1")
    events = (trial.started(), trial.asks(usd=0.25), trial.hears(), trial.used(), trial.ends())
    board = begun(trial.issued(usd=1.0))
    for event in events:
        board.glimpse(event)
    money = board.view().money
    assert (money.spent, money.reserved) == (0.0, 1.0)
    for event in events:
        board(event)
    assert board.view().money.spent == 0.05
    assert board.view().in_flight == ()


def test_what_comes_late_brings_no_attempt_back() -> None:
    trial, following = Trial("A T1 0.1"), Trial("A T1 0.2")
    board = begun(trial.issued(usd=1.0), following.issued(usd=1.0))
    board.glimpse(trial.started())
    assert only(board).trial_id == following.id
    assert board.view().money.spent == 1.0


def test_without_a_count_of_slots_those_in_use_are_counted() -> None:
    trials = [Trial(f"A T1 {number}.1") for number in range(3)]
    board = folded(run_started(), session(), *(each.issued() for each in trials), slots=0)
    for each in trials:
        board.glimpse(each.phase("judge"))
    assert (board.view().slots.taken, board.view().slots.count) == (3, 0)


def test_machines_that_join_bring_the_end_nearer() -> None:
    results = [e for number in range(2) for e in Trial(f"A T1 {number}.1").whole(own_s=100.0)]
    board = folded(run_started("A", tasks="T1"), session(n=10, fixed=True, jobs=2), results)
    assert board.view().left_s == pytest.approx(400.0)
    for number in range(2, 10):
        board(Trial(f"A T1 {number}.1").issued())
    assert board.view().left_s == pytest.approx(100.0)
