"""Orders, bundles, and what goes on record of them: no cluster is needed for any of it."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_samples import CARDS, OPUS, call, ended, started, tool, trial

from runner.cluster.settle import RemoteRun, came_back, never_began, spent_usd, was_lost
from runner.cluster.wire import (
    BadBundle,
    Bundle,
    Order,
    Ran,
    Refused,
    read_answer,
    read_order,
    write_bundle,
    write_order,
    write_refusal,
)
from runner.errors import EnvironmentProblem
from runner.events import AttemptIssued, CallReserved, CallSettled, Event, RunStarted
from runner.ledger.codec import encode
from runner.ledger.journal import Journal
from runner.ledger.journal_format import to_json
from runner.ledger.runs import RunRecord, read_run
from runner.matrix.engine import Attempt, Broken, Cell, Done
from runner.types import Usage

ATTEMPT = Attempt("r1", Cell("C", "T3"), 0, 1)
ID = ATTEMPT.trial_id
CARD = CARDS["list-2026-11"]


def run(results: Path) -> RemoteRun:
    return RemoteRun(
        kind="scripted",
        card=CARD,
        results=results,
        program="nothing",
        facts={},
        work=lambda attempt: {},
        cap_usd=lambda attempt: 3.0,
        lead=lambda attempt: ("orchestrator", OPUS),
    )


def packed(ran: Ran, **members: bytes) -> bytes:
    """A bundle as no worker of ours would make it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return encode(ran).encode() + b"\n" + data.getvalue()


# ---- the journey ------------------------------------------------------------------------


def test_an_order_a_refusal_and_a_bundle_arrive_as_they_were_sent(tmp_path: Path) -> None:
    order = Order("s1", ATTEMPT, "p", {"a": [1]}, {"turns": 3}, 15.0, 45.0, None)
    assert read_order(write_order(order)) == order
    refused = Refused(ID, "mismatch", "host", "why", {"a": [2]})
    assert read_answer(write_refusal(refused), ID) == refused
    events = trial(ID)
    kept = tmp_path / "transcripts" / f"{ID}.jsonl"
    kept.parent.mkdir()
    kept.write_bytes(b"said\n" * 1000)
    (tmp_path / "transcripts" / "link").symlink_to("/etc/passwd")
    data = write_bundle(Ran(ID, "host"), events, tmp_path)
    files = {f"transcripts/{ID}.jsonl": b"said\n" * 1000}
    assert read_answer(data, ID) == Bundle(Ran(ID, "host"), tuple(events), files)
    assert len(data) < 2000


@pytest.mark.parametrize(
    "name",
    [
        f"files/journal/{ID}.jsonl",
        "files/transcripts/another.jsonl",
        f"files/../../transcripts/{ID}",
        f"files/transcripts/{ID}/../../../x",
        f"/files/transcripts/{ID}",
        f"files/{ID}",
        f"transcripts/{ID}",
    ],
)
def test_a_file_outside_its_own_places_is_refused(name: str) -> None:
    with pytest.raises(BadBundle, match="does not belong"):
        read_answer(packed(Ran(ID, "host"), **{name: b"x"}), ID)


def test_a_bundle_that_is_not_this_trials_is_refused(tmp_path: Path) -> None:
    whole = write_bundle(Ran(ID, "host"), trial(ID), tmp_path)
    with pytest.raises(BadBundle, match=f"it is of trial {ID}"):
        read_answer(whole, "r1-C-T3-0-2")
    foreign = "".join(f"{to_json(e)}\n" for e in (started(ID), *trial("other")))
    with pytest.raises(BadBundle, match="events of other"):
        read_answer(packed(Ran(ID, "host"), **{"events.jsonl": foreign.encode()}), ID)
    headless = f"{to_json(ended(ID))}\n".encode()
    with pytest.raises(BadBundle, match="no beginning"):
        read_answer(packed(Ran(ID, "host"), **{"events.jsonl": headless}), ID)


def test_a_bundle_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write_bundle(Ran(ID, "host"), [started(ID), ended(ID)], tmp_path)
    for size in range(len(whole)):
        with pytest.raises(BadBundle):
            read_answer(whole[:size], ID)


