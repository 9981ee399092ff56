"""A recorded trial runs again without its models, and stops at the first request that differs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fakes import ran, says
from stage import PAIR, SOLO
from taped import SOLVED, Replayed, cut, delegated, record_trial, refused, replay

from runner.errors import LimitReached
from runner.events import CallSettled
from runner.recording.compare import DIFF_LINES
from runner.recording.exchanges import Exchange
from runner.recording.replay import DIFFERS
from runner.types import Usage

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
