"""The `delegate_to_executor` tool: the same loop with another model, as a tool."""

from collections.abc import Callable
from itertools import count

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.agent.arguments import parse, schema_of
from runner.agent.loop import Outcome, Scribe, Seated, run_agent
from runner.agent.meter import Meter
from runner.agent.text import cut_middle
from runner.config.loading import STRICT
from runner.errors import ToolError
from runner.types import DELEGATE, JsonObject, Tool, ToolOutput, ToolSpec


@strict_dataclass(frozen=True, config=STRICT)
class DelegateArguments:
    """What an orchestrator passes to `delegate_to_executor`."""

    instruction: str = Field(
        description="What to do: name the files, the functions and the exact change."
    )


def delegate_tool(
    seat: Callable[[int], Seated], *, summary_chars: int, meter: Meter, scribe: Scribe
) -> Tool:
    """The tool for an orchestrator.

    `seat(conversation)` seats the executor for a conversation of its own; its last words come
    back in at most `summary_chars` characters.
    """
    conversations = count(1)

    def run(arguments: JsonObject) -> ToolOutput:
        instruction = parse(DelegateArguments, arguments, DELEGATE).instruction
        if not instruction.strip():
            raise ToolError(f"{DELEGATE}: instruction is empty")
        outcome = run_agent(seat(next(conversations)), instruction, meter, scribe)
        meter.context_full += outcome.ending == "context"
        text = said(outcome)
        return ToolOutput(cut_middle(text, summary_chars), truncated=len(text) > summary_chars)

    return Tool(delegate_spec(), run)


def delegate_spec() -> ToolSpec:
    """The tool as an orchestrator is offered it."""
    return ToolSpec(
        name=DELEGATE,
        description=(
            "Hand an instruction to the executor, a second model with bash and "
            "str_replace_editor on the same repository. It does not see this conversation. "
            "Answers with its summary when it has finished."
        ),
        parameters=schema_of(DelegateArguments),
    )


def said(outcome: Outcome) -> str:
    """The executor's summary as the orchestrator reads it."""
    how = {
        "done": "finished",
        "blocked": "is blocked",
        "silent": "stopped without a word",
        "cap": "used up its turns before it finished",
        "refused": "refused",
        "context": "ran out of context before it finished",
        "malformed": "wrote tool calls that cannot be read, again and again, and was stopped",
    }[outcome.ending]
    return f"The executor {how} after {outcome.turns} turns.\n{outcome.text}".rstrip()
