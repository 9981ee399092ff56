"""The stand-in plays scripts over both wire protocols, with costs and faults."""

import json
import threading
from contextlib import closing

import ollama
import pytest
from scripted_requests import USER, USES, get, mark, post, request, result
from wire_samples import BASH

from runner.models import Connection, make_model
from runner.scripted.cache import PromptCache
from runner.scripted.personas import PERSONAS
from runner.scripted.script import Ask, Dialogue, Script, Turn
from runner.scripted.server import ScriptedServer, endpoint
from runner.types import Role, Usage, UserText

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


def test_the_second_call_reads_what_the_first_wrote(scripted: ScriptedServer) -> None:
    url = endpoint(scripted, "nop", "T3", "solo")
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


def test_faults_count_each_trials_calls_apart(scripted: ScriptedServer) -> None:
    one = endpoint(scripted, "nop?fault=500@2", "T3", "solo", "trial-1")
    two = endpoint(scripted, "nop?fault=500@2", "T3", "solo", "trial-2")
    assert [post(url, request())[0] for url in (one, two, one, two, one)] == [
        200,
        200,
        500,
        500,
        200,
    ]


def test_latency_is_waited_for(scripted: ScriptedServer) -> None:
    url = endpoint(scripted, "nop?latency=0.2", "T3", "solo")
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


def test_ollama_says_it_is_there(scripted: ScriptedServer) -> None:
    assert get(scripted.url) == b"Ollama is running"
    assert json.loads(get(scripted.url + "/api/version"))["version"]


def test_the_client_reads_the_lists_of_models(scripted: ScriptedServer) -> None:
    url = endpoint(scripted, "nop", "T3", "executor")
    client = ollama.Client(url, trust_env=False, timeout=10)
    with closing(client):
        client.chat("qwen3.5:9b", [USER], options={"num_ctx": 8192})
        (loaded,) = client.ps().models
        (tagged,) = client.list().models
        assert (loaded.model, loaded.context_length) == ("qwen3.5:9b", 8192)
        assert loaded.digest == tagged.digest
        assert "tools" in (client.show("qwen3.5:9b").capabilities or [])


def test_a_prompt_over_the_context_shows_in_its_count(scripted: ScriptedServer) -> None:
    url = endpoint(scripted, "nop", "T3", "executor")
    said = {"role": "user", "content": "x" * 35_000}
    body = {"model": "m", "messages": [said], "options": {"num_ctx": 1000}}
    assert post(url, body, path="/api/chat")[1]["prompt_eval_count"] > 10_000


def test_ollama_refuses_arguments_that_are_no_object(scripted: ScriptedServer) -> None:
    call = {"function": {"name": "bash", "arguments": "ls"}}
    messages = [USER, {"role": "assistant", "content": "", "tool_calls": [call]}]
    url = endpoint(scripted, "nop", "T3", "executor")
    status, body, _ = post(url, {"model": "m", "messages": messages}, path="/api/chat")
    assert status == 400
    assert "function.arguments" in body["error"]
