import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_samples import CARDS, HAIKU, OPUS, call, ended, started, tool, trial, write_journal

from runner.errors import EnvironmentProblem, UsageError
from runner.events import (
    AttemptIssued,
    CallSettled,
    Event,
    RunStarted,
    SessionEnded,
    SessionStarted,
)
from runner.ledger.journal import Journal
from runner.ledger.journal_format import to_json
from runner.ledger.journal_lines import line
from runner.ledger.runs import RunRecord, read_run
from runner.types import Usage

CARD = CARDS["list-2026-11"]
AT = "2026-11-23T10:00:00Z"
BEGUN = RunStarted("r1", "scripted", {"arms": ["C"]}, AT)
SESSION = SessionStarted("r1", 3, False, 7, 4, 40.0, None, "here", AT)
PAUSED = SessionEnded("r1", "paused", "interrupted", AT)
DOLLAR = Usage(input_tokens=1_000_000)  # of the small model


def issued(trial_id: str, arm: str = "C", usd: float = 0.0) -> AttemptIssued:
    return AttemptIssued("r1", trial_id, arm, "T3", 0, 1, usd)


def run_of(folder: Path, *events: Event) -> RunRecord:
    return read_run(write_journal(folder, "r1", [BEGUN, SESSION, *events]), CARD)


# ---- what is refused ------------------------------------------------------------------------


def test_a_journal_of_a_single_trial_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"r1\.jsonl is not a matrix run's"):
        read_run(write_journal(tmp_path, "r1", trial("t1")), CARD)


def test_damage_names_the_line(tmp_path: Path) -> None:
    path = write_journal(tmp_path, "r1", [BEGUN, SESSION, *trial("t1")])
    path.write_bytes(path.read_bytes().replace(b'"usd":0.5', b'"usd":0.4', 1))
    with pytest.raises(EnvironmentProblem, match=r"r1\.jsonl is damaged at line 5"):
        read_run(path, CARD)


@pytest.mark.parametrize("last", [call("t9", 1, Usage())[0], ended("t9")])
def test_money_of_a_trial_that_never_began_is_not_passed_over(tmp_path: Path, last: Event) -> None:
    with pytest.raises(EnvironmentProblem, match="line 4: trial t9 has not begun"):
        run_of(tmp_path, last)


def test_money_after_a_trials_end_is_not_passed_over(tmp_path: Path) -> None:
    late = call("t1", 9, Usage())[0]
    with pytest.raises(EnvironmentProblem, match="line 16: trial t1 has not begun, or has ended"):
        run_of(tmp_path, *trial("t1"), late)


def test_a_model_without_a_price_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no price"):
        run_of(tmp_path, started("t1"), *call("t1", 1, DOLLAR, model="unheard-of"))


def test_cut_at_every_byte_a_run_is_read_up_to_there(tmp_path: Path) -> None:
    path = write_journal(tmp_path, "r1", [BEGUN, SESSION, issued("t1", usd=2.0), *trial("t1")])
    data = path.read_bytes()
    begun = data.index(b"\n", data.index(b"RunStarted")) + 1
    spent = []
    for length in range(len(data)):
        path.write_bytes(data[:length])
        if length < begun:
            with pytest.raises(EnvironmentProblem, match="is not a matrix run's"):
                read_run(path, CARD)
            continue
        spent.append(read_run(path, CARD).spent_usd.get("C", 0.0))
    true_usd = read_run(path, CARD).spent_usd["C"] - 2.0
    assert min(spent[spent.index(2.0) :]) >= true_usd


# ---- what is told ---------------------------------------------------------------------------


def test_a_run_that_never_had_a_session_has_no_goal_yet(tmp_path: Path) -> None:
    run = read_run(write_journal(tmp_path, "r1", [BEGUN]), CARD)
    assert (run.run_id, run.provider_kind, run.lock) == ("r1", "scripted", {"arms": ["C"]})
    assert (run.n, run.fixed, run.seed, run.sessions, run.ended) == (0, False, 0, 0, None)
    assert (run.attempts, run.spent_usd) == ((), {})


