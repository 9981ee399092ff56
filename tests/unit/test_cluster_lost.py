"""Attempts that real worker processes lose: each is lost once, and run by nobody else."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_place import CALL_USD, CAP_USD, QUICK, Place, trip, until
from distributed import Client

from runner.errors import EnvironmentProblem
from runner.matrix.engine import Broken, Capacity, Done, Lost


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A scheduler of its own: what one test breaks, no other sees."""
    found = Place(tmp_path)
    found.start_scheduler()
    yield found
    found.end()


def test_a_killed_worker_loses_its_trials_once_and_no_other_runs_them(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker("trial=3")
    place.start_worker("trial=3")
    with trip(place, tmp_path / "run") as journey:
        until(lambda: journey.engine.capacity() == Capacity(6, 0))
        attempts = journey.submit(*range(6))
        pids = journey.processes(busy=6)
        killed = pids[0]
        on_killed = {trial for trial, pid, _ in journey.diary("began") if pid == killed}
        os.kill(killed, signal.SIGKILL)
        lost = journey.outcomes(len(on_killed))
        journey.gate.touch()
        done = journey.outcomes(6 - len(on_killed))
        assert {o.attempt.trial_id for o in lost.values()} == on_killed
        assert all(isinstance(o, Lost) and "died" in o.reason for o in lost.values())
        assert all(isinstance(o, Done) and o.ended.success for o in done.values())
        began = [trial for trial, _, _ in journey.diary("began")]
        assert sorted(began) == sorted(a.trial_id for a in attempts)
        assert sorted(journey.ends_on_record()) == sorted(began)
        spent = sum(attempt.usd for attempt in journey.record().attempts)
        assert spent == pytest.approx(len(lost) * CAP_USD + len(done) * CALL_USD)


def test_a_result_that_dies_with_its_worker_is_lost_and_not_run_again(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker("trial=5")
    place.start_worker("trial=5")
    with (
        trip(place, tmp_path / "run") as journey,
        Client(place.address, set_as_default=False) as onlooker,
    ):
        until(lambda: journey.engine.capacity() == Capacity(10, 0))
        journey.hold.clear()  # all who collect are kept busy, each with one of these
        journey.gate.touch()
        journey.submit(0, 1, 2, 3)
        until(lambda: len(journey.diary("ended")) == 4)
        until(lambda: len(journey.engine._flights) == 0)
        journey.submit(4)
        until(lambda: len(journey.diary("ended")) == 5)
        _, pid, _ = journey.diary("ended")[-1]
        until(lambda: [k for k, on in onlooker.who_has().items() if on and "r1-A-T3-4-1" in str(k)])
        os.kill(pid, signal.SIGKILL)
        until(lambda: len(onlooker.scheduler_info()["workers"]) == 1)
        journey.hold.set()
        outcomes = journey.outcomes(5)
        assert isinstance(outcomes[4], Lost)
        assert "its result is lost: it was begun by the worker at" in outcomes[4].reason
        assert all(isinstance(outcomes[trial], Done) for trial in range(4))
        assert len(journey.diary("began")) == 5
        assert len(journey.ends_on_record()) == 5


def test_a_worker_that_thaws_finds_its_lease_lost_and_its_result_unwanted(
    place: Place, tmp_path: Path
) -> None:
    frozen = place.start_worker()
    wary = replace(QUICK, lease_s=2.0, worker_ttl_s=5.0)
    with trip(place, tmp_path / "run", settings=wary) as journey:
        journey.submit(0)
        journey.processes(busy=1)
        frozen.send_signal(signal.SIGSTOP)
        lost = journey.outcomes(1)[0]
        assert isinstance(lost, Lost)
        frozen.send_signal(signal.SIGCONT)
        until(lambda: journey.diary("ended"))
        _, _, reason = journey.diary("ended")[0]
        assert reason.startswith("lease lost") or reason == "the worker is closing"
        assert frozen.wait() is not None
        assert journey.engine.outcomes.empty()
        assert journey.ends_on_record() == ["r1-A-T3-0-1"]
        assert journey.record().attempts[0].usd == CAP_USD


def test_an_attempt_that_is_not_back_in_time_is_lost_and_told_to_stop(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker()
    with trip(place, tmp_path / "run", settings=replace(QUICK, deadline_s=3.0)) as journey:
        journey.submit(0)
        assert isinstance(journey.outcomes(1)[0], Lost)
        until(lambda: journey.diary("ended"))
        assert journey.diary("ended")[0][2] == "not back after 3 s"
        journey.gate.touch()
        journey.submit(1)
        assert isinstance(journey.outcomes(1)[1], Done)
        assert sorted(journey.ends_on_record()) == ["r1-A-T3-0-1", "r1-A-T3-1-1"]


def test_a_deadline_holds_however_much_comes_back_meanwhile(place: Place, tmp_path: Path) -> None:
    place.start_worker()
    over = threading.Event()
    with trip(place, tmp_path / "run", settings=replace(QUICK, deadline_s=3.0)) as journey:

        def stream() -> None:
            while not over.wait(0.001):  # as a rush of results: nobody ever finds nothing to do
                for _ in range(8):
                    journey.engine._signals.put(("of no flight", None))

        streaming = threading.Thread(target=stream)
        streaming.start()
        try:
            journey.submit(0)
            assert isinstance(journey.outcomes(1)[0], Lost)
        finally:
            over.set()
            streaming.join()


def test_with_the_scheduler_all_is_lost_and_the_run_has_to_pause(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker()
    with trip(place, tmp_path / "run") as journey:
        journey.submit(0, 1)
        journey.processes(busy=2)
        place.processes[0].kill()
        assert all(isinstance(outcome, Lost) for outcome in journey.outcomes(2).values())
        assert journey.engine.capacity() == Capacity(1, 1)
        journey.submit(2)
        broken = journey.outcomes(1)[2]
        assert isinstance(broken, Broken)
        assert isinstance(broken.error, EnvironmentProblem)
        assert "the scheduler at tcp://127.0.0.1" in str(broken.error)
        until(lambda: len(journey.diary("ended")) == 2)  # they stop by themselves
        assert [a.usd for a in journey.record().attempts] == [CAP_USD, CAP_USD, 0.0]
