"""A recorded trial runs again without its models, and stops at the first request that differs."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import DictSandbox, bash, calls, ran, says
from stage import PAIR, RED, SOLO, Stage
from taped import KEY, Replayed, lost, record_trial

from runner.config.arms import Arm
from runner.errors import LimitReached, ModelFailure
from runner.events import CallReserved, CallSettled, Event, TrialEnded
from runner.recording.compare import DIFF_LINES
from runner.recording.exchanges import Exchange, Exchanges
from runner.recording.replay import DIFFERS
from runner.types import ExecResult, Reply, ToolCall, Usage

Replies = list[Reply | Exception]

HAND = ToolCall("d1", "delegate_to_executor", {"instruction": "Do it."})
SOLVED: Replies = [calls(bash("ls")), calls(bash("harness", "c2")), says("DONE")]


def delegated() -> tuple[Replies, Replies]:
    return [calls(HAND), says("DONE")], [calls(bash("ls")), says("DONE: did it")]


def replay(
    recording: Exchanges, answers: Callable[[str], ExecResult] | None = None, arm: Arm = SOLO
) -> tuple[TrialEnded, Replayed]:
    """Play a recording; `answers` gives what a command prints this time."""
    stage = Replayed(recording=recording, arm=arm)
    if answers:
        usual = stage.run

        def run(sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
            return answers(argv[-1]) if argv[0] == "bash" else usual(sandbox, argv)

        stage.run = run  # type: ignore[method-assign]
    return stage(), stage


def refused(ended: TrialEnded) -> str:
    """Why a replay was refused; fails when it was not."""
    assert (ended.status, ended.detail.get("kind")) == ("infra", DIFFERS)
    return ended.reason


def cut(recording: Exchanges, calls: int) -> Exchanges:
    """The first calls of a recording."""
    lines = recording.lines
    seqs = [at for at, line in enumerate(lines) if isinstance(line, Exchange)]
    return Exchanges(lines[: seqs[calls - 1] + 1], recording.ending)


# ---- differences ------------------------------------------------------------------------


def test_a_changed_tool_output_is_refused_with_call_role_message_and_diff(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED))
    ended, stage = replay(
        recording, lambda command: ran(b"ok\nall bad" if command == "ls" else b"")
    )
    said = refused(ended)
    assert said.startswith("at call 2 (solo) message 3, the result of bash differs:\n")
    assert "--- recorded\n+++ replayed\n" in said
    assert "\n+all bad\n" in said
    assert ended.iterations == 2
    assert not any("harness" in step for step in stage.steps)


def test_an_exit_code_alone_is_a_difference(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED))
    ended, _ = replay(recording, lambda _: ran(b"ok", exit_code=1))
    assert "-[exit 0]\n+[exit 1]" in refused(ended)


def test_an_executors_request_is_compared_too(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", *delegated(), arm=PAIR)
    ended, _ = replay(recording, lambda _: ran(b"other"), arm=PAIR)
    assert refused(ended).startswith("at call 3 (executor) message 3, the result of bash")


def test_a_difference_after_volatile_output_is_still_found(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED), output=b"1 passed in 1.50s")
    now = {"ls": b"1 passed in 2.50s", "harness": b"2 passed in 2.50s"}
    ended, stage = replay(recording, lambda command: ran(now[command]))
    said = refused(ended)
    assert said.startswith("at call 3 (solo) message 5, the result of bash differs:")
    assert "-1 passed in <seconds>\n+2 passed in <seconds>" in said
    assert (stage.replay.exact, stage.replay.alike) == (1, 1)


def test_a_long_difference_is_shown_short(tmp_path: Path) -> None:
    then = "\n".join(f"{n} then" for n in range(100)).encode()
    now = "\n".join(f"{n} now" for n in range(100)).encode()
    _, recording = record_trial(tmp_path / "tape", list(SOLVED), output=then)
    lines = refused(replay(recording, lambda _: ran(now))[0]).splitlines()
    assert len(lines) == 1 + DIFF_LINES + 1
    assert lines[-1] == "..."


def test_a_long_line_is_shown_around_its_difference(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED), output=b"x" * 3000 + b"then")
    said = refused(replay(recording, lambda _: ran(b"x" * 3000 + b"now"))[0])
    assert "xthen" in said
    assert "xnow" in said
    assert max(map(len, said.splitlines())) < 200


def test_another_prompt_is_shown_as_what_differs(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", [says("DONE")])
    briefing, *rest = recording.lines
    other = replace(briefing, system="You are not alone.")  # type: ignore[arg-type]
    ended, _ = replay(replace(recording, lines=(other, *_unhashed(rest))))
    said = refused(ended)
    assert said.startswith("at call 1 (solo) the system prompt differs:")
    assert "-You are not alone.\n+You are alone." in said


def test_another_offer_of_tools_is_shown_as_what_differs(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", [says("DONE")])
    briefing, *rest = recording.lines
    other = replace(briefing, tools=briefing.tools[1:])  # type: ignore[arg-type,union-attr]
    ended, _ = replay(replace(recording, lines=(other, *_unhashed(rest))))
    assert refused(ended).startswith("at call 1 (solo) the offer of tools differs:")


def _unhashed(lines: Sequence[object]) -> list[Exchange]:
    return [replace(line, sha256="") for line in lines if isinstance(line, Exchange)]


def test_another_model_in_the_seat_is_refused(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", [says("DONE")])
    arm = replace(SOLO, lead=replace(SOLO.lead, model="small"))
    ended, _ = replay(recording, arm=arm)
    assert refused(ended) == ("at call 1 the recording asks big (solo), the replay small (solo)")


def test_another_order_of_the_roles_is_refused(tmp_path: Path) -> None:
    lead, executor = delegated()
    _, recording = record_trial(tmp_path / "tape", lead, executor, arm=PAIR)
    without = tuple(
        line for line in recording.lines if not (isinstance(line, Exchange) and line.seq in (2, 3))
    )
    ended, _ = replay(replace(recording, lines=without), arm=PAIR)
    assert "the recording asks big (orchestrator), the replay small (executor)" in refused(ended)


def test_a_call_beyond_a_recording_that_breaks_off_is_refused(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED))
    ended, _ = replay(replace(cut(recording, 2), ending=None))
    said = refused(ended)
    assert said == "the replay asks for call 3 (solo); the recording breaks off after call 2"


def test_a_call_beyond_a_trial_that_ended_says_how_it_ended(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED))
    ended, _ = replay(cut(recording, 1))
    assert refused(ended).endswith(
        "the recorded trial made 1 and ended as solved: every check passed"
    )


def test_fewer_calls_than_recorded_are_refused(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED))
    stage = Replayed(recording=recording)
    assert refused(stage(max_turns=2)) == (
        "the replay is over after 2 calls, the recording goes on to call 3"
    )


def test_a_trial_that_meets_its_limit_keeps_that_as_its_end(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED))
    stage = Replayed(recording=recording)
    stage.at["command"] = LimitReached("the trial ran 9 s, its limit is 1 s", "timeout")
    assert stage().status == "timeout"


def test_a_refused_replay_spends_nothing_and_is_on_record(tmp_path: Path) -> None:
    _, recording = record_trial(tmp_path / "tape", list(SOLVED))
    _, stage = replay(recording, lambda _: ran(b"other"))
    (failed,) = [e for e in stage.events if isinstance(e, CallSettled) and e.error]
    assert failed.error.startswith(f"{DIFFERS}: at call 2")  # type: ignore[union-attr]
    assert not failed.lost
    assert failed.usage == Usage()


# ---- the same trial again ---------------------------------------------------------------


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
