"""Attempts on real worker processes: what is lost is lost once, what is back is back whole."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_place import CALL_USD, CAP_USD, QUICK, Place, Trip, trip, until
from cluster_stand_in import FACTS
from distributed import Client

from runner.config.settings import ROOT
from runner.errors import EnvironmentProblem
from runner.events import TrialEnded
from runner.ledger.journal_format import read_journal
from runner.manifest import files_digest
from runner.matrix.engine import Broken, Capacity, Done, Lost


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A scheduler of its own: what one test breaks, no other sees."""
    found = Place(tmp_path)
    found.start_scheduler()
    yield found
    found.end()


def ends_on_record(journey: Trip) -> list[str]:
    events = read_journal(journey.journal.path).events
    return [event.trial_id for event in events if isinstance(event, TrialEnded)]


def processes(journey: Trip, *, busy: int) -> list[int]:
    """The processes of the trials that began, once so many did."""
    until(lambda: len(journey.diary("began")) >= busy)
    return [pid for _, pid, _ in journey.diary("began")]


# ---- back whole -------------------------------------------------------------------------


def test_a_trial_comes_back_whole_and_a_broken_one_with_what_it_spent(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker("trial=4 judge=3 gpu=1")
    with trip(place, tmp_path / "a", watched=True, size=100_000) as journey:
        assert journey.engine.capacity() == Capacity(4, 1)
        (attempt,) = journey.submit(0, gpu=1)
        until(lambda: len(journey.seen) >= 2)
        assert not ends_on_record(journey)  # what is seen is not on record
        journey.gate.touch()
        done = journey.outcomes(1)[0]
        assert isinstance(done, Done)
        assert done.ended.status == "solved"
        assert done.spent_usd == pytest.approx(CALL_USD)
        own = [e for e in read_journal(journey.journal.path).events if hasattr(e, "trial_id")][1:]
        (there,) = (place.folder / "there" / "remote" / attempt.trial_id).glob("*/journal.jsonl")
        assert tuple(own) == read_journal(there).events
        transcript = tmp_path / "a" / "results" / "transcripts" / f"{attempt.trial_id}.jsonl"
        assert transcript.stat().st_size == 100_000
        assert journey.diary("began")[0][2] == "3"  # slots are the worker's judge places
        assert journey.record().attempts[0].usd == pytest.approx(CALL_USD)
    with trip(place, tmp_path / "b", fault="disk") as journey:
        journey.gate.touch()
        journey.submit(0)
        broken = journey.outcomes(1)[0]
        assert isinstance(broken, Broken)
        assert "the disk of this worker is full" in str(broken.error)
        assert isinstance(broken.error, EnvironmentProblem)
        assert journey.record().attempts[0].usd == pytest.approx(CALL_USD)


# ---- not begun --------------------------------------------------------------------------


def test_a_worker_made_of_other_things_takes_no_part_and_nothing_is_spent(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker(**{FACTS: "changed"})
    with trip(place, tmp_path / "run") as journey:
        journey.submit(0)
        broken = journey.outcomes(1)[0]
        assert isinstance(broken, Broken)
        assert isinstance(broken.error, EnvironmentProblem)
        assert f"{os.uname().nodename} (tcp://127.0.0.1:" in str(broken.error)
        assert "lock.code: same -> changed" in str(broken.error)
        assert not journey.diary("began")
        (attempt,) = journey.record().attempts
        assert (attempt.usd, attempt.ended and attempt.ended.status) == (0.0, "infra")


def test_a_worker_goes_by_the_code_it_was_started_with_not_by_the_disk(
    place: Place, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    shutil.copytree(ROOT / "runner", code / "runner")
    old = files_digest(code / "runner")
    place.start_worker(code=code)
    with trip(place, tmp_path / "a"):
        pass  # it is there, and nobody has asked yet what it is made of
    (code / "runner" / "update.py").write_text("")
    new = files_digest(code / "runner")
    with trip(place, tmp_path / "b", code=new) as journey:
        journey.submit(0)
        broken = journey.outcomes(1)[0]
        assert isinstance(broken, Broken)
        assert f"lock.code: {new[:24]}... " in str(broken.error)
        assert "start its worker again" in str(broken.error)
        assert not journey.diary("began")
    with trip(place, tmp_path / "c", code=old) as journey:
        journey.gate.touch()
        journey.submit(0)
        assert isinstance(journey.outcomes(1)[0], Done)


def test_no_worker_at_all_is_said_after_the_time_out(place: Place, tmp_path: Path) -> None:
    short = replace(QUICK, no_workers_s=1.0)
    with pytest.raises(EnvironmentProblem, match=r"no worker of tcp.* has offered a place for 1 s"):
        trip(place, tmp_path / "a", settings=short).__enter__()
    worker = place.start_worker()
    with trip(place, tmp_path / "b"):
        pass  # the worker is there by now
    with trip(place, tmp_path / "c", settings=short) as journey:
        journey.submit(0)
        (pid,) = processes(journey, busy=1)
        os.kill(pid, signal.SIGKILL)
        worker.wait()
        assert isinstance(journey.outcomes(1)[0], Lost)
        until(lambda: journey.engine.capacity() == Capacity(1, 1))
        journey.submit(1)
        broken = journey.outcomes(1)[1]
        assert isinstance(broken, Broken)
        assert "no worker of" in str(broken.error)
        assert [attempt.usd for attempt in journey.record().attempts] == [CAP_USD, 0.0]


# ---- lost -------------------------------------------------------------------------------


def test_a_killed_worker_loses_its_trials_once_and_no_other_runs_them(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker("trial=3")
    place.start_worker("trial=3")
    with trip(place, tmp_path / "run") as journey:
        until(lambda: journey.engine.capacity() == Capacity(6, 0))
        attempts = journey.submit(*range(6))
        pids = processes(journey, busy=6)
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
        assert sorted(ends_on_record(journey)) == sorted(began)
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
        assert len(ends_on_record(journey)) == 5


def test_a_worker_that_thaws_finds_its_lease_lost_and_its_result_unwanted(
    place: Place, tmp_path: Path
) -> None:
    frozen = place.start_worker()
    wary = replace(QUICK, lease_s=2.0, worker_ttl_s=5.0)
    with trip(place, tmp_path / "run", settings=wary) as journey:
        journey.submit(0)
        processes(journey, busy=1)
        frozen.send_signal(signal.SIGSTOP)
        lost = journey.outcomes(1)[0]
        assert isinstance(lost, Lost)
        frozen.send_signal(signal.SIGCONT)
        until(lambda: journey.diary("ended"))
        _, _, reason = journey.diary("ended")[0]
        assert reason.startswith("lease lost") or reason == "the worker is closing"
        assert frozen.wait() is not None
        assert journey.engine.outcomes.empty()
        assert ends_on_record(journey) == ["r1-A-T3-0-1"]
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
        assert sorted(ends_on_record(journey)) == ["r1-A-T3-0-1", "r1-A-T3-1-1"]


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
        processes(journey, busy=2)
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


# ---- stopped ----------------------------------------------------------------------------


def test_a_stop_lets_calls_finish_and_keeps_what_waits_from_beginning(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker("trial=2")
    with trip(place, tmp_path / "a") as journey:
        journey.submit(0, 1, 2)
        processes(journey, busy=2)
        journey.engine.request_stop("the operator asked")
        outcomes = journey.outcomes(3)
        assert all(isinstance(o, Done) and o.ended.status == "infra" for o in outcomes.values())
        spent = sorted(o.spent_usd for o in outcomes.values() if isinstance(o, Done))
        assert spent == pytest.approx([0.0, CALL_USD, CALL_USD])
        assert {reason for _, _, reason in journey.diary("ended")} == {"the operator asked"}
        assert len(journey.diary("began")) == 2
    with trip(place, tmp_path / "b") as journey:
        journey.submit(0)
        processes(journey, busy=1)
        journey.engine.close()  # as when the driver dies
        until(lambda: journey.diary("ended"))
        assert journey.diary("ended")[0][2] == "its driver is gone"


def test_a_stop_that_was_not_heard_is_told_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.start_worker("trial=1")
    with trip(place, tmp_path / "run") as journey:
        journey.submit(0, 1)
        processes(journey, busy=1)
        client = journey.engine._line.client
        answered = client.sync

        def busy_once(call: Callable[..., object], **said: object) -> object:
            monkeypatch.setattr(client, "sync", answered)
            raise TimeoutError

        monkeypatch.setattr(client, "sync", busy_once)
        journey.engine.request_stop("the operator asked")
        outcomes = journey.outcomes(2)
        assert all(isinstance(o, Done) and o.ended.status == "infra" for o in outcomes.values())
        assert [reason for _, _, reason in journey.diary("ended")] == ["the operator asked"]


def test_a_worker_told_to_end_ends_its_trial_which_is_lost_and_not_moved(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker("trial=1")
    place.start_worker("trial=1")
    with trip(place, tmp_path / "run") as journey:
        until(lambda: journey.engine.capacity() == Capacity(2, 0))
        journey.submit(0)
        (pid,) = processes(journey, busy=1)
        os.kill(pid, signal.SIGTERM)
        assert isinstance(journey.outcomes(1)[0], Lost)
        until(lambda: journey.diary("ended"))
        assert journey.diary("ended")[0][2] == "the worker is closing"
        assert len(journey.diary("began")) == 1