def test_the_last_session_counts_and_one_that_broke_off_has_no_end(tmp_path: Path) -> None:
    again = replace(SESSION, n=5, fixed=True, seed=8)
    run = run_of(tmp_path, PAUSED, again)
    assert (run.n, run.fixed, run.seed, run.sessions, run.ended) == (5, True, 8, 2, None)
    with Journal.resume(tmp_path / "r1.jsonl") as journal:
        journal.append(PAUSED)
    assert read_run(journal.path, CARD).ended == PAUSED


def test_attempts_come_in_the_order_they_were_issued(tmp_path: Path) -> None:
    end = replace(ended("t2", "budget"), detail={"limit": "arm", "harness": {"long": "text"}})
    run = run_of(
        tmp_path, issued("t1"), issued("t2"), started("t2"), issued("t3"), started("t1"), end
    )
    assert [(each.trial_id, each.started, each.ended) for each in run.attempts] == [
        ("t1", True, None),
        ("t2", True, replace(end, detail={"limit": "arm"})),
        ("t3", False, None),
    ]


@pytest.mark.parametrize(
    ("events", "usd"),
    [
        (call("t1", 1, DOLLAR, model=HAIKU), 1.0),
        (call("t1", 1, DOLLAR)[:1], 0.5),
        (
            [
                call("t1", 1, DOLLAR)[0],
                CallSettled("t1", 1, 1, "solo", OPUS, DOLLAR, 1.0, error="reset", lost=True),
            ],
            0.5,
        ),
        (
            [
                call("t1", 1, DOLLAR)[0],
                CallSettled("t1", 1, 1, "solo", OPUS, DOLLAR, 1.0, detail={"usage_missing": True}),
            ],
            0.5,
        ),
        (
            [
                call("t1", 1, DOLLAR)[0],
                CallSettled("t1", 1, 1, "solo", OPUS, Usage(), 1.0, error="overloaded"),
            ],
            0.0,
        ),
    ],
    ids=["settled", "unsettled", "lost", "tokens missing", "refused"],
)
@pytest.mark.parametrize("closed", [True, False], ids=["ended", "broken off"])
def test_what_a_call_counts_for(
    tmp_path: Path, events: Sequence[Event], usd: float, closed: bool
) -> None:
    end = [ended("t1")] if closed else []
    run = run_of(tmp_path, started("t1"), *events, tool("t1", 1, "bash", 5), *end)
    assert run.spent_usd == {"C": pytest.approx(usd)}
    assert run.attempts[0].usd == run.spent_usd["C"]


def test_what_was_set_aside_for_an_attempt_counts_until_its_end(tmp_path: Path) -> None:
    paid = call("t1", 1, DOLLAR, model=HAIKU)
    assert run_of(tmp_path / "1", issued("t1", usd=2.0)).spent_usd == {"C": 2.0}
    assert run_of(tmp_path / "2", issued("t1", usd=2.0), started("t1"), *paid).spent_usd == {
        "C": 3.0
    }
    whole = run_of(tmp_path / "3", issued("t1", usd=2.0), started("t1"), *paid, ended("t1"))
    assert whole.spent_usd == {"C": 1.0}


def test_spending_is_told_by_arm(tmp_path: Path) -> None:
    run = run_of(tmp_path, issued("t1", "A", 2.0), issued("t2", "B", 3.0), issued("t3", "A", 0.5))
    assert run.spent_usd == {"A": 2.5, "B": 3.0}


def test_calls_in_an_unusual_form_count_like_others(tmp_path: Path) -> None:
    reserve, settle = call("t1", 1, DOLLAR, model=HAIKU)
    lost = call("t1", 2, DOLLAR)[0]
    path = write_journal(tmp_path, "r1", [BEGUN, SESSION, started("t1")])
    with path.open("ab") as file:
        for number, event in enumerate((reserve, settle, lost), start=5):
            turned = dict(reversed(json.loads(to_json(event)).items()))
            file.write(line(number, json.dumps(turned)))
    assert read_run(path, CARD).spent_usd == {"C": 1.5}
