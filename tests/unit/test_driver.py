"""How a session of a run ends, whatever its attempts do."""

import threading
from dataclasses import replace

import pytest
from played_run import A, B, PlayedEngine, PlayedRun, end, ends, solved

from runner.errors import EnvironmentProblem, Status
from runner.events import AttemptIssued
from runner.matrix.engine import Attempt, Broken, Capacity, Done, Lost, Need, Outcome, StopAsked
from runner.matrix.schedule import NOT_LOADED, Goal, Past


def test_a_run_ends_when_every_cell_has_its_successes() -> None:
    run = PlayedRun(PlayedEngine(solved, Capacity(3, 1)))
    assert run().why == "complete"
    assert sorted(run.names) == ["A0.1", "A1.1", "B0.1", "B1.1"]
    assert {cell: tally.successes for cell, tally in run.state.items()} == {A: 2, B: 2}


def test_failures_are_results_up_to_twice_the_number() -> None:
    run = PlayedRun(PlayedEngine(ends(["failed"])))
    assert run().why == "complete"
    assert sorted(run.names) == [f"{arm}{trial}.1" for arm in "AB" for trial in range(4)]


def test_with_fixed_every_cell_gets_exactly_its_attempts() -> None:
    run = PlayedRun(PlayedEngine(ends(["failed", "solved"])), Goal((A, B), 3, True, 1))
    assert run().why == "complete"
    assert len(run.names) == 6


def test_every_attempt_is_on_record_before_it_is_handed_out() -> None:
    run = PlayedRun(PlayedEngine(solved))
    seen: list[bool] = []

    def before(attempt: Attempt) -> None:
        last = run.events[-1]
        seen.append(isinstance(last, AttemptIssued) and last.trial_id == attempt.trial_id)

    run.engine.before = before
    run()
    assert seen == [True] * 4


def test_a_failure_of_the_machine_is_tried_again_and_then_pauses_the_run() -> None:
    run = PlayedRun(PlayedEngine(ends(["infra", "infra", "solved"])), Goal((A,), 1, False, 1))
    assert run().why == "complete"
    assert run.names == ["A0.1", "A0.2", "A0.3"]

    broken = PlayedRun(PlayedEngine(ends(["infra"])), Goal((A,), 1, False, 1))
    ending = broken()
    assert (ending.why, broken.names) == ("environment", ["A0.1", "A0.2", "A0.3"])
    assert "3rd attempt" in ending.reason


def test_tries_of_earlier_sessions_do_not_count_against_this_one() -> None:
    past = [Past(A, 0, number, None) for number in (1, 2, 3)]
    run = PlayedRun(PlayedEngine(solved), Goal((A,), 1, False, 1), past=past)
    assert run().why == "complete"
    assert run.names == ["A0.4"]


@pytest.mark.parametrize("kind", ["spend_limit", "authentication_error"])
def test_a_refusal_that_will_not_pass_pauses_the_run_at_once(kind: str) -> None:
    def refused(attempt: Attempt) -> Outcome:
        return Done(attempt, end(attempt.trial_id, "infra", kind=kind), 0.0)

    run = PlayedRun(PlayedEngine(refused))
    assert run().why == "environment"
    assert len(run.names) == 1
    assert run.engine.stopped


def test_at_the_runs_limit_nothing_more_is_handed_out() -> None:
    def short(attempt: Attempt) -> Outcome:
        return Done(attempt, end(attempt.trial_id, "budget", limit="run"), 0.1)

    run = PlayedRun(PlayedEngine(short))
    assert run().why == "budget"
    assert len(run.names) == 1
    assert run.engine.stopped is None  # what is in flight meets the limit by itself


def test_at_an_arms_limit_the_others_go_on() -> None:
    def short(attempt: Attempt) -> Outcome:
        if attempt.cell == A:
            return Done(attempt, end(attempt.trial_id, "budget", limit="arm"), 0.1)
        return solved(attempt)

    run = PlayedRun(PlayedEngine(short))
    ending = run()
    assert (ending.why, "arm A" in ending.reason) == ("budget", True)
    assert run.state[B].successes == 2
    assert run.names.count("A0.1") == 1


def test_an_arm_whose_model_cannot_be_loaded_is_tried_three_times_and_the_others_go_on() -> None:
    def unloaded(attempt: Attempt) -> Outcome:
        if attempt.cell == A:
            ended = replace(end(attempt.trial_id, "infra", failure=NOT_LOADED), reason="no GPU")
            return Done(attempt, ended, 0.0)
        return solved(attempt)

    run = PlayedRun(PlayedEngine(unloaded))
    ending = run()
    assert ending.why == "environment"
    assert "no GPU" in ending.reason
    assert [name for name in run.names if name[0] == "A"] == ["A0.1", "A0.2", "A0.3"]
    assert run.state[B].successes == 2
    assert run.engine.stopped is None


def test_what_needs_a_person_is_told_before_what_needs_money() -> None:
    def play(attempt: Attempt) -> Outcome:
        detail = {"failure": NOT_LOADED} if attempt.cell == A else {"limit": "arm"}
        status: Status = "infra" if attempt.cell == A else "budget"
        return Done(attempt, end(attempt.trial_id, status, **detail), 0.0)

    assert PlayedRun(PlayedEngine(play))().why == "environment"


def test_a_trials_own_limit_is_a_result() -> None:
    def dear(attempt: Attempt) -> Outcome:
        return Done(attempt, end(attempt.trial_id, "budget", limit="trial"), 0.1)

    run = PlayedRun(PlayedEngine(dear), Goal((A,), 1, False, 1))
    assert run().why == "complete"
    assert run.names == ["A0.1", "A1.1"]


