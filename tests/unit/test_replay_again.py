"""A recorded trial runs again: the same calls, the same money, the same end, and nobody asked."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import bash, calls, ran, says
from stage import PAIR, RED, SOLO, Stage
from taped import (
    HAND,
    KEY,
    SOLVED,
    Replayed,
    Replies,
    delegated,
    lost,
    record_trial,
    refused,
    replay,
)

from runner.config.arms import Arm
from runner.errors import ModelFailure
from runner.events import CallReserved, CallSettled, Event


def facts(events: list[Event]) -> list[object]:
    """What of a trial's calls must be the same when it is replayed."""
    return [
        (e.seq, e.iteration, e.role, e.model, e.usage, e.stop_reason, e.request_id, e.lost)
        if isinstance(e, CallSettled)
        else e
        for e in events
        if isinstance(e, CallSettled | CallReserved)
    ]


@pytest.mark.parametrize(
    ("lead", "executor", "arm"),
    [
        (SOLVED, [], SOLO),
        (*delegated(), PAIR),
        ([calls(bash("ls"))] * 4, [], SOLO),
        ([says("BLOCKED: no")], [], SOLO),
        ([lost(), says("DONE")], [], SOLO),
        ([lost(), lost("timeout"), lost()], [], SOLO),
        ([lost("overloaded_error")], [], SOLO),
        ([calls(HAND), says("DONE")], [lost("context_length")], PAIR),
        ([calls(HAND)], [ModelFailure("no", kind="api_error", lost=False)], PAIR),
        ([says("", "max_tokens"), says("", "pause_turn"), says("DONE")], [], SOLO),
    ],
    ids=[
        "solved", "delegated", "cap", "blocked", "sent again", "lost for good", "overloaded",
        "context", "executor fails", "no words",
    ],
)  # fmt: skip
def test_calls_money_and_end_are_the_recorded_ones(
    tmp_path: Path, lead: Replies, executor: Replies, arm: Arm
) -> None:
    original = Stage(lead=list(lead), executor=list(executor), arm=arm)
    before = original()
    _, recording = record_trial(tmp_path / "tape", list(lead), list(executor), arm=arm)
    ended, stage = replay(recording, arm=arm)
    assert (ended.status, ended.success, ended.reason) == (
        before.status, before.success, before.reason,
    )  # fmt: skip
    assert facts(stage.events) == facts(original.events)
    assert stage.replay.exact == recording.calls


def test_latencies_are_the_recorded_ones_and_waits_are_not_waited_again(tmp_path: Path) -> None:
    slow = replace(says("DONE"), latency_s=100.0, detail={"wait_s": 50.0, "attempts": 2})
    before, recording = record_trial(tmp_path / "tape", [slow])
    assert before.wait_s == 50.0
    ended, stage = replay(recording)
    assert ended.model_s == 100.0
    assert (ended.wait_s, ended.wall_s > 0) == (0.0, True)
    (call,) = [e for e in stage.events if isinstance(e, CallSettled)]
    assert call.detail == {"recorded_wait_s": 50.0, "attempts": 2}


def test_the_judge_may_say_something_else_of_the_same_calls(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED))
    assert Replayed(recording=recording, report=RED)().status == "failed"


def test_what_is_volatile_in_a_tools_output_does_not_refuse(tmp_path: Path) -> None:
    from_then = b"1356 passed in 45.12s (0:00:45)\n<object at 0x7f0011223344>"
    from_now = b"1356 passed in 9.50s (0:00:09)\n<object at 0x7fffeeddccbb>"
    _, recording = record_trial(tmp_path / "tape", list(SOLVED), output=from_then)
    ended, stage = replay(recording, lambda _: ran(from_now))
    assert ended.status == "solved"
    assert (stage.replay.exact, stage.replay.alike) == (1, 2)


def test_thinking_blocks_are_echoed_untouched(tmp_path: Path) -> None:
    raw = [{"type": "thinking", "thinking": "hm", "signature": "x=="}, {"type": "tool_use"}]
    _, recording = record_trial(tmp_path / "tape", [replace(SOLVED[0], raw=raw), says("DONE")])  # type: ignore[type-var]
    _, stage = replay(recording)
    assert stage.replay._given[1].raw == raw
    assert stage.replay.exact == 2


def test_text_that_is_no_utf_8_is_replayed(tmp_path: Path) -> None:
    odd = replace(calls(bash("ls")), text="\ud800 \x00")
    _, recording = record_trial(tmp_path / "tape", [odd, says("DONE")], output=b"\xff\xfe\x1b[31m")
    ended, stage = replay(recording, lambda _: ran(b"\xff\xfe\x1b[31m"))
    assert (ended.status, stage.replay.exact) == ("solved", 2)
    ended, _ = replay(recording, lambda _: ran(b"\xfe\x1b[32m"))
    said = refused(ended)
    assert "\\x1b[31m" in said  # shown, not obeyed
    assert "\x1b" not in said


def test_a_trial_with_a_key_in_it_replays_with_the_key_taken_out(tmp_path: Path) -> None:
    lead: Replies = [replace(calls(bash(f"echo {KEY}")), text=f"I have {KEY}"), says("DONE")]
    _, recording = record_trial(tmp_path / "tape", lead, output=f"{KEY}\n".encode())
    ended, stage = replay(recording, lambda command: ran(command.removeprefix("echo ").encode()))
    assert (ended.status, stage.replay.exact) == ("solved", 2)


def test_a_replay_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, recording = record_trial(tmp_path / "tape", *delegated(), arm=PAIR)

    def none(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", none)
    assert replay(recording, arm=PAIR)[0].status == "solved"
