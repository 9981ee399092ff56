"""What becomes of a run at each fault that needs no container engine to happen.

Each case starts `runner matrix` as a process of its own, lets the fault happen, and starts the
same command again. `docs/operations.md` tells the same to a person; CASES names its rows.
"""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from run_record import (
    acknowledged,
    ended,
    events_of,
    faults_in,
    journal_of,
    kinds_of,
    record_of,
    sessions,
)
from run_steps import goes_on, seen, until
from warm import NO_DATABASE, Warm

from runner.events import CallReserved, CallSettled, SessionEnded
from runner.ledger.duck import query

TWO = ("matrix", "-n", "2", "--arms", "D", "--tasks", "S1", "--jobs", "2", "--models")
RUN = (*TWO, "scripted:oracle")


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm(docker=False) as commands:
        yield commands


def settled(results: Path) -> bool:
    """Whether every call that was sent has its end on record."""
    events = events_of(results)
    sent = {(e.trial_id, e.seq) for e in events if isinstance(e, CallReserved)}
    return sent == {(e.trial_id, e.seq) for e in events if isinstance(e, CallSettled)}


# ---- it is ended ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "number", "when"),
    [
        ("Writer", 1, "torn"),
        ("Writer", 1, "synced"),
        ("RunStarted", 1, "torn"),
        ("AttemptIssued", 2, "synced"),
        ("CallReserved", 3, "synced"),
        ("CallSettled", 2, "torn"),
        ("TrialEnded", 1, "synced"),
        ("SessionEnded", 1, "torn"),
    ],
)
def test_killed_at_any_point_it_loses_nothing_that_was_acknowledged(
    warm: Warm, tmp_path: Path, kind: str, number: int, when: str
) -> None:
    killed = warm.run(tmp_path, *RUN, edges=(f"killed_at:{kind}:{number}:{when}",))
    assert killed.code == -signal.SIGKILL, killed.said
    before = acknowledged(tmp_path)
    goes_on(warm, tmp_path, *RUN)
    assert journal_of(tmp_path).read_bytes().startswith(before)


def test_money_of_a_call_that_a_kill_cut_off_counts_as_spent(warm: Warm, tmp_path: Path) -> None:
    warm.run(tmp_path, *RUN, edges=("killed_at:CallReserved:1:synced",))
    (reserved,) = (e for e in events_of(tmp_path) if isinstance(e, CallReserved))
    assert record_of(tmp_path).spent_usd == {"D": pytest.approx(reserved.usd)}
    refused = warm.run(tmp_path, *RUN, "--budget", f"{reserved.usd:.6f}")
    assert refused.code == 4, refused.said
    assert kinds_of(journal_of(tmp_path)).count("CallReserved") == 1


def test_one_interrupt_lets_the_calls_in_flight_finish(warm: Warm, tmp_path: Path) -> None:
    slow = (*TWO, "scripted:oracle?latency=0.4")
    command = warm.start(tmp_path, *slow)
    until(lambda: seen(tmp_path, "CallReserved", 2), command)
    command.send(signal.SIGINT)
    assert command.wait() == 130
    assert settled(tmp_path)
    assert kinds_of(journal_of(tmp_path)).count("CallReserved") == 2
    assert events_of(tmp_path)[-1].state == "paused"  # type: ignore[union-attr]
    assert "the same command goes on with it" in command.said
    goes_on(warm, tmp_path, *slow)


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGHUP,)]
)
def test_two_interrupts_a_sigterm_or_a_lost_terminal_stop_it_now(
    warm: Warm, tmp_path: Path, signals: tuple[int, ...]
) -> None:
    slow = (*TWO, "scripted:oracle?latency=20")
    command = warm.start(tmp_path, *slow)
    until(lambda: seen(tmp_path, "CallReserved", 2), command)
    *first, last_signal = signals
    for number in first:  # two that come at once would be one
        command.send(number)
        until(lambda: "no more are sent" in command.said, command)
    asked = datetime.now(UTC)
    command.send(last_signal)
    assert command.wait() == 130
    last = events_of(tmp_path)[-1]
    assert isinstance(last, SessionEnded)
    took = datetime.fromisoformat(last.ended_at) - asked
    assert took.total_seconds() < 15  # long before the model answers
    assert "given up" in last.reason
    assert not settled(tmp_path)
    unsettled = sum(e.usd for e in events_of(tmp_path) if isinstance(e, CallReserved))
    assert record_of(tmp_path).spent_usd == {"D": pytest.approx(unsettled)}


