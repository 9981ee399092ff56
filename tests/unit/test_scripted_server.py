"""The stand-in refuses what the real services refuse, and answers in their words."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import ollama
import pytest
from wire_samples import BASH

from runner.models import Connection, make_model
from runner.scripted.cache import PromptCache
from runner.scripted.personas import PERSONAS
from runner.scripted.script import Ask, Dialogue, Script, Turn
from runner.scripted.server import ScriptedServer, endpoint
from runner.types import Role, Usage, UserText

HEADERS = {
    "x-api-key": "key",
    "anthropic-version": "2026-10-21",
    "content-type": "application/json",
}
USER = {"role": "user", "content": "go"}
USES = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "t1", "name": "bash", "input": {}}],
}


def result(call_id: str = "t1") -> dict[str, object]:
    return {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": call_id, "content": "ok"}],
    }


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer({"T3": ()}, keep=10) as running:
        yield running


def post(
    url: str, body: object, headers: dict[str, str] | None = None, path: str = "/v1/messages"
) -> tuple[int, Any, dict[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = HEADERS if headers is None else headers
    request = urllib.request.Request(url + path, data, given, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), dict(error.headers)


def get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def request(**changes: object) -> dict[str, object]:
    body: dict[str, object] = {
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [USER],
    }
    body.update(changes)
    return {key: value for key, value in body.items() if value is not ...}


# ---- the Messages API -------------------------------------------------------------------


def test_an_answer_has_the_shape_of_a_message(server: ScriptedServer) -> None:
    status, body, headers = post(endpoint(server, "nop", "T3", "solo"), request())
    assert status == 200
    assert (body["type"], body["role"], body["stop_reason"]) == ("message", "assistant", "end_turn")
    assert body["content"] == [{"type": "text", "text": "DONE"}]
    assert headers["request-id"].startswith("req_")


def mark(count: int) -> list[dict[str, object]]:
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    return [block] * count


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": ...}, "model: Field required"),
        ({"max_tokens": ...}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": ...}, "messages"),
        ({"messages": []}, "at least one message"),
        ({"messages": [USES]}, 'must use the "user" role'),
        ({"messages": [{"role": "system", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": []}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": " "}]}, "must be non-empty"),
        ({"messages": [USER, {"role": "assistant", "content": []}, USER]}, "non-empty content"),
        ({"messages": [USER, USES]}, "`tool_use` ids were found without `tool_result`"),
        ({"messages": [USER, USES, USER]}, "`tool_use` ids were found without `tool_result`"),
        ({"messages": [USER, USES, result("t2")]}, "unexpected `tool_use_id`"),
        ({"messages": [result()]}, "unexpected `tool_use_id`"),
        ({"messages": [USER, {"role": "assistant", "content": "x"}]}, None),
        (
            {"messages": [USER, {"role": "assistant", "content": "x"}], "model": "claude-opus-4-7"},
            "prefill",
        ),
        (
            {
                "messages": [
                    USER,
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "t", "name": "b", "input": "ls"}],
                    },
                ]
            },
            "valid dictionary",
        ),
        ({"system": mark(4)}, None),
        ({"system": mark(5)}, "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        ({"system": mark(4), "cache_control": {"type": "ephemeral"}}, "Found 5"),
        ({"temperature": 1.0}, "temperature"),
        ({"tools": [{"name": "a", "input_schema": {}}] * 2}, "unique"),
        ({"tools": [{"name": "a"}]}, "input_schema"),
    ],
)
def test_what_the_api_refuses_is_refused(
    server: ScriptedServer, change: dict[str, object], said: str | None
) -> None:
    status, body, headers = post(endpoint(server, "nop", "T3", "solo"), request(**change))
    if said is None:
        assert status == 200
        return
    assert (status, body["type"]) == (400, "error")
    assert body["error"]["type"] == "invalid_request_error"
    assert said in body["error"]["message"]
    assert body["request_id"] == headers["request-id"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(server: ScriptedServer, body: bytes) -> None:
    assert post(endpoint(server, "nop", "T3", "solo"), body)[0] == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"anthropic-version": "2026-10-21"}, 401),
        ({"x-api-key": "wrong", "anthropic-version": "2026-10-21"}, 401),
        ({"authorization": "Bearer right", "anthropic-version": "2026-10-21"}, 200),
        ({"x-api-key": "right", "anthropic-version": "2026-10-21"}, 200),
        ({"x-api-key": "right"}, 400),
    ],
)
def test_a_key_and_a_version_are_needed(headers: dict[str, str], status: int) -> None:
    with ScriptedServer({"T3": ()}, api_key="right") as server:
        url = endpoint(server, "nop", "T3", "solo")
        assert post(url, request(), headers)[0] == status


@pytest.mark.parametrize(
    "path",
    ["", "/nop", "/cheet/T3/solo", "/nop/T9/solo", "/nop/T3/boss", "/nop%3Fspeed%3D1/T3/solo"],
)
@pytest.mark.parametrize("protocol", ["/v1/messages", "/api/chat"])
def test_an_unknown_script_is_not_found(server: ScriptedServer, path: str, protocol: str) -> None:
    body = {"model": "m", "max_tokens": 1, "messages": [USER]}
    status, answer, _ = post(server.url + path, body, path=protocol)
    assert status == 404
    assert "error" in answer


# ---- scripts are pure functions of the conversation -------------------------------------


def counting(role: Role, solution: object) -> Script:
    def script(dialogue: Dialogue) -> Turn:
        said = [answer.text for exchange in dialogue.exchanges for answer in exchange.answers]
        asks = (Ask("bash", {"command": f"echo {dialogue.turn}"}),)
        return Turn(f"{role} {dialogue.turn} {dialogue.instruction} {said}", asks)

    return script


def test_the_same_request_gets_the_same_answer() -> None:
    with ScriptedServer({"T3": ()}, personas={**PERSONAS, "counting": counting}) as server:
        url = endpoint(server, "counting", "T3", "solo")
        body = request(messages=[USER, USES, result()])
        first, second = post(url, body)[1], post(url, body)[1]
        assert first["content"] == second["content"]
        assert first["content"][0]["text"] == "solo 1 go ['ok']"
        assert first["content"][1]["input"] == {"command": "echo 1"}


def test_both_protocols_play_the_same_script() -> None:
    with ScriptedServer({"T3": ()}, personas={"counting": counting}) as server:
        url = endpoint(server, "counting", "T3", "executor")
        texts = []
        for provider, options in (("anthropic", {}), ("ollama", {"num_ctx": 4096})):
            connection = Connection("key", url, url)
            with closing(make_model(provider, "m", 100, options, connection)) as model:
                texts.append(model.reply("", [UserText("go")], (BASH,)).text)
        assert texts == ["executor 0 go []"] * 2


# ---- costs, faults, latency -------------------------------------------------------------


def test_the_second_call_reads_what_the_first_wrote(server: ScriptedServer) -> None:
    url = endpoint(server, "nop", "T3", "solo")
    with closing(make_model("anthropic", "claude-haiku-4-5", 100, {}, Connection("k", url))) as m:
        first = m.reply("x" * 35_000, [UserText("go")], (BASH,)).usage
        second = m.reply("x" * 35_000, [UserText("go")], (BASH,)).usage
    # 35,000 characters at 3.5 a token, and what the tools bring along (496 and their schema).
    assert first.cache_write_5m_tokens == first.context_tokens > 10_496
    assert second == Usage(0, first.output_tokens, 0, 0, first.cache_write_5m_tokens)


def test_an_answer_that_was_dropped_wrote_nothing() -> None:
    cache = PromptCache()
    with ScriptedServer({"T3": ()}, cache=cache) as server:
        body = request(system=[{**mark(1)[0], "text": "x" * 35_000}])
        with pytest.raises(OSError, match=r"closed connection|reset"):
            post(endpoint(server, "nop?fault=drop-after@1", "T3", "solo"), body)
        usage = post(endpoint(server, "nop", "T3", "solo"), body)[1]["usage"]
    assert usage["cache_read_input_tokens"] == 0


def test_faults_count_each_trials_calls_apart(server: ScriptedServer) -> None:
    one = endpoint(server, "nop?fault=500@2", "T3", "solo", "trial-1")
    two = endpoint(server, "nop?fault=500@2", "T3", "solo", "trial-2")
    assert [post(url, request())[0] for url in (one, two, one, two, one)] == [
        200,
        200,
        500,
        500,
        200,
    ]


def test_latency_is_waited_for(server: ScriptedServer) -> None:
    url = endpoint(server, "nop?latency=0.2", "T3", "solo")
    with closing(make_model("anthropic", "claude-haiku-4-5", 100, {}, Connection("k", url))) as m:
        assert m.reply("", [UserText("go")], ()).latency_s >= 0.2


def test_closing_the_server_frees_who_waits_for_it() -> None:
    ended = threading.Event()

    def wait(url: str) -> None:
        try:
            post(url, request())
        except OSError:
            ended.set()

    with ScriptedServer({"T3": ()}, keep=1) as server:
        url = endpoint(server, "nop?fault=hang@*", "T3", "solo")
        waiting = threading.Thread(target=wait, args=(url,))
        waiting.start()
        while not server.requests:
            waiting.join(0.01)
    waiting.join(10)
    assert ended.is_set()


# ---- Ollama -----------------------------------------------------------------------------


def test_ollama_says_it_is_there(server: ScriptedServer) -> None:
    assert get(server.url) == b"Ollama is running"
    assert json.loads(get(server.url + "/api/version"))["version"]


def test_the_client_reads_the_lists_of_models(server: ScriptedServer) -> None:
    url = endpoint(server, "nop", "T3", "executor")
    client = ollama.Client(url, trust_env=False, timeout=10)
    with closing(client):
        client.chat("qwen3.5:9b", [USER], options={"num_ctx": 8192})
        (loaded,) = client.ps().models
        (tagged,) = client.list().models
        assert (loaded.model, loaded.context_length) == ("qwen3.5:9b", 8192)
        assert loaded.digest == tagged.digest
        assert "tools" in (client.show("qwen3.5:9b").capabilities or [])


def test_a_prompt_over_the_context_shows_in_its_count(server: ScriptedServer) -> None:
    url = endpoint(server, "nop", "T3", "executor")
    connection = Connection(ollama_host=url)
    with closing(make_model("ollama", "qwen3.5:9b", 100, {"num_ctx": 1000}, connection)) as model:
        reply = model.reply("", [UserText("x" * 35_000)], ())
    assert reply.usage.input_tokens > 10_000


def test_ollama_refuses_arguments_that_are_no_object(server: ScriptedServer) -> None:
    call = {"function": {"name": "bash", "arguments": "ls"}}
    messages = [USER, {"role": "assistant", "content": "", "tool_calls": [call]}]
    url = endpoint(server, "nop", "T3", "executor")
    status, body, _ = post(url, {"model": "m", "messages": messages}, path="/api/chat")
    assert status == 400
    assert "function.arguments" in body["error"]
