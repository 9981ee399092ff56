"""A local model through Ollama's client: what is sent and what is read."""

import json
from typing import Any

import pytest
from ollama_calls import MODEL, answered, ask, failure, local, script
from wire_samples import Canned, chat, free_port_url, http

from runner.errors import UsageError
from runner.scripted.server import ScriptedServer
from runner.types import Reply, ToolCall, ToolResult, Usage, UserText

ARM_B = {
    "num_ctx": 65536,
    "temperature": 1.0,
    "top_k": 20,
    "top_p": 0.95,
    "presence_penalty": 1.5,
    "seed": 1,
    "think": False,
}


# ---- what is sent -----------------------------------------------------------------------


def test_every_call_names_its_context_and_sampling(scripted: ScriptedServer) -> None:
    ask(script(scripted, "nop"), options=ARM_B)
    body: Any = scripted.requests[0].body
    assert body["options"] == {
        "num_ctx": 65536,
        "num_predict": 512,
        "temperature": 1.0,
        "top_k": 20,
        "top_p": 0.95,
        "presence_penalty": 1.5,
        "seed": 1,
    }
    assert (body["think"], body["stream"], body["model"]) == (False, False, MODEL)
    assert body["keep_alive"] == "1h"  # a server's own five minutes would be the trial's


def test_a_model_is_kept_for_as_long_as_the_arm_says(scripted: ScriptedServer) -> None:
    ask(script(scripted, "nop"), options={"num_ctx": 8192, "keep_alive": "2m"})
    body: Any = scripted.requests[0].body
    assert body["keep_alive"] == "2m"


def test_what_is_not_set_is_left_to_the_model(scripted: ScriptedServer) -> None:
    ask(script(scripted, "nop"))
    body: Any = scripted.requests[0].body
    assert body["options"] == {"num_ctx": 8192, "num_predict": 512}
    assert "think" not in body


def test_tools_keep_their_types(scripted: ScriptedServer) -> None:
    ask(script(scripted, "nop"))
    body: Any = scripted.requests[0].body
    function = body["tools"][0]["function"]
    assert function["name"] == "bash"
    assert function["parameters"]["required"] == ["command"]
    kinds = {name: it["type"] for name, it in function["parameters"]["properties"].items()}
    assert kinds == {"command": "string", "timeout_s": "integer"}


def test_results_carry_the_tools_name_and_errors_are_said_in_words(
    scripted: ScriptedServer,
) -> None:
    calls = (ToolCall("0", "bash", {"command": "ls"}), ToolCall("1", "bash", {}))
    ask(
        script(scripted, "nop"),
        [
            UserText("go"),
            Reply("I look.", calls, Usage(), "tool_use", 0.1),
            ToolResult("0", "bash", "one"),
            ToolResult("1", "bash", "no command", is_error=True),
        ],
    )
    body: Any = scripted.requests[0].body
    assert [item["role"] for item in body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "tool",
    ]
    assert body["messages"][2]["tool_calls"][0]["function"]["arguments"] == {"command": "ls"}
    assert body["messages"][3] == {"role": "tool", "tool_name": "bash", "content": "one"}
    assert body["messages"][4]["content"] == "ERROR: no command"


def test_a_reply_is_echoed_with_its_thinking_and_can_be_recorded(scripted: ScriptedServer) -> None:
    said = {
        "role": "assistant",
        "content": "I look.",
        "thinking": "hm",
        "tool_calls": [{"function": {"name": "bash", "arguments": {"command": "ls"}}}],
    }
    reply = answered(chat(message=said))
    assert json.loads(json.dumps(reply.raw)) == said
    ask(script(scripted, "nop"), [UserText("go"), reply, ToolResult("0", "bash", "ok")])
    body: Any = scripted.requests[0].body
    assert body["messages"][2] == said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"temperature": 1.0}, "num_ctx must be set"),
        ({"num_ctx": 0}, "num_ctx must be set"),
        ({"num_ctx": "8192"}, "num_ctx has the wrong type"),
        ({"num_ctx": True}, "num_ctx has the wrong type"),
        ({"num_ctx": 8192, "numctx": 1}, "unknown ollama option 'numctx'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        local("http://127.0.0.1:1", options)


def test_environment_does_not_override_what_is_given(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = free_port_url()
    monkeypatch.setenv("OLLAMA_HOST", nowhere)
    monkeypatch.setenv("HTTP_PROXY", nowhere)
    monkeypatch.setenv("ALL_PROXY", nowhere)
    assert ask(script(scripted, "nop")).text == "DONE"


# ---- what is read -----------------------------------------------------------------------


def test_a_reply_is_read_whole() -> None:
    reply = answered(chat())
    assert (reply.text, reply.calls, reply.stop_reason) == ("DONE", (), "end_turn")
    assert reply.usage == Usage(input_tokens=100, output_tokens=7)
    assert reply.detail == {
        "attempts": 1,
        "wait_s": reply.detail["wait_s"],
        "total_s": 3.0,
        "load_s": 0.5,
        "prompt_eval_s": 1.0,
        "eval_s": 1.5,
        "tokens_per_s": 4.667,
    }


@pytest.mark.parametrize("value", [None, ...])
def test_a_count_that_is_absent_is_zero_and_flagged(value: object) -> None:
    reply = answered(chat(eval_count=value))
    assert reply.usage == Usage(input_tokens=100, output_tokens=0)
    assert reply.detail["usage_missing"] == ["eval_count"]


@pytest.mark.parametrize("field", ["prompt_eval_count", "eval_count"])
@pytest.mark.parametrize("value", [-1, 1.5, "12", True])
def test_a_count_that_is_none_is_named(field: str, value: object) -> None:
    with Canned(http(chat(**{field: value}))) as canned:
        error = failure(canned.url)
    assert error.kind == "malformed_reply"
    assert field in str(error)


@pytest.mark.parametrize(
    ("reason", "calls", "expected"),
    [
        ("stop", [], "end_turn"),
        ("stop", [{"function": {"name": "bash", "arguments": {}}}], "tool_use"),
        ("length", [], "max_tokens"),
        ("length", [{"function": {"name": "bash", "arguments": {}}}], "max_tokens"),
        ("unload", [], "unknown"),
        (None, [], "unknown"),
    ],
)
def test_done_reasons_are_told_in_our_words(
    reason: object, calls: list[object], expected: str
) -> None:
    said = {"role": "assistant", "content": "x", "tool_calls": calls}
    assert answered(chat(message=said, done_reason=reason)).stop_reason == expected


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"function": {"name": "bash", "arguments": "ls"}}, "'ls', not an object"),
        ({"function": {"name": "bash", "arguments": None}}, "None, not an object"),
        ({"function": {"name": "bash"}}, "None, not an object"),
        ({"function": {"arguments": {}}}, "no tool name"),
        ({"function": "bash"}, "no function call"),
        ("bash", "no function call"),
    ],
)
def test_a_malformed_call_is_data_and_can_be_answered(
    scripted: ScriptedServer, call: object, said: str
) -> None:
    reply = answered(chat(message={"role": "assistant", "content": "", "tool_calls": [call]}))
    (read,) = reply.calls
    assert read.malformed is not None
    assert said in read.malformed
    answer = ToolResult(read.id, read.name, "mend it", is_error=True)
    ask(script(scripted, "nop"), [UserText("go"), reply, answer])
    assert scripted.requests[-1].status == 200