def test_who_wants_it_to_outlive_the_terminal_gets_that(warm: Warm, tmp_path: Path) -> None:
    slow = (*TWO, "scripted:oracle?latency=0.2")
    command = warm.start(tmp_path, *slow, edges=("no_hangup",))
    until(lambda: seen(tmp_path, "CallReserved", 2), command)
    command.send(signal.SIGHUP)
    assert command.wait() == 0, command.said


# ---- others are there -------------------------------------------------------------------


def test_a_second_runner_of_the_run_is_refused_and_another_run_is_not(
    warm: Warm, tmp_path: Path
) -> None:
    database = tmp_path / "trials.duckdb"
    slow = (*TWO, "scripted:oracle?latency=0.3")
    first = warm.start(tmp_path, *slow, RUNNER_DB=str(database))
    until(lambda: seen(tmp_path, "TrialStarted"), first)
    second = warm.run(tmp_path, *slow)
    assert second.code == 3
    assert f"process {first.pid}" in second.said
    other = warm.run(tmp_path, *RUN[:6], "S2", *RUN[7:], RUNNER_DB=str(database))
    assert (other.code, first.wait()) == (0, 0), other.said + first.said
    rows = query(database, "select task, count(*) from trials group by 1").rows
    assert sorted(rows) == [("S1", 2), ("S2", 2)]


def test_a_database_that_somebody_holds_does_not_hold_up_the_run(
    warm: Warm, tmp_path: Path
) -> None:
    database = tmp_path / "trials.duckdb"
    with duckdb.connect(database):
        env = {"RUNNER_DB": str(database), "RUNNER_DB_WAIT_S": "0.05"}
        command = warm.run(tmp_path, *RUN[:2], "4", *RUN[3:], **env)
        assert command.code == 0, command.said
    assert command.said.count("the run goes on") == 1
    assert f"process {os.getpid()}" in command.said
    assert "safe in its journal" in command.said
    assert warm.run(tmp_path, "status", RUNNER_DB=str(database)).code == 0
    assert query(database, "select count(*) from trials").rows == ((4,),)


def test_a_database_deleted_in_mid_run_is_made_anew(warm: Warm, tmp_path: Path) -> None:
    database = tmp_path / "trials.duckdb"
    four = (*RUN[:2], "4", *TWO[3:], "scripted:oracle?latency=0.1")
    command = warm.start(tmp_path, *four, RUNNER_DB=str(database))
    until(database.exists, command)
    database.unlink()
    assert command.wait() == 0, command.said
    assert query(database, "select count(*) from trials where success").rows == ((4,),)


def test_a_run_whose_database_cannot_be_made_goes_on_without_one(
    warm: Warm, tmp_path: Path
) -> None:
    command = warm.run(tmp_path, *RUN, RUNNER_DB=NO_DATABASE)
    assert command.code == 0, command.said
    assert command.said.count("the run goes on") == 1
    assert "safe in its journal" in command.said


@pytest.mark.parametrize("how", ["pipe", "disk"])
def test_output_that_nobody_takes_does_not_end_the_run(
    warm: Warm, tmp_path: Path, how: str
) -> None:
    command = warm.run(tmp_path, *RUN, edges=(f"output_gone:{how}",))
    assert (command.code, command.said) == (0, "")
    assert [end.status for end in ended(tmp_path)] == ["solved", "solved"]
    assert events_of(tmp_path)[-1].state == "complete"  # type: ignore[union-attr]


