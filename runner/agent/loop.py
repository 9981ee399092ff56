"""The loop every arm runs: ask the model, run its tools, until it stops calling them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from runner.agent.meter import Meter
from runner.agent.text import TOOL_OUTPUT_CHARS, cut_middle, first_line, sendable
from runner.errors import ModelFailure, ToolError
from runner.events import ToolUsed
from runner.ledger.transcript import Answered, Broke, Entry, Opened, Returned, Told
from runner.types import (
    DELEGATE,
    Message,
    Model,
    Reply,
    Role,
    Tool,
    ToolCall,
    ToolOutput,
    ToolResult,
    UserText,
)

# How often in a row a reply that neither calls a tool nor says a word is asked again.
EMPTY_REPLIES = 2

# How many replies in a row whose calls are all malformed are answered; one more is the end.
MALFORMED_REPLIES = 4

# How a conversation ended: the model said it is done or blocked, or simply stopped talking
# (`silent`); its turns were used up; it refused; its context was full; or it could not write a
# tool call that can be read.
Ending = Literal["done", "blocked", "silent", "cap", "refused", "context", "malformed"]
# Failures that are the model's own, not the service's: they end the conversation, not the trial.
OWN_FAILURES: Mapping[str, Ending] = {"context_length": "context", "model_format": "malformed"}


@dataclass(frozen=True)
class Outcome:
    """How a conversation ended, the model's last words, and how many turns it took."""

    ending: Ending
    text: str
    turns: int


# Writes the conversation down as it happens; conversation 0 is the lead's.
Scribe = Callable[[Entry], None]


@dataclass(frozen=True)
class Seated:
    """A model in its role: everything the loop needs to talk to it."""

    model: Model
    role: Role
    conversation: int
    system: str
    tools: Sequence[Tool]
    max_turns: int
    max_tokens: int


def run_agent(seated: Seated, instruction: str, meter: Meter, scribe: Scribe) -> Outcome:
    """Talk to the model until it stops; raises what `Meter.call` and the tools' sandbox raise."""
    specs = [tool.spec for tool in seated.tools]
    by_name = {tool.spec.name: tool for tool in seated.tools}
    place = (seated.role, seated.conversation)
    scribe(Opened(*place, seated.model.name, seated.system, tuple(specs)))
    messages: list[Message] = [UserText(instruction)]
    scribe(Told(*place, 1, instruction))
    empty = malformed = 0
    text = ""
    for turn in range(1, seated.max_turns + 1):
        try:
            reply = meter.call(
                seated.model, seated.role, turn, seated.system, messages, specs, seated.max_tokens
            )
        except ModelFailure as failure:
            scribe(Broke(*place, turn, f"{failure.kind}: {failure}"))
            if failure.kind not in OWN_FAILURES:
                raise
            return Outcome(OWN_FAILURES[failure.kind], str(failure), turn)
        scribe(answered(seated, turn, reply))
        text = reply.text or text
        empty = 0 if reply.text.strip() or reply.calls else empty + 1
        malformed = malformed + 1 if all_malformed(reply) else 0
        if ending := "malformed" if malformed > MALFORMED_REPLIES else ended(reply, empty):
            return Outcome(ending, text, turn)
        answers = answer(seated, by_name, reply, turn, meter)
        for message in answers:
            scribe(heard(seated, turn, message))
        messages += [reply, *answers]
    return Outcome("cap", text, seated.max_turns)


def all_malformed(reply: Reply) -> bool:
    """Whether the reply has calls and none of them can be read."""
    return bool(reply.calls) and all(call.malformed for call in reply.calls)


def answered(seated: Seated, turn: int, reply: Reply) -> Answered:
    """What the model said, for the transcript."""
    return Answered(
        seated.role,
        seated.conversation,
        turn,
        reply.text,
        reply.calls,
        reply.stop_reason,
        reply.usage,
        reply.latency_s,
        reply.request_id,
    )


