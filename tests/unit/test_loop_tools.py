import time

import pytest
from fakes import HandClock, bash, calls, meter, says
from played import Run, echo

from runner.agent.loop import Outcome
from runner.errors import LimitReached, SandboxFailure, ToolError
from runner.events import Event, ToolUsed
from runner.types import Tool, ToolCall, ToolOutput, ToolResult, ToolSpec


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
