"""A run as it stands, folded from its events alone."""

import threading

import pytest
from board_events import Trial, begun, folded, only, paused, session

from runner.matrix.board_view import BoardView, CellView
from runner.matrix.engine import Cell
from runner.matrix.history import LAST_ENDED


def cell(view: BoardView, name: str) -> CellView:
    arm, task = name.split()
    return next(each for each in view.cells if each.cell == Cell(arm, task))


# ---- cells ------------------------------------------------------------------------------------


def test_the_runs_lock_names_the_cells_before_any_trial() -> None:
    names = [f"{each.cell.arm} {each.cell.task}" for each in begun().view().cells]
    assert names == [f"{arm} {task}" for arm in "ABCD" for task in ("T1", "T2", "T3")]


def test_without_a_run_the_cells_are_those_that_trials_name() -> None:
    view = folded(Trial("X T9 0.1").begin()).view()
    assert [each.cell for each in view.cells] == [Cell("X", "T9")]
    assert view.goal is None
    assert view.left_s is None


@pytest.mark.parametrize(
    "end",
    [
        {"status": "infra"},
        {"status": "budget", "limit": "run"},
        {"status": "budget", "limit": "arm"},
    ],
)
def test_an_attempt_that_says_nothing_about_the_arm_is_counted_apart(end: dict[str, str]) -> None:
    at = cell(begun(Trial("A T1 0.1").whole(**end)).view(), "A T1")  # type: ignore[arg-type]
    assert (at.successes, at.results, at.infra) == (0, 0, 1)


def test_a_trial_that_met_its_own_limit_is_a_result() -> None:
    at = cell(begun(Trial("A T1 0.1").whole("budget", limit="trial")).view(), "A T1")
    assert (at.successes, at.results, at.infra) == (0, 1, 0)


@pytest.mark.parametrize(
    ("fixed", "ends", "done"),
    [
        (False, ["solved"], False),
        (False, ["solved", "solved"], True),
        (False, ["failed", "failed", "failed"], False),
        (False, ["failed", "failed", "failed", "failed"], True),
        (True, ["failed"], False),
        (True, ["failed", "solved"], True),
        (True, ["infra", "infra"], False),
    ],
)
def test_a_cell_is_done_with_its_successes_or_without_attempts_left(
    fixed: bool, ends: list[str], done: bool
) -> None:
    trials = [
        event
        for number, status in enumerate(ends)
        for event in Trial(f"A T1 {number}.1").whole(status)  # type: ignore[arg-type]
    ]
    assert cell(begun(trials, fixed=fixed).view(), "A T1").done is done


# ---- money ------------------------------------------------------------------------------------


def test_a_reserve_is_set_aside_until_its_call_is_settled_at_its_price() -> None:
    trial = Trial("A T1 0.1")
    board = begun(trial.begin(), trial.asks(usd=0.25))
    assert (board.view().money.spent, board.view().money.reserved) == (0.0, 0.25)
    board(trial.hears(output=2_000))
    assert (board.view().money.spent, board.view().money.reserved) == (0.05, 0.0)
    assert only(board).usd == 0.05


def test_a_lost_reply_keeps_its_reserve_as_spent() -> None:
    trial = Trial("A T1 0.1")
    board = begun(trial.begin(), trial.asks(usd=0.25), trial.hears(lost=True))
    assert (board.view().money.spent, board.view().money.reserved) == (0.25, 0.0)


def test_a_model_without_a_price_counts_at_its_worst_case_and_the_run_goes_on() -> None:
    trial = Trial("A T1 0.1")
    board = begun(trial.begin(), trial.asks(model="new", usd=0.3), trial.hears(model="new"))
    assert board.view().money.spent == 0.3


def test_what_is_set_aside_for_a_whole_attempt_shrinks_by_what_is_spent() -> None:
    trial = Trial("A T1 0.1")
    board = begun(trial.issued(usd=1.0), trial.started(), trial.asks(usd=0.25), trial.hears())
    assert board.view().money.reserved == pytest.approx(0.95)
    board(trial.ends())
    assert (board.view().money.spent, board.view().money.reserved) == (0.05, 0.0)