def heard(seated: Seated, turn: int, message: UserText | ToolResult) -> Entry:
    """What the model is told next, for the transcript."""
    place = (seated.role, seated.conversation)
    if isinstance(message, UserText):
        return Told(*place, turn + 1, message.text)
    return Returned(*place, turn, message.call_id, message.name, message.text, message.is_error)


def ended(reply: Reply, empty: int) -> Ending | None:
    """Whether the conversation is over with this reply; `empty` counts wordless ones in a row."""
    if reply.stop_reason == "refusal":
        return "refused"
    if reply.stop_reason == "model_context_window_exceeded":
        return "context"
    if reply.calls or reply.stop_reason in ("max_tokens", "pause_turn"):
        return None
    if not reply.text.strip():
        return None if empty <= EMPTY_REPLIES else "silent"
    return "blocked" if says_blocked(reply.text) else "done"


def says_blocked(text: str) -> bool:
    """Whether a line of the last words begins with BLOCKED, as the prompts ask for."""
    return any(line.strip("*_`# ").startswith("BLOCKED") for line in text.splitlines())


def answer(
    seated: Seated, by_name: Mapping[str, Tool], reply: Reply, turn: int, meter: Meter
) -> list[UserText | ToolResult]:
    """Run the reply's tool calls in order, or say what the model should mend."""
    if reply.calls:
        call_seq = meter.seq  # delegation moves the counter on: these calls belong to this reply
        results: list[UserText | ToolResult] = []
        for call in reply.calls:
            # A reply cut at max_tokens may end in the middle of its last call.
            cut = reply.stop_reason == "max_tokens" and call is reply.calls[-1]
            results.append(use(seated, by_name, call, turn, meter, call_seq=call_seq, cut=cut))
        return results
    if reply.stop_reason == "pause_turn":
        return []
    if reply.stop_reason == "max_tokens":
        return [
            UserText(
                f"Your reply was cut at {seated.max_tokens} tokens. Go on from there in smaller "
                "steps: shorter text, or a smaller edit in each call."
            )
        ]
    return [UserText("Your reply was empty. Call a tool, or say DONE or BLOCKED: and the reason.")]


def use(
    seated: Seated,
    by_name: Mapping[str, Tool],
    call: ToolCall,
    turn: int,
    meter: Meter,
    *,
    call_seq: int,
    cut: bool,
) -> ToolResult:
    """Run one tool call; what is wrong with it becomes its result. On record either way."""
    meter.check_time()
    began, waited = time.monotonic(), meter.wait_s
    try:
        output = _tool(by_name, call, cut=cut).run(call.arguments)
    except ToolError as error:
        # A model may have named a file or a tool with a megabyte of text: it is not told it back.
        output = ToolOutput(cut_middle(str(error), TOOL_OUTPUT_CHARS), is_error=True)
    text = sendable(output.text)
    event = ToolUsed(
        trial_id=meter.trial_id,
        call_seq=call_seq,
        iteration=turn,
        role=seated.role,
        tool=first_line(call.name),
        seconds=time.monotonic() - began - (meter.wait_s - waited),
        exit_code=output.exit_code,
        timed_out=output.timed_out,
        truncated=output.truncated,
        output_chars=len(text),
        is_error=output.is_error,
        summary=summary(call),
    )
    meter.tool_used(event, leaf=call.name != DELEGATE)
    return ToolResult(call.id, call.name, text, output.is_error)


def _tool(by_name: Mapping[str, Tool], call: ToolCall, *, cut: bool) -> Tool:
    if cut:
        raise ToolError(
            f"{call.name}: this call was cut off at max_tokens and was not run; "
            "make it shorter and send it again"
        )
    if call.malformed:
        raise ToolError(f"{call.name}: the arguments could not be read: {call.malformed}")
    if call.name not in by_name:
        raise ToolError(f"there is no tool '{call.name}'; there are: {', '.join(by_name)}")
    return by_name[call.name]


def summary(call: ToolCall) -> str:
    """One line for a person: the command, the file, or the instruction's beginning."""
    arguments = call.arguments
    words = [str(arguments[key]) for key in ("command", "path", "instruction") if key in arguments]
    return first_line(" ".join(words) or call.malformed or "")
