"""A local model through Ollama's client: what is sent, what is read, what goes wrong."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from wire_samples import BASH, ENVIRONMENT, Canned, chat, free_port_url, http

from runner.errors import ModelFailure, UsageError
from runner.models import Connection, OpenModel, make_model
from runner.scripted.server import ScriptedServer, endpoint
from runner.types import Message, Reply, ToolCall, ToolResult, Usage, UserText

MODEL = "qwen3.5:9b"
GO: Sequence[Message] = (UserText("go"),)
ARM_B = {
    "num_ctx": 65536,
    "temperature": 1.0,
    "top_k": 20,
    "top_p": 0.95,
    "presence_penalty": 1.5,
    "seed": 1,
    "think": False,
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer({"T3": ()}, keep=100) as running:
        yield running


def local(
    url: str, options: dict[str, object] | None = None, **settings: Any
) -> closing[OpenModel]:
    connection = replace(Connection(ollama_host=url, timeout_s=5.0), **settings)
    return closing(make_model("ollama", MODEL, 512, options or {"num_ctx": 8192}, connection))


def ask(url: str, messages: Sequence[Message] = GO, **settings: Any) -> Reply:
    with local(url, **settings) as model:
        return model.reply("You mend code.", messages, (BASH,))


def failure(url: str, **settings: Any) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        ask(url, **settings)
    return caught.value


def answered(body: object) -> Reply:
    with Canned(http(body)) as canned:
        return ask(canned.url)


def script(server: ScriptedServer, spec: str) -> str:
    return endpoint(server, spec, "T3", "executor")


# ---- what is sent -----------------------------------------------------------------------


def test_every_call_names_its_context_and_sampling(server: ScriptedServer) -> None:
    ask(script(server, "nop"), options=ARM_B)
    body: Any = server.requests[0].body
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


def test_what_is_not_set_is_left_to_the_model(server: ScriptedServer) -> None:
    ask(script(server, "nop"))
    body: Any = server.requests[0].body
    assert body["options"] == {"num_ctx": 8192, "num_predict": 512}
    assert "think" not in body


def test_tools_keep_their_types(server: ScriptedServer) -> None:
    ask(script(server, "nop"))
    body: Any = server.requests[0].body
    function = body["tools"][0]["function"]
    assert function["name"] == "bash"
    assert function["parameters"]["required"] == ["command"]
    kinds = {name: it["type"] for name, it in function["parameters"]["properties"].items()}
    assert kinds == {"command": "string", "timeout_s": "integer"}


def test_results_carry_the_tools_name_and_errors_are_said_in_words(server: ScriptedServer) -> None:
    calls = (ToolCall("0", "bash", {"command": "ls"}), ToolCall("1", "bash", {}))
    ask(
        script(server, "nop"),
        [
            UserText("go"),
            Reply("I look.", calls, Usage(), "tool_use", 0.1),
            ToolResult("0", "bash", "one"),
            ToolResult("1", "bash", "no command", is_error=True),
        ],
    )
    body: Any = server.requests[0].body
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


def test_a_reply_is_echoed_with_its_thinking_and_can_be_recorded(server: ScriptedServer) -> None:
    said = {
        "role": "assistant",
        "content": "I look.",
        "thinking": "hm",
        "tool_calls": [{"function": {"name": "bash", "arguments": {"command": "ls"}}}],
    }
    reply = answered(chat(message=said))
    assert json.loads(json.dumps(reply.raw)) == said
    ask(script(server, "nop"), [UserText("go"), reply, ToolResult("0", "bash", "ok")])
    body: Any = server.requests[0].body
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
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = free_port_url()
    monkeypatch.setenv("OLLAMA_HOST", nowhere)
    monkeypatch.setenv("HTTP_PROXY", nowhere)
    monkeypatch.setenv("ALL_PROXY", nowhere)
    assert ask(script(server, "nop")).text == "DONE"


# ---- what is read -----------------------------------------------------------------------


def test_a_reply_is_read_whole() -> None:
    reply = answered(chat())
    assert (reply.text, reply.calls, reply.stop_reason) == ("DONE", (), "end_turn")
    assert reply.usage == Usage(input_tokens=100, output_tokens=7)
    assert reply.detail == {
        "total_s": 3.0,
        "load_s": 0.5,
        "prompt_eval_s": 1.0,
        "eval_s": 1.5,
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
    server: ScriptedServer, call: object, said: str
) -> None:
    reply = answered(chat(message={"role": "assistant", "content": "", "tool_calls": [call]}))
    (read,) = reply.calls
    assert read.malformed is not None
    assert said in read.malformed
    answer = ToolResult(read.id, read.name, "mend it", is_error=True)
    ask(script(server, "nop"), [UserText("go"), reply, answer])
    assert server.requests[-1].status == 200


# ---- what goes wrong --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("400", "invalid_request_error"),
        ("401", "authentication_error"),
        ("429", "rate_limit_error"),
        ("500", "api_error"),
        ("503", "overloaded_error"),
    ],
)
def test_errors_are_told_by_their_status(server: ScriptedServer, fault: str, kind: str) -> None:
    error = failure(script(server, f"nop?fault={fault}@*"))
    assert (error.kind, error.lost) == (kind, False)
    assert server.url in str(error)


def test_a_model_that_is_not_there_is_named() -> None:
    body = {"error": "model 'qwen3.5:9b' not found"}
    with Canned(http(body, "404 Not Found")) as canned:
        error = failure(canned.url)
    assert error.kind == "not_found_error"
    assert "'qwen3.5:9b' not found" in str(error)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("drop", "connection_lost"),
        ("drop-after", "connection_lost"),
        ("half", "connection_lost"),
        ("garbage", "malformed_reply"),
        ("html", "malformed_reply"),
        ("not-a-reply", "malformed_reply"),
        ("usage-negative", "malformed_reply"),
    ],
)
def test_a_broken_answer_is_a_model_failure(server: ScriptedServer, fault: str, kind: str) -> None:
    assert failure(script(server, f"nop?fault={fault}@1")).kind == kind


def test_a_silent_server_is_a_timeout(server: ScriptedServer) -> None:
    assert failure(script(server, "nop?fault=hang@*"), timeout_s=0.2).kind == "timeout"


def test_nobody_listening_is_told_with_the_address() -> None:
    url = free_port_url()
    error = failure(url)
    assert (error.kind, error.lost) == ("connection", False)
    assert url in str(error)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "http://[::1", "http://127.0.0.1:port"])
def test_an_address_that_is_none_never_is_a_traceback(url: str) -> None:
    with pytest.raises((ModelFailure, UsageError)):
        ask(url)


GARBAGE = {
    "nothing": b"",
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no body": http(b""),
    "text": http(b"Ollama is running"),
    "null": http(None),
    "a list": http([chat()]),
    "an empty object": http({}),
    "message is text": http(chat(message="DONE")),
    "content is a number": http(chat(message={"role": "assistant", "content": 7})),
    "tool_calls is an object": http(
        chat(message={"role": "assistant", "content": "", "tool_calls": {"a": 1}})
    ),
    "an error with 200": http({"error": "out of memory"}),
    "an error that is a list": http(["oops"], "500 Internal Server Error"),
    "an error page": http(b"<html>", "502 Bad Gateway"),
    "nested too deep": http(b"[" * 100_000),
    "not gzip": http(b"DONE", headers={"content-encoding": "gzip"}),
    "a redirect to itself": http(b"", "307 Temporary Redirect", {"location": "/api/chat"}),
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE.keys())
def test_whatever_a_server_answers_is_a_model_failure(raw: bytes) -> None:
    with Canned(raw) as canned:
        error = failure(canned.url)
    assert error.kind in ("malformed_reply", "connection_lost", "api_error")
