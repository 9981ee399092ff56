"""Attempts on real worker processes: what is lost is lost once, what is back is back whole."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_place import CALL_USD, CAP_USD, QUICK, Place, trip, until
from cluster_stand_in import FACTS

from runner.config.settings import ROOT
from runner.errors import EnvironmentProblem
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


# ---- back whole -------------------------------------------------------------------------


def test_a_trial_comes_back_whole_and_a_broken_one_with_what_it_spent(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker("trial=4 judge=3 gpu=1")
    with trip(place, tmp_path / "a", watched=True, size=100_000) as journey:
        assert journey.engine.capacity() == Capacity(4, 1)
        (attempt,) = journey.submit(0, gpu=1)
        until(lambda: len(journey.seen) >= 2)
        assert not journey.ends_on_record()  # what is seen is not on record
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


# ---- placed -----------------------------------------------------------------------------


def test_what_needs_a_local_model_runs_where_one_is_and_the_rest_anywhere(
    place: Place, tmp_path: Path
) -> None:
    local = place.start_worker("trial=4 gpu=2")
    other = place.start_worker("trial=4")
    with trip(place, tmp_path / "run") as journey:
        until(lambda: journey.engine.capacity() == Capacity(8, 2))
        needy = {attempt.trial_id for attempt in journey.submit(0, 1, 2, 3, gpu=1)}
        journey.submit(4, 5, 6, 7)
        journey.processes(busy=6)  # two of the needy wait, though the other worker has room
        journey.gate.touch()
        assert all(isinstance(outcome, Done) for outcome in journey.outcomes(8).values())
        began = journey.diary("began")
        assert {pid for trial_id, pid, _ in began if trial_id in needy} == {local.pid}
        assert other.pid in {pid for _, pid, _ in began}
        assert len(began) == 8


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
        (pid,) = journey.processes(busy=1)
        os.kill(pid, signal.SIGKILL)
        worker.wait()
        assert isinstance(journey.outcomes(1)[0], Lost)
        until(lambda: journey.engine.capacity() == Capacity(1, 1))
        journey.submit(1)
        broken = journey.outcomes(1)[1]
        assert isinstance(broken, Broken)
        assert "no worker of" in str(broken.error)
        assert [attempt.usd for attempt in journey.record().attempts] == [CAP_USD, 0.0]


# ---- stopped ----------------------------------------------------------------------------


def test_a_stop_lets_calls_finish_and_keeps_what_waits_from_beginning(
    place: Place, tmp_path: Path
) -> None:
    place.start_worker("trial=2")
    with trip(place, tmp_path / "a") as journey:
        journey.submit(0, 1, 2)
        journey.processes(busy=2)
        journey.engine.request_stop("the operator asked")
        outcomes = journey.outcomes(3)
        assert all(isinstance(o, Done) and o.ended.status == "infra" for o in outcomes.values())
        spent = sorted(o.spent_usd for o in outcomes.values() if isinstance(o, Done))
        assert spent == pytest.approx([0.0, CALL_USD, CALL_USD])
        assert {reason for _, _, reason in journey.diary("ended")} == {"the operator asked"}
        assert len(journey.diary("began")) == 2
    with trip(place, tmp_path / "b") as journey:
        journey.submit(0)
        journey.processes(busy=1)
        journey.engine.close()  # as when the driver dies
        until(lambda: journey.diary("ended"))
        assert journey.diary("ended")[0][2] == "its driver is gone"


def test_a_stop_that_was_not_heard_is_told_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.start_worker("trial=1")
    with trip(place, tmp_path / "run") as journey:
        journey.submit(0, 1)
        journey.processes(busy=1)
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
        (pid,) = journey.processes(busy=1)
        os.kill(pid, signal.SIGTERM)
        assert isinstance(journey.outcomes(1)[0], Lost)
        until(lambda: journey.diary("ended"))
        assert journey.diary("ended")[0][2] == "the worker is closing"
        assert len(journey.diary("began")) == 1
