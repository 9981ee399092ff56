"""What a recorded trial leaves in its file, and what is refused when it is read."""

import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import PlayedModel, bash, calls, says
from stage import PAIR
from taped import BASH, ask, exchanges, lost, record_trial

from runner.errors import EnvironmentProblem, ModelFailure, UsageError
from runner.ledger.journal_lines import line
from runner.recording.exchanges import (
    Answer,
    Briefing,
    Ending,
    Exchange,
    Failure,
    Sent,
    Tape,
    read_exchanges,
)
from runner.recording.record import RecordingModel
from runner.types import Message, Reply, ToolCall, ToolResult, Usage, UserText

THINKING = [
    {"type": "thinking", "thinking": "hm", "signature": "EqQB\u00e9=="},
    {"type": "redacted_thinking", "data": "AAAA"},
    {"type": "text", "text": "I look."},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchanges.jsonl"


# ---- damage -----------------------------------------------------------------------------


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"exchanges\.jsonl: No such file"):
        read_exchanges(path)


@pytest.mark.parametrize("left", [1, 40])
def test_a_half_written_last_line_is_left_out_and_told(path: Path, left: int) -> None:
    _, whole = record_trial(path, [calls(bash("ls")), says("DONE")])
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\n", 0, -1) + 1 + left])
    cut = read_exchanges(path)
    assert cut.torn
    assert cut.lines == whole.lines
    assert cut.ending is None  # the last line was the trial's end


def test_damage_in_the_middle_refuses_with_the_line(path: Path) -> None:
    record_trial(path, [calls(bash("ls")), says("DONE")])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"Mend it.", b"Mend at.")
    path.write_bytes(b"".join(lines))
    with pytest.raises(EnvironmentProblem, match=r"exchanges\.jsonl is damaged at line 2"):
        read_exchanges(path)


@pytest.mark.parametrize("text", ['{"kind":"Sang"}', '{"kind":"Exchange","seq":1}', "[]"])
def test_a_line_of_another_program_is_named(path: Path, text: str) -> None:
    path.write_bytes(line(1, text) + line(2, text))
    with pytest.raises(EnvironmentProblem, match=r"line 1: .*newer runner"):
        read_exchanges(path)


CALL = Exchange(1, "solo", "big", "0" * 64, 0, (Sent(text="go"),), 0.1, Answer(
    "", (), Usage(), "end_turn", 0.1, None, {}, {}))  # fmt: skip
FAILED = Failure("no", "api_error", None, False, {})


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CALL, seq=2),
        replace(CALL, after=1),
        replace(CALL, after=-1),
        replace(CALL, role="executor"),  # never briefed
        replace(CALL, new=(Sent(reply_to=1),)),
        replace(CALL, answer=None),
        replace(CALL, failure=FAILED),
    ],
    ids=["out of order", "repeats", "before", "unbriefed", "echo", "nothing came", "both came"],
)
def test_calls_that_do_not_follow_from_each_other_are_no_recording(
    path: Path, wrong: Exchange
) -> None:
    with Tape(path) as tape:
        tape.write(Briefing("solo", "", ()))
        tape.write(wrong)
    with pytest.raises(EnvironmentProblem, match=r"no recording.*does not follow"):
        read_exchanges(path)


def test_a_tape_is_begun_once(path: Path) -> None:
    Tape(path).close()
    with pytest.raises(UsageError, match="there is a recording already"):
        Tape(path)


def test_a_full_disk_is_named_with_the_fix(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Tape(path) as tape:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30, hard))
        try:
            with pytest.raises(EnvironmentProblem, match=r"exchanges\.jsonl: .*RUNNER_RESULTS"):
                tape.write(Briefing("solo", "You mend.", ()))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_exchanges(path).torn


# ---- what is kept -----------------------------------------------------------------------


def test_a_reply_comes_back_exactly(path: Path) -> None:
    reply = Reply(
        "a\udcff\x00é", (ToolCall("c1", "?", {"a": [1, None, 0.1]}, malformed="no JSON"),),
        Usage(1, 2, 3, 4, 5), "tool_use", 0.1 + 0.2, "req_1", THINKING, {"attempts": 2},
    )  # fmt: skip
    with Tape(path) as tape:
        ask(RecordingModel(PlayedModel("big", [reply]), "solo", tape), UserText("\ud800 go"))
    (call,) = exchanges(path)
    assert call.new == (Sent(text="\ud800 go"),)
    assert call.answer == Answer(
        reply.text, reply.calls, reply.usage, "tool_use", reply.latency_s, "req_1",
        {"content": THINKING}, {"attempts": 2},
    )  # fmt: skip