def test_trials_with_a_local_model_take_turns_and_the_others_fill_the_room() -> None:
    run = PlayedRun(PlayedEngine(solved, Capacity(3, 1)), needs={"A": Need(gpu=1), "B": Need()})
    together: list[int] = []

    def before(_attempt: Attempt) -> None:
        flight = [attempt.cell.arm for attempt, _ in run.session.in_flight.values()]
        together.append(flight.count("A"))

    run.engine.before = before
    assert run().why == "complete"
    assert max(together) == 1


def test_room_that_comes_while_all_are_busy_is_used_at_once() -> None:
    """As when a machine joins while a long trial runs on the only other one."""
    waiting: list[Attempt] = []

    def busy(attempt: Attempt) -> Outcome | None:
        if not waiting:
            waiting.append(attempt)
            threading.Timer(0.05, setattr, (run.engine, "room", Capacity(2, 1))).start()
            return None
        run.engine.outcomes.put(solved(waiting[0]))
        return solved(attempt)

    run = PlayedRun(PlayedEngine(busy), Goal((A, B), 1, False, 1))
    assert run().why == "complete"
    assert len(run.names) == 2


def test_no_more_are_in_flight_than_there_is_room() -> None:
    run = PlayedRun(PlayedEngine(solved, Capacity(2, 9)), Goal((A, B), 5, True, 1))
    most: list[int] = []
    run.engine.before = lambda _attempt: most.append(len(run.session.in_flight))
    run()
    assert max(most) == 2


def test_a_wish_to_stop_lets_what_is_in_flight_come_back() -> None:
    run = PlayedRun(PlayedEngine(solved, Capacity(2, 1)))
    run.engine.outcomes.put(StopAsked("interrupted"))
    ending = run()
    assert (ending.why, ending.reason) == ("stopped", "interrupted")
    assert len(run.names) == 2
    assert not run.session.in_flight
    assert sum(tally.results for tally in run.state.values()) == 2


def test_a_wish_to_stop_at_once_waits_for_nothing() -> None:
    run = PlayedRun(PlayedEngine(solved, Capacity(2, 1)))
    run.engine.outcomes.put(StopAsked("now", at_once=True))
    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(run.session.in_flight) == 2


def test_it_is_heard_too_when_the_run_ends_for_another_reason() -> None:
    def short(attempt: Attempt) -> Outcome:
        if not run.session.in_flight.keys() - {attempt.trial_id}:
            run.engine.outcomes.put(Done(attempt, end(attempt.trial_id, "budget", limit="run"), 0))
            return StopAsked("interrupted")  # type: ignore[return-value]
        return solved(attempt)

    run = PlayedRun(PlayedEngine(short, Capacity(2, 1)))
    assert run().why == "budget"
    assert run.engine.stopped == "interrupted"


def test_an_engine_without_a_slot_says_so() -> None:
    ending = PlayedRun(PlayedEngine(solved, Capacity(0, 0)))()
    assert (ending.why, "no slot" in ending.reason) == ("environment", True)


def test_what_the_operator_must_mend_pauses_the_run_with_its_message() -> None:
    def full(attempt: Attempt) -> Outcome:
        return Broken(attempt, EnvironmentProblem("disk full"))

    ending = PlayedRun(PlayedEngine(full))()
    assert (ending.why, ending.reason) == ("environment", "disk full")


def test_a_bug_in_one_attempt_pauses_the_run_and_the_others_come_back() -> None:
    def bug(attempt: Attempt) -> Outcome | None:
        if not run.session.in_flight.keys() - {attempt.trial_id}:
            return None  # under way until it is asked to stop
        return Broken(attempt, KeyError("bug"))

    def stopped(reason: str) -> None:
        run.engine.stopped = reason
        run.engine.outcomes.put(solved(run.engine.submitted[0]))

    run = PlayedRun(PlayedEngine(bug, Capacity(2, 1), usd=3.0))
    run.engine.request_stop = stopped  # type: ignore[method-assign]
    ending = run()
    assert ending.why == "environment"
    assert "KeyError('bug')" in ending.reason
    assert run.engine.submitted[1].trial_id in ending.reason
    assert isinstance(ending.error, KeyError)
    assert len(run.names) == 2
    assert sum(tally.results for tally in run.state.values()) == 1
    assert run.run_account.spent_usd == pytest.approx(3.5)  # nobody knows what the bug spent


# ---- an engine that reserves for a whole attempt ----------------------------------------


def test_a_lost_attempt_keeps_all_that_was_set_aside_and_is_tried_again() -> None:
    left = [True]

    def lost_once(attempt: Attempt) -> Outcome:
        return Lost(attempt, "node died") if left and left.pop() else solved(attempt)

    run = PlayedRun(PlayedEngine(lost_once, usd=3.0), Goal((A,), 1, False, 1))
    assert run().why == "complete"
    assert run.names == ["A0.1", "A0.2"]
    assert run.run_account.spent_usd == pytest.approx(3.5)
    assert run.run_account.reserved_usd == 0
    issued = [event for event in run.events if isinstance(event, AttemptIssued)]
    assert [event.usd for event in issued] == [3.0, 3.0]


def test_no_attempt_is_handed_out_that_could_pass_the_limit() -> None:
    run = PlayedRun(PlayedEngine(solved, Capacity(9, 9), usd=3.0), limit_usd=7.0)
    assert run().why == "complete"  # 50 cents each: two at a time fit, then the next two
    assert run.run_account.spent_usd == pytest.approx(2.0)
    small = PlayedRun(PlayedEngine(solved, Capacity(9, 9), usd=3.0), limit_usd=3.2)
    assert small().why == "budget"
    assert small.names == ["A0.1"] or small.names == ["B0.1"]
