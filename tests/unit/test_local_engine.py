"""Attempts on threads of this process, and the gate that shuts when a run ends at once."""

import threading
from collections.abc import Callable

import pytest
from played_run import A, end
from stage import Stage

from runner.errors import EnvironmentProblem, Stopped
from runner.matrix.engine import Attempt, Broken, Done, Need
from runner.matrix.here import Gate, LocalEngine, await_engine, guarded

FIRST, SECOND = (Attempt("r", A, trial, 1) for trial in (0, 1))
Stopped_ = Callable[[], str | None]


def test_outcomes_come_as_attempts_end() -> None:
    release = threading.Event()

    def run(attempt: Attempt, _stopped: Stopped_) -> Done:
        if attempt == FIRST:
            assert release.wait(10)
        return Done(attempt, end(attempt.trial_id), 0.0)

    engine = LocalEngine(2, 1, run)
    engine.submit(FIRST, Need())
    engine.submit(SECOND, Need())
    assert engine.outcomes.get(timeout=10) == Done(SECOND, end(SECOND.trial_id), 0.0)
    release.set()
    assert engine.outcomes.get(timeout=10) == Done(FIRST, end(FIRST.trial_id), 0.0)
    engine.close()


@pytest.mark.parametrize("error", [EnvironmentProblem("disk full"), KeyError("bug"), SystemExit()])
def test_whatever_an_attempt_raises_comes_back(error: BaseException) -> None:
    def run(attempt: Attempt, _stopped: Stopped_) -> Done:
        raise error

    engine = LocalEngine(1, 1, run)
    engine.submit(FIRST, Need())
    assert engine.outcomes.get(timeout=10) == Broken(FIRST, error)
    engine.close()


def test_attempts_are_told_to_stop() -> None:
    told: list[str | None] = []
    asked = threading.Event()

    def run(attempt: Attempt, stopped: Stopped_) -> Done:
        told.append(stopped())
        asked.set()
        return Done(attempt, end(attempt.trial_id), 0.0)

    engine = LocalEngine(1, 1, run)
    engine.submit(FIRST, Need())
    engine.outcomes.get(timeout=10)
    engine.request_stop("enough")
    engine.submit(SECOND, Need())
    engine.outcomes.get(timeout=10)
    assert told == [None, "enough"]
    engine.close()


def test_closing_ends_the_threads() -> None:
    before = set(threading.enumerate())
    engine = LocalEngine(3, 1, lambda attempt, _: Done(attempt, end("t"), 0.0))
    mine = set(threading.enumerate()) - before
    assert len(mine) == 3
    engine.close()
    for thread in mine:
        thread.join(10)
    assert not any(thread.is_alive() for thread in mine)


# ---- the gate ---------------------------------------------------------------------------


def test_nothing_is_opened_once_the_gate_is_shut() -> None:
    gate = Gate()
    gate.shut(wait_s=0)
    with pytest.raises(Stopped), gate.opening():
        raise AssertionError("opened")


def test_shutting_waits_for_what_is_half_open() -> None:
    gate = Gate()
    opening, done = threading.Event(), threading.Event()
    order: list[str] = []

    def open_slowly() -> None:
        with gate.opening():
            opening.set()
            assert done.wait(10)
            order.append("open")

    thread = threading.Thread(target=open_slowly)
    thread.start()
    assert opening.wait(10)
    threading.Timer(0.05, done.set).start()
    gate.shut(wait_s=10)
    order.append("shut")
    thread.join(10)
    assert order == ["open", "shut"]


def test_a_shut_gate_keeps_nothing_that_is_open_from_closing() -> None:
    gate, stage = Gate(), Stage()
    world = guarded(stage.world(), gate)
    with world.open_sandbox("agent"):
        gate.shut(wait_s=0)
        with pytest.raises(Stopped), world.open_sandbox("judge"):
            raise AssertionError("opened")
    assert stage.steps == ["open agent", "close agent"]


# ---- an engine that restarts ------------------------------------------------------------


def test_an_engine_that_comes_back_in_time_is_waited_for() -> None:
    answers = iter([False, True])
    await_engine(lambda: next(answers), 60, "here")
    assert list(answers) == []


def test_one_that_does_not_is_named() -> None:
    with pytest.raises(EnvironmentProblem, match=r"at unix://here has not answered for 0 s"):
        await_engine(lambda: False, 0, "unix://here")