# ---- the disk ---------------------------------------------------------------------------


@pytest.mark.parametrize("after", [2, 9])
def test_a_disk_full_while_journaling_stops_the_run_before_more_is_spent(
    warm: Warm, tmp_path: Path, after: int
) -> None:
    command = warm.run(tmp_path, *RUN, edges=(f"disk_full:journal:{after}",))
    assert command.code == 3, command.said
    assert "No space left on device" in command.said
    goes_on(warm, tmp_path, *RUN)


@pytest.mark.parametrize("folder", ["transcripts", "changes"])
def test_a_disk_full_under_what_is_kept_besides_pauses_the_run(
    warm: Warm, tmp_path: Path, folder: str
) -> None:
    command = warm.run(tmp_path, *RUN, edges=(f"disk_full:{folder}:3",))
    assert command.code == 3, command.said
    assert f"/{folder}/" in command.said
    assert {end.status for end in ended(tmp_path)} == {"infra"}
    assert events_of(tmp_path)[-1].state == "paused"  # type: ignore[union-attr]
    goes_on(warm, tmp_path, *RUN)


def test_a_torn_last_line_is_dropped(warm: Warm, tmp_path: Path) -> None:
    assert warm.run(tmp_path, *RUN[:2], "1", *RUN[3:]).code == 0
    whole = journal_of(tmp_path).read_bytes()
    journal_of(tmp_path).write_bytes(whole + b'{"n":99,"crc":"00')
    said = goes_on(warm, tmp_path, *RUN).said
    assert f"torn last line of 17 bytes from {journal_of(tmp_path)}" in said
    assert journal_of(tmp_path).read_bytes().startswith(whole)
    assert "torn" not in warm.run(tmp_path, *RUN).said


def test_a_journal_damaged_in_its_middle_is_refused_with_the_line(
    warm: Warm, tmp_path: Path
) -> None:
    assert warm.run(tmp_path, *RUN).code == 0
    lines = journal_of(tmp_path).read_bytes().split(b"\n")
    lines[4] = lines[4].replace(b":", b";", 1)
    journal_of(tmp_path).write_bytes(b"\n".join(lines))
    refused = warm.run(tmp_path, *RUN[:2], "3", *RUN[3:])
    assert refused.code == 3
    assert "damaged at line 5" in refused.said
    assert journal_of(tmp_path).read_bytes() == b"\n".join(lines)


# ---- the clock --------------------------------------------------------------------------


def test_a_clock_that_jumps_by_a_day_changes_no_duration(warm: Warm, tmp_path: Path) -> None:
    command = warm.run(tmp_path, *RUN, edges=("clock_jumps",))
    assert command.code == 0, command.said
    for end in ended(tmp_path):
        assert end.status == "solved"
        assert all(0 <= s < 60 for s in (end.wall_s, end.model_s, end.tool_s, end.judge_s))  # type: ignore[operator]
    calls = [e for e in events_of(tmp_path) if isinstance(e, CallSettled)]
    assert all(0 <= (call.latency_s or 0) < 60 for call in calls)


# ---- money ------------------------------------------------------------------------------


def test_at_its_budget_a_run_pauses_and_goes_on_with_a_higher_one(
    warm: Warm, tmp_path: Path
) -> None:
    command = warm.run(tmp_path, *RUN, "--budget", "0.03")
    assert command.code == 4, command.said
    assert sum(record_of(tmp_path).spent_usd.values()) <= 0.03
    before = kinds_of(journal_of(tmp_path)).count("CallReserved")
    assert before
    again = warm.run(tmp_path, *RUN, "--budget", "0.03")
    assert again.code == 4
    kept = warm.run(tmp_path, *RUN)
    assert kept.code == 4
    assert "limit $0.03" in kept.said
    goes_on(warm, tmp_path, *RUN, "--budget", "1")


