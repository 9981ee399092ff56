"""What is still to come of a run, guessed from what has ended."""

import pytest

from runner.matrix.engine import Cell
from runner.matrix.outlook import Record, expected_attempts, outlook
from runner.matrix.schedule import Goal

A1, A2 = Cell("A", "T1"), Cell("A", "T2")


def goal(n: int = 2, *, fixed: bool = False, cells: tuple[Cell, ...] = (A1, A2)) -> Goal:
    return Goal(cells, n, fixed, seed=1)


def test_a_fixed_run_needs_exactly_what_is_missing() -> None:
    records = {A1: Record(1, 2, busy_s=60, usd=0.2), A2: Record(0, 1, busy_s=100, usd=0.3)}
    guess = outlook(goal(3, fixed=True), records, {}, jobs=1)
    assert guess is not None
    assert guess.seconds == pytest.approx(1 * 30 + 2 * 100)
    assert guess.usd == pytest.approx(1 * 0.1 + 2 * 0.3)


def test_jobs_share_the_work_but_no_trial_is_shorter_than_itself() -> None:
    records = {A1: Record(0, 1, busy_s=60), A2: Record(0, 1, busy_s=60)}
    few, many = (outlook(goal(5, fixed=True), records, {}, jobs) for jobs in (4, 64))
    assert few is not None
    assert many is not None
    assert (few.seconds, many.seconds) == (120.0, 60.0)


def test_a_cell_without_results_is_taken_to_be_like_its_kin() -> None:
    kin, stranger, new = Cell("A", "T1"), Cell("B", "T2"), Cell("A", "T3")
    records = {kin: Record(1, 1, busy_s=10), stranger: Record(1, 1, busy_s=990), new: Record()}
    guess = outlook(goal(1, fixed=True, cells=(kin, stranger, new)), records, {}, 1)
    assert guess is not None
    assert guess.seconds == pytest.approx(10.0)


def test_what_runs_already_is_not_waited_for_again() -> None:
    records = {A1: Record(1, 1, busy_s=60), A2: Record(1, 1, busy_s=60)}
    guess = outlook(goal(2, fixed=True), records, {A1: 45.0, A2: 500.0}, jobs=1)
    assert guess is not None
    assert guess.seconds == pytest.approx(15.0)


def test_seldom_solved_cells_are_expected_to_need_more_but_never_more_than_allowed() -> None:
    assert expected_attempts(goal(2), Record(1, 1), rate=0.9) == pytest.approx(1.11, abs=0.01)
    assert expected_attempts(goal(2), Record(0, 1), rate=0.1) == 3
    assert expected_attempts(goal(2), Record(2, 2), rate=0.9) == 0
    assert expected_attempts(goal(2), Record(1, 4), rate=0.25) == 0


def test_a_run_whose_cells_are_done_has_nothing_to_come() -> None:
    guess = outlook(goal(1), {A1: Record(1, 1, busy_s=60), A2: Record(0, 2, busy_s=60)}, {}, 4)
    assert guess is not None
    assert (guess.seconds, guess.usd) == (0.0, 0.0)
