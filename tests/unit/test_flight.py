"""One attempt in flight: what it does at this moment."""

from board_events import Trial, begun, only
from fakes import CARD

from runner.matrix.board import Board


def test_a_trial_in_flight_shows_the_leads_turn_whoever_is_asked() -> None:
    trial = Trial("C T1 0.1")
    board = begun(trial.begin(), trial.asks(7, "orchestrator"), trial.hears("orchestrator"))
    board(trial.asks(3, "executor", "small"))
    flight = only(board)
    assert (flight.turn, flight.cap) == (7, 40)
    assert flight.asked is not None
    assert (flight.asked.role, flight.asked.model) == ("executor", "small")


def test_a_turn_is_known_by_the_leads_tools_where_no_calls_are_seen() -> None:
    trial = Trial("C T1 0.1")
    board = begun(trial.begin(), trial.used(turn=7, role="orchestrator"))
    board(trial.used(turn=12, role="executor"))
    assert only(board).turn == 7


def test_a_wait_lasts_until_its_end_or_the_calls() -> None:
    trial = Trial("A T1 0.1")
    board = begun(trial.begin(), trial.asks(), trial.waits("rate limit"))
    assert only(board).waits_for == "rate limit"
    board(trial.waits("rate limit", 30.0))
    assert only(board).waits_for == ""
    board(trial.waits("rate limit"))
    board(trial.hears())
    assert only(board).waits_for == ""


def test_the_last_action_stays_until_the_next() -> None:
    trial = Trial("A T1 0.1")
    board = begun(trial.begin(), trial.asks(), trial.hears(), trial.used(summary="ls"))
    board(trial.asks(2))
    last = only(board).last
    assert last is not None
    assert last.summary == "ls"


def test_times_count_from_the_start_and_from_the_last_change() -> None:
    trial = Trial("A T1 0.1")
    board = Board(CARD)
    board(trial.issued(), 5.0)
    board(trial.started(), 10.0)
    board(trial.asks(), 60.0)
    (flight,) = board.view(90.0).in_flight
    assert (flight.elapsed_s, flight.since_s) == (80.0, 30.0)


def test_harness_and_judge_hold_a_slot_and_a_wait_proves_that_none_is_free() -> None:
    judged, tested, waiting = (Trial(f"A T1 {number}.1") for number in range(3))
    board = begun(judged.begin(), tested.begin(), waiting.begin(), judged.phase("judge"))
    assert (board.view().slots.taken, board.view().slots.waiting) == (1, 0)
    board(waiting.waits("slot"))  # the other place went to a command that nobody waited with
    assert (board.view().slots.taken, board.view().slots.waiting) == (2, 1)
    board(judged.phase("judge", 9.0))
    board(waiting.waits("slot", 9.0))
    assert (board.view().slots.taken, board.view().slots.waiting) == (1, 0)
    board(waiting.used())
    assert board.view().slots.taken == 0