def test_at_its_own_budget_an_arm_ends_and_the_others_complete(warm: Warm, tmp_path: Path) -> None:
    both = ("matrix", "-n", "1", "--arms", "A,D", "--tasks", "S1", "--models", "scripted:oracle")
    command = warm.run(tmp_path, *both, "--arm-budget", "0.15")
    assert command.code == 4, command.said
    assert "arm A" in command.said
    record = record_of(tmp_path)
    assert record.spent_usd["A"] <= 0.15
    solved = {e.trial_id for e in ended(tmp_path) if e.status == "solved"}
    assert {a.arm for a in record.attempts if a.trial_id in solved} == {"D"}
    goes_on(warm, tmp_path, *both, "--arm-budget", "5")


# ---- the question changes ---------------------------------------------------------------


def test_a_higher_n_goes_on_with_the_same_run(warm: Warm, tmp_path: Path) -> None:
    assert warm.run(tmp_path, *RUN[:2], "1", *RUN[3:]).code == 0
    goes_on(warm, tmp_path, *RUN)
    assert sessions(tmp_path) == 2
    done = journal_of(tmp_path).read_bytes()
    assert warm.run(tmp_path, *RUN).code == 0  # nothing is left to do: nothing is run
    assert "AttemptIssued" not in str(journal_of(tmp_path).read_bytes()[len(done) :])


def test_a_run_made_of_other_things_is_refused_with_the_difference(
    warm: Warm, tmp_path: Path
) -> None:
    assert warm.run(tmp_path, *RUN, "--budget", "0.001").code == 4
    changed = (*RUN, "--max-iters", "7")
    refused = warm.run(tmp_path, *changed)
    assert refused.code == 2
    assert "max_turns.D/S1: 100 -> 7" in refused.said
    old = journal_of(tmp_path)
    anew = warm.run(tmp_path, *changed, "--new")
    assert anew.code == 0, anew.said
    assert len(list(old.parent.glob("*.jsonl"))) == 2
    assert json.loads(old.read_bytes().splitlines()[-1])["event"]["kind"] == "SessionEnded"


def test_new_given_again_goes_on_with_the_run_it_made(warm: Warm, tmp_path: Path) -> None:
    anew = (*RUN, "--new")
    killed = warm.run(tmp_path, *anew, edges=("killed_at:TrialEnded:1:synced",))
    assert killed.code == -signal.SIGKILL
    short = warm.run(tmp_path, *anew, "--budget", "0.001")
    assert short.code == 4
    run = journal_of(tmp_path).stem  # still the only one
    assert f"the same command with --run {run} in place of --new" in short.said
    goes_on(warm, tmp_path, *anew, "--budget", "1")
    assert warm.run(tmp_path, *anew).code == 0
    assert len(list((tmp_path / "journal").glob("*.jsonl"))) == 2  # that one was complete


# ---- the sandbox ------------------------------------------------------------------------


def test_a_sandbox_that_cannot_be_opened_is_tried_again(warm: Warm, tmp_path: Path) -> None:
    command = warm.run(tmp_path, *RUN, edges=("sandboxes_fail:1:2",))
    assert command.code == 0, command.said
    assert sorted(e.status for e in ended(tmp_path)) == ["infra", "infra", "solved", "solved"]
    assert faults_in(events_of(tmp_path)) == []


def test_the_third_failure_of_one_trial_pauses_the_run(warm: Warm, tmp_path: Path) -> None:
    command = warm.run(tmp_path, *RUN, edges=("sandboxes_fail:1:99",))
    assert command.code == 3, command.said
    assert "3rd attempt" in command.said
    goes_on(warm, tmp_path, *RUN)


