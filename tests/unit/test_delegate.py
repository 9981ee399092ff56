from collections.abc import Sequence

import pytest
from fakes import DictSandbox, PlayedModel, bash, calls, meter, says

from runner.agent.bash import bash_tool
from runner.agent.delegate import delegate_tool
from runner.agent.loop import Outcome, Seated, run_agent
from runner.errors import LimitReached, ModelFailure
from runner.events import CallSettled, Event, ToolUsed
from runner.ledger.transcript import Entry, Opened
from runner.types import DELEGATE, Reply, ToolCall, ToolResult


def delegate(instruction: object, call_id: str = "d1") -> ToolCall:
    return ToolCall(call_id, DELEGATE, {"instruction": instruction})


class Pair:
    """An orchestrator and its executor, both played."""

    def __init__(
        self,
        lead: Sequence[Reply | Exception],
        executor: Sequence[Reply | Exception],
        *,
        summary_chars: int = 1500,
        executor_turns: int = 20,
        limit_usd: float = 1000.0,
    ) -> None:
        self.events: list[Event] = []
        self.entries: list[Entry] = []
        self.lead = PlayedModel("big", list(lead))
        self.executor = PlayedModel("small", list(executor))
        self.meter = meter(self.events, limit_usd=limit_usd)
        hands = [bash_tool(DictSandbox(), timeout_s=10, timeout_max_s=20)]

        def seat(conversation: int) -> Seated:
            return Seated(
                self.executor, "executor", conversation, "Obey.", hands, executor_turns, 4096
            )

        tool = delegate_tool(
            seat, summary_chars=summary_chars, meter=self.meter, scribe=self.entries.append
        )
        self.seated = Seated(self.lead, "orchestrator", 0, "Lead.", [*hands, tool], 10, 4096)

    def __call__(self) -> Outcome:
        return run_agent(self.seated, "Mend it.", self.meter, self.entries.append)

    @property
    def answers(self) -> list[ToolResult]:
        return [each for each in self.lead.seen[-1] if isinstance(each, ToolResult)]

    @property
    def used(self) -> list[ToolUsed]:
        return [event for event in self.events if isinstance(event, ToolUsed)]


def test_the_executors_last_words_come_back() -> None:
    pair = Pair(
        [calls(delegate("Fix a.py")), says("DONE")], [calls(bash("ls")), says("DONE: fixed a.py")]
    )
    assert pair() == Outcome("done", "DONE", 2)
    assert pair.answers == [
        ToolResult("d1", DELEGATE, "The executor finished after 2 turns.\nDONE: fixed a.py")
    ]
    assert pair.executor.seen[0][0].text == "Fix a.py"  # type: ignore[union-attr]


ENDINGS = {
    "is blocked after 1 turns.\nBLOCKED: no": [says("BLOCKED: no")],
    "stopped without a word after 3 turns.": [says()] * 3,
    "used up its turns before it finished after 4 turns.\nat it": [calls(bash("ls"), text="at it")]
    * 4,
    "refused after 1 turns.\nI will not": [says("I will not", "refusal")],
    "ran out of context before it finished after 2 turns.\ntoo long": [
        calls(bash("ls")),
        ModelFailure("too long", kind="context_length", lost=False),
    ],
}


@pytest.mark.parametrize("expected", ENDINGS)
def test_how_the_executor_ended_is_told_to_the_orchestrator(expected: str) -> None:
    pair = Pair([calls(delegate("x")), says("DONE")], ENDINGS[expected], executor_turns=4)
    assert pair().ending == "done"
    assert [answer.text for answer in pair.answers] == [f"The executor {expected}"]


@pytest.mark.parametrize("cap", [10, 60, 1500, 4000])
def test_a_summary_is_capped_in_characters_its_note_included(cap: int) -> None:
    pair = Pair([calls(delegate("x")), says("DONE")], [says("ü" * 9000)], summary_chars=cap)
    pair()
    assert len(pair.answers[0].text) <= cap
    assert pair.used[0].truncated


@pytest.mark.parametrize("arguments", [{}, {"instruction": " \n"}, {"instruction": 7}])
def test_no_instruction_calls_no_executor(arguments: dict[str, object]) -> None:
    pair = Pair([calls(ToolCall("d1", DELEGATE, arguments)), says("DONE")], [])
    pair()
    assert pair.answers[0].is_error
    assert "instruction" in pair.answers[0].text


def test_an_executor_has_nobody_to_delegate_to() -> None:
    pair = Pair([calls(delegate("x")), says("DONE")], [calls(delegate("you do it")), says("DONE")])
    pair()
    assert "there is no tool" in pair.executor.seen[-1][-1].text  # type: ignore[union-attr]


def test_each_delegation_is_a_conversation_of_its_own() -> None:
    both = calls(delegate("one", "d1"), delegate("two", "d2"))
    pair = Pair([both, calls(delegate("three")), says("DONE")], [says("1"), says("2"), says("3")])
    pair()
    opened = [each for each in pair.entries if isinstance(each, Opened)]
    assert [(each.conversation, each.role) for each in opened] == [
        (0, "orchestrator"),
        (1, "executor"),
        (2, "executor"),
        (3, "executor"),
    ]
    assert [len(sent) for sent in pair.executor.seen] == [1, 1, 1]


def test_every_tool_use_names_the_model_call_that_asked_for_it() -> None:
    lead = [calls(delegate("x"), bash("pwd", "c2")), says("DONE")]
    pair = Pair(lead, [calls(bash("ls")), says("ok")])
    pair()
    assert [(use.role, use.tool, use.call_seq, use.iteration) for use in pair.used] == [
        ("executor", "bash", 2, 1),
        ("orchestrator", DELEGATE, 1, 1),
        ("orchestrator", "bash", 1, 1),
    ]
    settled = [event for event in pair.events if isinstance(event, CallSettled)]
    assert [(each.seq, each.role, each.iteration, each.model) for each in settled] == [
        (1, "orchestrator", 1, "big"),
        (2, "executor", 1, "small"),
        (3, "executor", 2, "small"),
        (4, "orchestrator", 2, "big"),
    ]


def test_seconds_of_a_delegation_are_not_tool_time_and_turns_are_the_leads() -> None:
    pair = Pair([calls(delegate("x")), says("DONE")], [calls(bash("ls")), says("ok")])
    pair()
    leaves = [use.seconds for use in pair.used if use.tool != DELEGATE]
    assert pair.meter.tool_s == pytest.approx(sum(leaves))
    assert pair.meter.model_s == pytest.approx(4 * 0.5)
    assert pair.meter.lead_turns == 2


def test_a_limit_met_inside_the_executor_ends_the_trial() -> None:
    dear = says("", "max_tokens", output_tokens=4_000_000)
    pair = Pair([calls(delegate("x"))], [dear, says("ok")], limit_usd=19.0)
    with pytest.raises(LimitReached) as caught:
        pair()
    assert caught.value.status == "budget"


def test_a_broken_service_of_the_executor_ends_the_trial() -> None:
    with pytest.raises(ModelFailure):
        Pair([calls(delegate("x"))], [ModelFailure("down", kind="api_error")])()
