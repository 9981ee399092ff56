"""What a run will take, held to sums that can be done by hand."""

import random
from collections.abc import Sequence

import pytest
from played_run import A, B
from stage import PAIR, SOLO

from runner.matrix.plan import Plan, Seen, expected_attempts, plan
from runner.matrix.schedule import Goal

UNTIL = Goal((A, B), 2, False, 1)
ARMS = {"A": SOLO, "B": PAIR}  # B has a local executor


@pytest.mark.parametrize(
    ("n", "rate", "attempts"),
    [
        (1, 1.0, 1.0),
        (1, 0.0, 2.0),  # all that is allowed
        (1, 0.5, 1.5),
        (3, 1.0, 3.0),
        (3, 0.0, 6.0),
    ],
)
def test_attempts_until_the_successes_are_there(n: int, rate: float, attempts: float) -> None:
    assert expected_attempts(Goal((A,), n, False, 1), rate) == pytest.approx(attempts)


def played(goal: Goal, rate: float, random_numbers: random.Random) -> int:
    successes = attempts = 0
    while successes < goal.n and attempts < goal.most:
        attempts += 1
        successes += random_numbers.random() < rate
    return attempts


@pytest.mark.parametrize("rate", [0.3, 0.75])
def test_the_formula_agrees_with_playing_it_out(rate: float) -> None:
    goal = Goal((A,), 3, False, 1)
    numbers = random.Random(1)
    mean = sum(played(goal, rate, numbers) for _ in range(20_000)) / 20_000
    assert expected_attempts(goal, rate) == pytest.approx(mean, abs=0.05)


def test_large_numbers_neither_vanish_nor_take_long() -> None:
    assert expected_attempts(Goal((A,), 5000, False, 1), 0.8) == pytest.approx(6250, rel=1e-6)
    assert expected_attempts(Goal((A,), 5000, False, 1), 0.001) == pytest.approx(10_000)


def test_with_fixed_it_is_the_number_asked_for() -> None:
    assert expected_attempts(Goal((A,), 5, True, 1), 0.2) == 5


def planned(seen: Sequence[Seen | None], budget_usd: float | None = None, jobs: int = 1) -> Plan:
    known = {cell: each for cell, each in zip((A, B), seen, strict=True) if each}
    return plan(UNTIL, ARMS, known, jobs=jobs, local_places=1, budget_usd=budget_usd)


ALWAYS = Seen(results=4, successes=4, usd=0.5, own_s=100.0)


def test_what_was_never_seen_is_not_guessed() -> None:
    found = planned([ALWAYS, None])
    assert (found.cells[1].attempts, found.cells[1].usd) == (None, None)
    assert (found.usd, found.seconds) == (None, None)
    assert found.results_usd == 2 * 4 * 10.0


def test_only_a_budget_bounds_the_worst_case() -> None:
    """Attempts that are no result come on top of all results at their limits."""
    assert planned([None, None]).worst_usd is None
    assert planned([None, None], budget_usd=7.0).worst_usd == 7.0
    assert planned([None, None], budget_usd=700.0).worst_usd == 700.0


def test_expected_money_and_time_are_attempts_times_means() -> None:
    found = planned([ALWAYS, ALWAYS])
    assert [each.usd for each in found.cells] == [1.0, 1.0]
    assert (found.usd, found.seconds) == (2.0, 400.0)


def test_trials_with_a_local_model_take_turns_however_many_jobs_there_are() -> None:
    assert planned([ALWAYS, ALWAYS], jobs=8).seconds == 200.0


def test_a_cell_whose_every_result_failed_takes_all_that_is_allowed() -> None:
    found = planned([Seen(3, 0, 0.2, 10.0), None])
    assert found.cells[0].attempts == 4
    assert found.cells[0].usd == pytest.approx(0.8)