def test_a_failure_is_kept_and_raised_all_the_same(path: Path) -> None:
    with Tape(path) as tape:
        model = RecordingModel(PlayedModel("big", [lost(), says("DONE")]), "solo", tape)
        with pytest.raises(ModelFailure, match="the line broke"):
            ask(model, UserText("go"))
        ask(model, UserText("go"))
    failed, answered = exchanges(path)
    assert failed.failure == Failure(
        "the line broke", "connection_lost", "req_9", True, {"wait_s": 3.0}
    )
    assert (answered.after, answered.new) == (1, ())  # the same request, sent again
    assert failed.sha256 == answered.sha256


def test_every_line_is_in_the_file_before_the_model_is_asked_again(path: Path) -> None:
    with Tape(path) as tape:
        model = RecordingModel(PlayedModel("big", [says("hi")]), "solo", tape)
        ask(model, UserText("go"))
        assert len(exchanges(path)) == 1
        tape.write(Ending("failed", False, "why"))
        assert read_exchanges(path).ending == Ending("failed", False, "why")


def test_all_roles_share_one_order(path: Path) -> None:
    hand = ToolCall("d1", "delegate_to_executor", {"instruction": "Do it."})
    record_trial(
        path, [calls(hand), says("DONE")], [calls(bash("ls")), says("DONE: did it")], arm=PAIR
    )
    made = [(each.seq, each.role, each.model) for each in exchanges(path)]
    assert made == [
        (1, "orchestrator", "big"),
        (2, "executor", "small"),
        (3, "executor", "small"),
        (4, "orchestrator", "big"),
    ]


def test_a_second_delegation_begins_anew(path: Path) -> None:
    hand = [ToolCall(f"d{n}", "delegate_to_executor", {"instruction": f"Do {n}."}) for n in (1, 2)]
    lead: list[Reply | Exception] = [calls(hand[0]), calls(hand[1]), says("DONE")]
    record_trial(path, lead, [calls(bash("ls")), says("1 done"), says("2 done")], arm=PAIR)
    executor = [each for each in exchanges(path) if each.role == "executor"]
    assert [each.after for each in executor] == [0, 1, 0]
    assert executor[2].new == (Sent(text="Do 2."),)


def test_the_file_grows_with_what_is_new_not_with_its_square(tmp_path: Path) -> None:
    sizes = {}
    for turns in (10, 20):
        path = tmp_path / f"{turns}"
        with Tape(path) as tape:
            replies = [calls(bash("x" * 1000, f"c{n}")) for n in range(turns)]
            model = RecordingModel(PlayedModel("big", list(replies)), "solo", tape)
            messages: list[Message] = [UserText("go")]
            for n in range(turns):
                reply = ask(model, *messages)
                messages += [reply, ToolResult(f"c{n}", "bash", "y" * 1000)]
        sizes[turns] = path.stat().st_size
    assert sizes[20] < 2.1 * sizes[10]


def test_system_and_tools_are_written_once_and_again_when_they_change(path: Path) -> None:
    with Tape(path) as tape:
        model = RecordingModel(PlayedModel("big", [says("a"), says("b"), says("c")]), "solo", tape)
        ask(model, UserText("1"))
        ask(model, UserText("2"))
        ask(model, UserText("3"), system="You mend better.")
    briefings = [each for each in read_exchanges(path).lines if isinstance(each, Briefing)]
    assert [each.system for each in briefings] == ["You mend.", "You mend better."]
    assert briefings[0].tools == (BASH,)


def test_the_end_of_the_trial_is_the_last_line(path: Path) -> None:
    ended, tape = record_trial(path, [says("DONE")])
    assert tape.ending == Ending(ended.status, ended.success, ended.reason)
    assert json.loads(path.read_bytes().splitlines()[-1])["event"]["kind"] == "Ending"
