"""What is run next, and what is never run again."""

import pytest
from played_run import A, B, end

from runner.errors import Status
from runner.matrix.engine import Cell
from runner.matrix.schedule import (
    Goal,
    Past,
    came_back,
    counts,
    issued,
    next_attempt,
    reached,
    tallies,
)

UNTIL = Goal((A, B), 2, False, 1)
FIXED = Goal((A, B), 2, True, 1)


def anything(_cell: Cell) -> bool:
    return True


def past(cell: Cell, *statuses: Status | None) -> list[Past]:
    """Earlier attempts at trials 0, 1, ... of a cell; None is one whose runner died."""
    return [
        Past(cell, trial, 1, None if status is None else end("t", status))
        for trial, status in enumerate(statuses)
    ]


@pytest.mark.parametrize(
    ("status", "limit", "says_something"),
    [
        ("solved", None, True),
        ("failed", None, True),
        ("cap", None, True),
        ("blocked", None, True),
        ("timeout", None, True),
        ("budget", "trial", True),
        ("budget", "call", True),
        ("budget", "arm", False),
        ("budget", "run", False),
        ("infra", None, False),
    ],
)
def test_only_what_the_arm_itself_did_is_a_result(
    status: Status, limit: str | None, says_something: bool
) -> None:
    assert counts(end("t", status, **({"limit": limit} if limit else {}))) is says_something


def test_nothing_that_has_a_result_is_run_again() -> None:
    state = tallies(FIXED, past(A, "failed", "solved") + past(B, "solved", "failed"))
    assert next_attempt("r", FIXED, state, anything) is None


def test_a_crashed_attempt_is_no_result_and_its_trial_gets_the_next_attempt() -> None:
    state = tallies(FIXED, past(A, "solved", None) + past(B, "solved", "solved"))
    again = next_attempt("r", FIXED, state, anything)
    assert again is not None
    assert (again.cell, again.trial, again.attempt) == (A, 1, 2)
    assert state[A].infra == 1


def test_an_attempt_whose_trial_ended_twice_counts_once() -> None:
    twice = [Past(A, 0, 1, None), Past(A, 0, 2, end("t"))]
    state = tallies(FIXED, twice)
    assert (state[A].results, state[A].infra, state[A].fresh) == (1, 1, 1)
    attempt = next_attempt("r", FIXED, state, lambda cell: cell == A)
    assert attempt is not None
    assert (attempt.trial, attempt.attempt) == (1, 1)


def test_a_cell_is_done_with_its_successes() -> None:
    state = tallies(UNTIL, past(A, "solved", "failed", "solved"))
    assert reached(UNTIL, state[A])
    assert not reached(UNTIL, state[B])


def test_a_cell_is_done_with_twice_as_many_results() -> None:
    assert reached(UNTIL, tallies(UNTIL, past(A, "failed", "cap", "failed", "solved"))[A])
    assert not reached(UNTIL, tallies(UNTIL, past(A, "failed", "cap", "failed", None))[A])


def test_no_more_begin_than_could_be_needed() -> None:
    state = tallies(UNTIL, past(A, "solved"))
    attempt = next_attempt("r", UNTIL, state, lambda cell: cell == A)
    assert attempt is not None
    issued(state[A], attempt)
    assert next_attempt("r", UNTIL, state, lambda cell: cell == A) is None
    came_back(state[A], attempt, end(attempt.trial_id, "failed"))
    after = next_attempt("r", UNTIL, state, lambda cell: cell == A)
    assert after is not None
    assert after.trial == 2


def test_an_attempt_that_failed_for_no_fault_of_the_arm_goes_first_again() -> None:
    state = tallies(FIXED, [])
    first = next_attempt("r", FIXED, state, lambda cell: cell == A)
    assert first is not None
    issued(state[A], first)
    came_back(state[A], first, end(first.trial_id, "infra"))
    again = next_attempt("r", FIXED, state, lambda cell: cell == A)
    assert again is not None
    assert (again.trial, again.attempt, again.trial_id) == (0, 2, "r-A-T1-0-2")


def order(goal: Goal) -> list[str]:
    """The order of all attempts when each succeeds at once."""
    state = tallies(goal, [])
    names = []
    while attempt := next_attempt("r", goal, state, anything):
        issued(state[attempt.cell], attempt)
        came_back(state[attempt.cell], attempt, end(attempt.trial_id))
        names.append(f"{attempt.cell.arm}{attempt.cell.task}-{attempt.trial}")
    return names


CELLS = tuple(Cell(arm, task) for arm in "ABCD" for task in ("T1", "T2", "T3"))


def test_cells_are_interleaved_round_by_round_in_a_seeded_order() -> None:
    names = order(Goal(CELLS, 3, True, 7))
    rounds = [names[:12], names[12:24], names[24:]]
    assert [{name.split("-")[1] for name in each} for each in rounds] == [{"0"}, {"1"}, {"2"}]
    assert len(set(names)) == 36
    cells = [[name.split("-")[0] for name in each] for each in rounds]
    assert cells[0] != cells[1] != cells[2]
    assert names == order(Goal(CELLS, 3, True, 7))
    assert names != order(Goal(CELLS, 3, True, 8))


def test_a_cell_without_room_is_passed_over() -> None:
    state = tallies(UNTIL, [])
    for _ in range(2):
        attempt = next_attempt("r", UNTIL, state, lambda cell: cell.arm == "B")
        assert attempt is not None
        assert attempt.cell == B
        issued(state[B], attempt)
    assert next_attempt("r", UNTIL, state, lambda cell: cell.arm == "B") is None


def test_attempts_of_cells_outside_the_goal_are_left_alone() -> None:
    state = tallies(Goal((A,), 1, True, 1), past(B, "solved"))
    assert list(state) == [A]
