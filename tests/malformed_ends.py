"""How a malformed reply of a local model ends, in the words of the table in docs/ollama.md."""

from runner.agent.loop import ended
from runner.errors import ModelFailure
from runner.models import OpenModel
from runner.types import ToolSpec, UserText

BASH = ToolSpec(
    "bash",
    "Run a command.",
    {
        "type": "object",
        "properties": {
            "command": {"type": "string", "description": "The command."},
            "timeout_s": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        },
        "required": ["command"],
    },
)


def how_it_ends(model: OpenModel) -> str:
    """Ask the model, whose every reply is of one case."""
    try:
        reply = model.reply("", [UserText("go")], (BASH,))
    except ModelFailure as failure:
        return f"fails: {failure.kind}, attempts {failure.detail['attempts']}"
    if any(call.malformed for call in reply.calls):
        assert reply.detail["malformed_calls"] == 1
        return "told"
    if reply.calls:
        assert all(call.arguments["command"] == "ls" for call in reply.calls)
        return f"runs {len(reply.calls)}, from {reply.detail.get('calls_from', 'tool_calls')}"
    return {"done": "ends: done", None: "asked again"}[ended(reply, 1)]