# ---- on record --------------------------------------------------------------------------


def on_record(path: Path, events: list[Event]) -> RunRecord:
    with Journal.create(path) as journal:
        journal.append(RunStarted("r1", "scripted", {}, "2026-11-23T10:00:00Z"))
        journal.append(AttemptIssued("r1", ID, "C", "T3", 0, 1, 3.0))
        for event in events:
            journal.append(event)
    return read_run(path, CARD)


def test_a_lost_attempt_counts_for_its_whole_cap_and_one_not_begun_for_nothing(
    tmp_path: Path,
) -> None:
    events: list[Event] = []
    lost = was_lost(run(tmp_path), events.extend, ATTEMPT, "host7 died")
    assert (lost.attempt, lost.reason) == (ATTEMPT, "host7 died")
    (attempt,) = on_record(tmp_path / "lost.jsonl", events).attempts
    assert attempt.usd == 3.0
    assert attempt.ended
    assert (attempt.ended.status, attempt.ended.reason) == ("infra", "host7 died")
    events = []
    never_began(run(tmp_path), events.extend, ATTEMPT, "the operator asked", "Stopped")
    (attempt,) = on_record(tmp_path / "stopped.jsonl", events).attempts
    assert attempt.usd == 0.0
    assert attempt.ended
    assert attempt.ended.detail["failure"] == "Stopped"


def test_what_a_bundle_spent_is_what_its_record_says_it_spent(tmp_path: Path) -> None:
    settled = call(ID, 1, Usage(1000, 100, 2000, 0, 5000))
    lost: list[Event] = [
        CallReserved(ID, 2, 1, "orchestrator", OPUS, 0.7),
        CallSettled(ID, 2, 1, "orchestrator", OPUS, Usage(), 1.0, error="gone", lost=True),
    ]
    dumb: list[Event] = [
        CallReserved(ID, 3, 1, "orchestrator", OPUS, 0.4),
        CallSettled(ID, 3, 1, "orchestrator", OPUS, Usage(), 1.0, detail={"usage_missing": True}),
    ]
    open_call = [CallReserved(ID, 4, 1, "orchestrator", OPUS, 0.2)]
    events: list[Event] = [
        started(ID),
        *settled,
        *lost,
        *dumb,
        tool(ID, 1, "bash", 4),
        *open_call,
        ended(ID),
    ]
    spent = spent_usd(events, CARD)
    assert spent == pytest.approx(0.7 + 0.4 + 0.2 + CARD.usd(OPUS, Usage(1000, 100, 2000, 0, 5000)))
    (attempt,) = on_record(tmp_path / "r1.jsonl", events).attempts
    assert attempt.usd == pytest.approx(spent)


def test_files_are_kept_before_the_events_that_speak_of_them(tmp_path: Path) -> None:
    name = f"transcripts/{ID}.jsonl"
    there: list[bool] = []
    bundle = Bundle(Ran(ID, "host"), tuple(trial(ID)), {name: b"said"})
    outcome = came_back(
        run(tmp_path), lambda _events: there.append((tmp_path / name).exists()), ATTEMPT, bundle
    )
    assert isinstance(outcome, Done)
    assert there == [True]  # all at once
    (tmp_path / "file").write_text("in the way")
    blocked = replace(run(tmp_path), results=tmp_path / "file")
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        came_back(blocked, there.append, ATTEMPT, bundle)  # type: ignore[arg-type]


@pytest.mark.parametrize("events", [(), (started(ID), *call(ID, 1, Usage(1000, 10)))])
def test_a_trial_that_broke_off_gets_its_end_and_says_where(
    tmp_path: Path, events: tuple[Event, ...]
) -> None:
    told: list[Event] = []
    bundle = Bundle(Ran(ID, "host7", "the disk is full"), events)
    outcome = came_back(run(tmp_path), told.extend, ATTEMPT, bundle)
    assert isinstance(outcome, Broken)
    assert str(outcome.error) == "host7: the disk is full"
    (attempt,) = on_record(tmp_path / "r1.jsonl", told).attempts
    assert attempt.ended
    assert attempt.ended.status == "infra"
    assert attempt.usd == pytest.approx(spent_usd(events, CARD))
