import time
from collections.abc import Sequence

import pytest
from fakes import HandClock, PlayedModel, bash, calls, meter, says

from runner.agent.loop import EMPTY_REPLIES, Outcome, Seated, run_agent, says_blocked
from runner.agent.meter import Meter
from runner.errors import LimitReached, ModelFailure, SandboxFailure, ToolError
from runner.events import Event, ToolUsed
from runner.ledger.transcript import Answered, Broke, Entry, Opened, Returned, Told
from runner.types import Reply, Tool, ToolCall, ToolOutput, ToolResult, ToolSpec, Usage, UserText


def echo(output: ToolOutput | Exception | None = None) -> Tool:
    """A tool named `bash` that answers with its command, or as it is told."""

    def run(arguments: dict[str, object]) -> ToolOutput:
        if isinstance(output, Exception):
            raise output
        return output or ToolOutput(f"ran {arguments['command']}", exit_code=0)

    return Tool(ToolSpec("bash", "Runs.", {"type": "object"}), run)  # type: ignore[arg-type]


class Run:
    """One conversation, played; everything it left behind."""

    def __init__(
        self,
        replies: Sequence[Reply | Exception],
        tools: Sequence[Tool] = (echo(),),
        max_turns: int = 10,
        counted_by: Meter | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.meter = counted_by or meter(self.events)
        self.model = PlayedModel("big", list(replies))
        self.entries: list[Entry] = []
        self.seated = Seated(self.model, "solo", 0, "You mend.", tools, max_turns, 4096)

    def __call__(self) -> Outcome:
        return run_agent(self.seated, "Mend it.", self.meter, self.entries.append)

    @property
    def told(self) -> list[ToolResult | UserText]:
        """What the model was told on its last call, after its last reply."""
        sent = self.model.seen[-1]
        replies = [index for index, message in enumerate(sent) if isinstance(message, Reply)]
        return [each for each in sent[replies[-1] + 1 :] if not isinstance(each, Reply)]

    @property
    def used(self) -> list[ToolUsed]:
        return [event for event in self.events if isinstance(event, ToolUsed)]


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


# ---- tool calls --------------------------------------------------------------------------


def test_parallel_calls_are_run_and_answered_in_order() -> None:
    run = Run([calls(*(bash(str(n), f"c{n}") for n in range(5))), says("DONE")])
    run()
    assert [each.text for each in run.told] == [f"ran {n}" for n in range(5)]
    assert [event.summary for event in run.used] == ["0", "1", "2", "3", "4"]
    assert {event.call_seq for event in run.used} == {1}


WRONG_CALLS = {
    "malformed": (ToolCall("c1", "bash", {}, malformed="no JSON at 7"), "no JSON at 7"),
    "unknown": (ToolCall("c1", "python", {}), "there is no tool 'python'; there are: bash"),
    "delegate without executor": (ToolCall("c1", "delegate_to_executor", {}), "there is no tool"),
    "nameless": (ToolCall("c1", "", {}), "there is no tool ''"),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_a_wrong_call_is_told_to_the_model_and_on_record(name: str) -> None:
    call, message = WRONG_CALLS[name]
    run = Run([calls(call), says("DONE")])
    assert run() == Outcome("done", "DONE", 2)
    (result,) = run.told
    assert isinstance(result, ToolResult)
    assert result.is_error
    assert message in result.text
    assert (run.used[0].is_error, run.used[0].exit_code) == (True, None)


def test_a_huge_name_is_not_told_back_nor_recorded_whole() -> None:
    run = Run([calls(ToolCall("c1", "x" * 1_000_000, {})), says("DONE")])
    run()
    assert len(run.told[0].text) <= 8000
    assert len(run.used[0].tool) <= 100


def test_lone_surrogates_of_file_names_do_not_reach_the_next_request() -> None:
    run = Run([calls(bash("ls")), says("DONE")], [echo(ToolOutput("caf\udce9.py"))])
    run()
    assert run.told[0].text == "caf?.py"


def test_a_tools_error_is_told_and_its_trial_goes_on() -> None:
    run = Run([calls(bash("ls")), says("DONE")], [echo(ToolError("bash: command is empty"))])
    assert run().ending == "done"
    assert run.told == [ToolResult("c1", "bash", "bash: command is empty", is_error=True)]


def test_a_lost_sandbox_ends_the_trial() -> None:
    with pytest.raises(SandboxFailure):
        Run([calls(bash("ls")), says("DONE")], [echo(SandboxFailure("gone"))])()


def test_what_a_tool_gave_is_on_record() -> None:
    output = ToolOutput("four", exit_code=137, timed_out=True, truncated=True)
    run = Run([says("", "max_tokens"), calls(bash("sleep 9\n")), says("DONE")], [echo(output)])
    run()
    (used,) = run.used
    assert (used.trial_id, used.call_seq, used.iteration, used.role) == ("t1", 2, 2, "solo")
    assert (used.tool, used.summary, used.output_chars) == ("bash", "sleep 9", 4)
    assert (used.exit_code, used.timed_out, used.truncated) == (137, True, True)


def test_time_that_runs_out_between_two_tools_stops_the_second() -> None:
    clock = HandClock()
    events: list[Event] = []

    def run_long(_arguments: object) -> ToolOutput:
        clock.now += 60
        return ToolOutput("ok")

    tool = Tool(ToolSpec("bash", "Runs.", {}), run_long)
    counted = meter(events, limit_s=50.0, clock=clock)
    run = Run([calls(bash("a"), bash("b"))], [tool], counted_by=counted)
    with pytest.raises(LimitReached) as caught:
        run()
    assert caught.value.status == "timeout"
    assert len([event for event in events if isinstance(event, ToolUsed)]) == 1


def test_a_tools_seconds_are_counted_once() -> None:
    def nap(_arguments: object) -> ToolOutput:
        began = time.monotonic()
        while time.monotonic() - began < 0.01:
            pass
        return ToolOutput("ok")

    run = Run([calls(bash("a"), bash("b")), says("DONE")], [Tool(ToolSpec("bash", "", {}), nap)])
    run()
    assert run.meter.tool_s == pytest.approx(sum(event.seconds for event in run.used))
    assert run.meter.tool_s >= 0.02


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