def test_a_lost_attempt_counts_with_all_that_was_set_aside_and_is_no_result() -> None:
    trial = Trial("A T1 0.1")
    board = begun(trial.issued(usd=1.0), trial.started())
    board.lost(trial.id)
    assert (board.view().money.spent, cell(board.view(), "A T1").infra) == (1.0, 1)


def test_a_new_attempt_at_the_same_trial_shows_that_the_one_before_is_lost() -> None:
    board = begun(Trial("A T1 0.1").issued(usd=1.0), Trial("A T1 0.2").issued(usd=0.5))
    assert [flight.attempt.attempt for flight in board.view().in_flight] == [2]
    assert (board.view().money.spent, board.view().money.reserved) == (1.0, 0.5)


def test_each_arm_has_its_own_sum_and_limit() -> None:
    open_call = Trial("B T2 0.1")
    view = begun(
        Trial("A T1 0.1").whole(), Trial("A T2 0.1").whole(), open_call.begin(), open_call.asks()
    ).view()
    arms = dict(view.arms)
    assert (arms["A"].spent, arms["A"].reserved, arms["A"].limit) == (0.1, 0.0, 2.0)
    assert (arms["B"].spent, arms["B"].reserved) == (0.0, 0.25)
    assert view.money.limit == 5.0


# ---- sessions ---------------------------------------------------------------------------------


def test_a_session_begins_with_nothing_in_flight_and_reserves_left_open_are_spent() -> None:
    torn = Trial("A T1 0.1")
    board = begun(torn.begin(), torn.asks(usd=0.25), session())
    view = board.view()
    assert (view.in_flight, view.money.spent, view.money.reserved) == ((), 0.25, 0.0)
    assert cell(view, "A T1").infra == 1
    assert view.session == 2


def test_an_end_that_comes_after_all_is_not_counted_twice() -> None:
    torn = Trial("A T1 0.1")
    board = begun(torn.begin(), torn.asks(), session(), torn.ends("infra"))
    assert cell(board.view(), "A T1").infra == 1


def test_events_of_a_trial_that_never_began_change_nothing() -> None:
    stray = Trial("A T1 0.1")
    assert begun(stray.asks(), stray.used(), stray.ends()).view() == begun().view()


def test_a_paused_run_says_why_until_it_is_taken_up() -> None:
    board = begun(paused("the limit is reached"))
    assert (board.view().state, board.view().reason) == ("paused", "the limit is reached")
    board(session())
    assert (board.view().state, board.view().reason) == ("running", "")


def test_a_run_that_is_stopping_counts_the_calls_in_flight() -> None:
    asking, judged = Trial("A T1 0.1"), Trial("A T2 0.1")
    board = begun(asking.begin(), asking.asks(), judged.begin(), judged.phase("judge"))
    board.stopping("Ctrl-C")
    view = board.view()
    assert (view.state, view.reason, view.calls_in_flight) == ("stopping", "Ctrl-C", 1)


def test_only_the_last_ends_are_kept_newest_first() -> None:
    board = begun(*(Trial(f"A T1 {number}.1").whole() for number in range(LAST_ENDED + 3)))
    numbers = [each.attempt.trial for each in board.view().ended]
    assert numbers == list(range(LAST_ENDED + 2, 2, -1))


def test_threads_lose_no_event() -> None:
    board = begun(n=100, fixed=True)

    def work(arm: str) -> None:
        for number in range(50):
            for event in Trial(f"{arm} T1 {number}.1").whole():
                board(event)
                board.view()

    threads = [threading.Thread(target=work, args=(arm,)) for arm in "ABCD"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    view = board.view()
    assert [cell(view, f"{arm} T1").successes for arm in "ABCD"] == [50] * 4
    assert view.money.spent == pytest.approx(200 * 0.05)


def test_nothing_is_guessed_before_the_first_result() -> None:
    board = begun(Trial("A T1 0.1").whole("infra"))
    assert (board.view().left_s, board.view().left_usd) == (None, None)
    for event in Trial("A T1 0.2").whole("failed"):
        board(event)
    assert board.view().left_s is not None