def test_a_local_model_that_cannot_be_loaded_stops_its_own_arm_only(
    warm: Warm, tmp_path: Path
) -> None:
    both = ("matrix", "-n", "1", "--arms", "B,D", "--tasks", "S1", "--models", "scripted:oracle")
    command = warm.run(tmp_path, *both, edges=("local_models:no",))
    assert command.code == 3, command.said
    assert "cannot be loaded: no memory" in command.said
    arms = {each.trial_id: each.arm for each in record_of(tmp_path).attempts}
    ends = sorted((arms[e.trial_id], e.status) for e in ended(tmp_path))
    assert ends == [("B", "infra"), ("B", "infra"), ("B", "infra"), ("D", "solved")]
    again = warm.run(tmp_path, *both, edges=("local_models:yes",))
    assert again.code == 0, again.said
    assert faults_in(events_of(tmp_path)) == []


def test_a_bug_in_one_trial_pauses_the_run_and_leaves_its_traceback(
    warm: Warm, tmp_path: Path
) -> None:
    slow = (*TWO, "scripted:oracle?latency=0.2")
    command = warm.run(tmp_path, *slow, edges=("bug:2",))
    assert command.code == 3, command.said
    last = events_of(tmp_path)[-1]
    assert isinstance(last, SessionEnded)
    assert "KeyError('a bug')" in last.reason
    assert settled(tmp_path)  # the one beside it came back
    assert len(ended(tmp_path)) == 2
    trace = journal_of(tmp_path).with_suffix(".errors.txt")
    assert str(trace) in command.said.replace("\n", "")
    assert "Traceback" in trace.read_text()
    goes_on(warm, tmp_path, *slow)


CASES = (
    ("sigkill", test_killed_at_any_point_it_loses_nothing_that_was_acknowledged),
    ("sigkill-in-call", test_money_of_a_call_that_a_kill_cut_off_counts_as_spent),
    ("sigint", test_one_interrupt_lets_the_calls_in_flight_finish),
    ("stop-now", test_two_interrupts_a_sigterm_or_a_lost_terminal_stop_it_now),
    ("nohup", test_who_wants_it_to_outlive_the_terminal_gets_that),
    ("two-runners", test_a_second_runner_of_the_run_is_refused_and_another_run_is_not),
    ("database-held", test_a_database_that_somebody_holds_does_not_hold_up_the_run),
    ("database-deleted", test_a_database_deleted_in_mid_run_is_made_anew),
    ("database-unusable", test_a_run_whose_database_cannot_be_made_goes_on_without_one),
    ("output-gone", test_output_that_nobody_takes_does_not_end_the_run),
    ("disk-full-journal", test_a_disk_full_while_journaling_stops_the_run_before_more_is_spent),
    ("disk-full-other", test_a_disk_full_under_what_is_kept_besides_pauses_the_run),
    ("journal-torn", test_a_torn_last_line_is_dropped),
    ("journal-damaged", test_a_journal_damaged_in_its_middle_is_refused_with_the_line),
    ("clock-jumps", test_a_clock_that_jumps_by_a_day_changes_no_duration),
    ("budget", test_at_its_budget_a_run_pauses_and_goes_on_with_a_higher_one),
    ("arm-budget", test_at_its_own_budget_an_arm_ends_and_the_others_complete),
    ("n-raised", test_a_higher_n_goes_on_with_the_same_run),
    ("lock-changed", test_a_run_made_of_other_things_is_refused_with_the_difference),
    ("new-again", test_new_given_again_goes_on_with_the_run_it_made),
    ("sandbox-fails-once", test_a_sandbox_that_cannot_be_opened_is_tried_again),
    ("sandbox-fails", test_the_third_failure_of_one_trial_pauses_the_run),
    ("model-not-loaded", test_a_local_model_that_cannot_be_loaded_stops_its_own_arm_only),
    ("bug", test_a_bug_in_one_trial_pauses_the_run_and_leaves_its_traceback),
)
