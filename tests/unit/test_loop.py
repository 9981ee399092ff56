import pytest
from fakes import bash, calls, says
from played import Run

from runner.agent.loop import EMPTY_REPLIES, MALFORMED_REPLIES, Outcome, says_blocked
from runner.errors import ModelFailure
from runner.ledger.transcript import Answered, Broke, Opened, Returned, Told
from runner.types import ToolCall, ToolResult, Usage, UserText

WRONG = calls(ToolCall("c1", "bash", {}, "no JSON"))
FORMAT = ModelFailure("XML syntax error", kind="model_format", lost=False)
LENGTH = ModelFailure("prompt is too long", kind="context_length", lost=False)

ENDINGS = {
    "done": ([says("DONE")], Outcome("done", "DONE", 1)),
    "any last words are done": ([says("All is green.")], Outcome("done", "All is green.", 1)),
    "blocked": ([says("BLOCKED: no file")], Outcome("blocked", "BLOCKED: no file", 1)),
    "stop sequence": ([says("DONE", "stop_sequence")], Outcome("done", "DONE", 1)),
    "unknown stop": ([says("DONE", "unknown")], Outcome("done", "DONE", 1)),
    "refused": ([says("No.", "refusal")], Outcome("refused", "No.", 1)),
    "refused with a call": ([calls(bash("ls"), stop_reason="refusal")], Outcome("refused", "", 1)),
    "window full": (
        [says("I was", "model_context_window_exceeded")],
        Outcome("context", "I was", 1),
    ),
    "window full in a call": (
        [calls(bash("ls"), stop_reason="model_context_window_exceeded")],
        Outcome("context", "", 1),
    ),
    "prompt too long": ([calls(bash("ls")), LENGTH], Outcome("context", "prompt is too long", 2)),
    "calls that cannot be read": (
        [WRONG] * (MALFORMED_REPLIES + 1),
        Outcome("malformed", "", MALFORMED_REPLIES + 1),
    ),
    "one that can be read forgives them": (
        [*[WRONG] * MALFORMED_REPLIES, calls(bash("ls")), WRONG, says("DONE")],
        Outcome("done", "DONE", MALFORMED_REPLIES + 3),
    ),
    "the server cannot read them": ([FORMAT], Outcome("malformed", "XML syntax error", 1)),
    "silent": ([says()] * (EMPTY_REPLIES + 1), Outcome("silent", "", EMPTY_REPLIES + 1)),
    "blank is silent": ([says(" \n")] * (EMPTY_REPLIES + 1), Outcome("silent", " \n", 3)),
    "cap": ([calls(bash("ls"), text="On it.")] * 10, Outcome("cap", "On it.", 10)),
    "cap by cut replies": ([says("", "max_tokens")] * 10, Outcome("cap", "", 10)),
    "cap by pauses": ([says("hm", "pause_turn")] * 10, Outcome("cap", "hm", 10)),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_every_ending(name: str) -> None:
    replies, outcome = ENDINGS[name]
    assert Run(replies)() == outcome


def test_calls_of_a_refused_or_overfull_reply_are_not_run() -> None:
    run = Run([calls(bash("rm -rf /"), stop_reason="refusal")])
    run()
    assert run.used == []


@pytest.mark.parametrize("kind", ["overloaded_error", "authentication_error", "connection"])
def test_another_failure_of_the_model_ends_the_trial(kind: str) -> None:
    with pytest.raises(ModelFailure) as caught:
        Run([ModelFailure("gone", kind=kind)])()
    assert caught.value.kind == kind


def test_an_empty_reply_is_told_and_a_word_forgives_it() -> None:
    empties = [says()] * EMPTY_REPLIES
    run = Run([*empties, calls(bash("ls")), *empties, says("DONE")])
    assert run() == Outcome("done", "DONE", 2 * EMPTY_REPLIES + 2)
    assert [type(each) for each in run.told] == [UserText]
    assert "empty" in run.told[0].text


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("BLOCKED: x", True),
        ("I tried.\n\n**BLOCKED:** x", True),
        ("# BLOCKED\nx", True),
        ("DONE. Nothing was BLOCKED", False),
        ("it is blocked", False),
        ("", False),
    ],
)
def test_blocked_is_a_line_that_begins_so(text: str, blocked: bool) -> None:
    assert says_blocked(text) is blocked


# ---- cut and paused replies --------------------------------------------------------------


def test_a_reply_cut_without_a_call_is_told_its_cap_and_goes_on() -> None:
    run = Run([says("a long tale", "max_tokens"), says("DONE")])
    assert run().ending == "done"
    assert isinstance(run.told[0], UserText)
    assert "4096" in run.told[0].text


def test_of_a_cut_reply_all_calls_but_the_last_are_run() -> None:
    first, last = bash("one", "c1"), bash("tw", "c2")
    run = Run([calls(first, last, stop_reason="max_tokens"), says("DONE")])
    run()
    ran, cut = run.told
    assert ran == ToolResult("c1", "bash", "ran one")
    assert isinstance(cut, ToolResult)
    assert cut.is_error
    assert "was not run" in cut.text
    assert [event.is_error for event in run.used] == [False, True]


def test_equal_calls_of_a_cut_reply_are_told_apart() -> None:
    run = Run([calls(bash("one"), bash("one"), stop_reason="max_tokens"), says("DONE")])
    run()
    assert [each.is_error for each in run.told if isinstance(each, ToolResult)] == [False, True]


def test_a_paused_turn_is_sent_back_as_it_is() -> None:
    paused = says("searching", "pause_turn")
    run = Run([paused, says("DONE")])
    assert run().ending == "done"
    assert run.model.seen[-1] == (UserText("Mend it."), paused)


# ---- the transcript ----------------------------------------------------------------------


def test_everything_said_is_written_down_in_order() -> None:
    asked = calls(bash("ls"), text="I look.")
    run = Run([asked, says(), says("DONE")])
    run()
    spec = run.seated.tools[0].spec
    assert run.entries == [
        Opened("solo", 0, "big", "You mend.", (spec,)),
        Told("solo", 0, 1, "Mend it."),
        Answered("solo", 0, 1, "I look.", asked.calls, "tool_use", asked.usage, 0.5),
        Returned("solo", 0, 1, "c1", "bash", "ran ls", False),
        Answered("solo", 0, 2, "", (), "end_turn", Usage(), 0.5),
        Told("solo", 0, 3, run.told[0].text),
        Answered("solo", 0, 3, "DONE", (), "end_turn", Usage(), 0.5),
    ]


def test_a_conversation_that_broke_says_so_in_its_transcript() -> None:
    run = Run([LENGTH])
    run()
    assert run.entries[-1] == Broke("solo", 0, 1, "context_length: prompt is too long")
