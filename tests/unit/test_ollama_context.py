"""A local model saw its whole prompt, or the trial ends with an error that says why."""

import socket
import time
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from fakes import meter
from fault_server import FaultServer, answers, drips, hangs
from ollama_calls import MODEL, ask, failure, local, script
from wire_samples import BASH, Canned, chat, http

from runner.config.rates import Rate
from runner.errors import ModelFailure
from runner.events import CallSettled
from runner.events import Event as Event_
from runner.models import ollama_chat
from runner.models.ollama_context import estimate
from runner.scripted.server import ScriptedServer
from runner.types import Message, Reply, ToolResult, Usage, UserText

LONG = [UserText("x" * 40_000)]
TALK = ToolResult("0", "bash", "ok")


def before(tokens: int, raw: object = None) -> Reply:
    return Reply("I look.", (), Usage(tokens, 10), "tool_use", 0.1, raw=raw)


def listed(context: object, **fields: object) -> bytes:
    entry = {"name": "qwen3.5:9b", "model": "qwen3.5:9b", "context_length": context, **fields}
    return http({"models": [entry]})


# ---- before a call ----------------------------------------------------------------------


def test_a_prompt_that_may_not_fit_is_not_sent(scripted: ScriptedServer) -> None:
    seen = len(scripted.requests)
    error = failure(script(scripted, "nop"), messages=LONG)
    assert (error.kind, error.lost) == ("context_length", False)
    assert "num_ctx is 8192" in str(error)
    assert len(scripted.requests) == seen


def test_a_prompt_of_digits_each_of_which_is_a_token_is_not_sent(scripted: ScriptedServer) -> None:
    seen = len(scripted.requests)
    error = failure(script(scripted, "nop"), messages=[UserText("7" * 9_000)])
    assert error.kind == "context_length"
    assert len(scripted.requests) == seen
    assert estimate("", [UserText("7" * 9_000)], ()) >= 9_000


@pytest.mark.parametrize(
    "text", ["\U0001f600" * 100, "\u4e2d" * 100, "e\u0301" * 100, "\x00" * 100]
)
def test_no_text_has_more_tokens_than_bytes(text: str) -> None:
    assert estimate("", [UserText(text)], ()) >= len(text.encode())


def test_a_reply_without_a_count_is_bounded_by_all_that_is_echoed_of_it() -> None:
    thought = {"role": "assistant", "content": "", "thinking": "7" * 5_000}
    silent = Reply("", (), Usage(), "tool_use", 0.1, raw=thought)
    assert estimate("", [UserText("go"), silent, TALK], ()) >= 5_000
    half = Reply("", (), Usage(100, 0), "tool_use", 0.1, raw=thought)
    assert estimate("", [UserText("go"), half, TALK], ()) >= 5_100


def test_what_the_server_counted_is_not_estimated_anew(scripted: ScriptedServer) -> None:
    talk: list[Message] = [*LONG, before(1_000), TALK]
    assert ask(script(scripted, "nop"), talk, options={"num_ctx": 65_536}).text == "DONE"
    assert failure(script(scripted, "nop"), messages=[*LONG, before(8_190), TALK]).kind == (
        "context_length"
    )


def test_the_server_is_told_not_to_cut(scripted: ScriptedServer) -> None:
    ask(script(scripted, "nop"))
    bodies: list[Any] = [each.body for each in scripted.requests if each.body]
    assert (bodies[-1]["truncate"], bodies[-1]["shift"]) == (False, False)


def test_a_server_that_refuses_a_long_prompt_has_said_so(scripted: ScriptedServer) -> None:
    error = failure(script(scripted, "nop?fault=context@*"))
    assert (error.kind, error.lost) == ("context_length", False)


# ---- after a call -----------------------------------------------------------------------


def test_a_prompt_that_got_shorter_was_cut() -> None:
    with Canned(http(chat(prompt_eval_count=400))) as canned:
        error = failure(canned.url, messages=[UserText("go"), before(500), TALK])
    assert error.kind == "truncated"
    assert "took 500 tokens, then 400" in str(error)


@pytest.mark.parametrize("missing", [None, ...])
def test_a_prompt_that_got_shorter_was_cut_though_a_count_between_is_missing(
    missing: object,
) -> None:
    talk = [UserText("go"), before(500), TALK, before(0), TALK]
    with Canned(http(chat(prompt_eval_count=400))) as canned:
        assert failure(canned.url, messages=talk).kind == "truncated"
    with Canned(http(chat(prompt_eval_count=missing)), http({})) as canned:
        assert ask(canned.url, talk).detail["usage_missing"] == ["prompt_eval_count"]


def test_a_prompt_that_grew_again_after_a_cut_is_held_to_the_largest() -> None:
    talk = [UserText("go"), before(500), TALK, before(300), TALK]
    with Canned(http(chat(prompt_eval_count=400))) as canned:
        assert "took 500 tokens, then 400" in str(failure(canned.url, messages=talk))


def test_a_prompt_of_no_tokens_was_cut_to_nothing() -> None:
    with Canned(http(chat(prompt_eval_count=0))) as canned:
        assert failure(canned.url, messages=[UserText("go"), before(5), TALK]).kind == "truncated"


def test_after_thoughts_were_left_out_prompts_are_held_to_those_since() -> None:
    thought = {"thinking": "hm"}
    talk = [UserText("go"), before(500, thought), UserText("Your reply was empty.")]
    talk += [before(400, thought), TALK]
    with Canned(http(chat(prompt_eval_count=410)), http({})) as canned:
        assert ask(canned.url, talk).usage.input_tokens == 410
    with Canned(http(chat(prompt_eval_count=390))) as canned:
        assert failure(canned.url, messages=talk).kind == "truncated"


def test_thoughts_that_a_template_leaves_out_are_no_cut() -> None:
    talk = [UserText("go"), before(500, {"thinking": "hm"}), UserText("Your reply was empty.")]
    with Canned(http(chat(prompt_eval_count=400)), http({})) as canned:
        assert ask(canned.url, talk).usage.input_tokens == 400


def test_more_tokens_than_the_context_holds_were_moved_out_of_it() -> None:
    with Canned(http(chat(prompt_eval_count=8_000, eval_count=400))) as canned:
        assert failure(canned.url).kind == "truncated"


@pytest.mark.parametrize("context", [4_096, 8_191, 262_144])
def test_a_model_loaded_with_another_context_is_an_error(context: int) -> None:
    with Canned(http(chat()), listed(context)) as canned:
        error = failure(canned.url)
    assert error.kind == "context_size"
    assert f"a context of {context} tokens and was asked for 8192" in str(error)


def test_what_the_server_tells_of_the_loaded_model_is_on_record() -> None:
    with Canned(http(chat()), listed(8_192, size=8_000, size_vram=2_000)) as canned:
        detail = ask(canned.url).detail
    assert (detail["context_loaded"], detail["gpu_share"]) == (8_192, 0.25)


@pytest.mark.parametrize(
    "told",
    [http({"models": []}), http({"models": "none"}), http(b"no"), http({}, "404 Not Found"),
     http({}, "500 Broken"), listed("8192"), listed(None), b""],
)  # fmt: skip
def test_a_server_that_does_not_tell_leaves_the_context_unknown(told: bytes) -> None:
    with Canned(http(chat()), told) as canned:
        detail = ask(canned.url).detail
    assert "context_loaded" not in detail
    assert "gpu_share" not in detail


def test_our_own_server_must_tell_or_the_prompt_may_have_been_cut() -> None:
    for told in (http({"models": []}), http({}, "500 Broken"), listed(None)):
        with Canned(http(chat()), told) as canned:
            error = failure(canned.url, ollama_tells=True)
        assert error.kind == "context_size"
        assert "does not say with which context" in str(error)
    with Canned(http(chat()), listed(8_192)) as canned:
        assert ask(canned.url, ollama_tells=True).detail["context_loaded"] == 8_192


def test_a_server_that_hangs_when_it_is_asked_what_it_loaded_holds_no_call_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ollama_chat, "LOOK_S", 0.2)
    for never in (hangs, drips):
        with FaultServer(answers(chat()), never) as server:
            began = time.monotonic()
            assert "context_loaded" not in ask(server.url, timeout_s=60.0, deadline_s=60.0).detail
            assert 0.2 <= time.monotonic() - began < 2.0
            assert server.seen == 2


def test_a_call_that_used_up_its_time_is_looked_at_all_the_same() -> None:
    slow = Event()

    def late(connection: socket.socket) -> None:
        slow.wait(0.5)  # of the call nothing is left by then
        connection.sendall(listed(4_096))

    with FaultServer(answers(chat()), late) as server:
        assert failure(server.url, timeout_s=0.4, deadline_s=0.4).kind == "context_size"


@pytest.mark.parametrize(
    ("told", "kind"), [(listed(4_096, size=4, size_vram=1), "context_size"), (b"", "truncated")]
)
def test_a_reply_that_is_refused_was_paid_for_and_its_record_says_how(
    told: bytes, kind: str
) -> None:
    read = 100 if kind == "context_size" else 8_190
    events: list[Event_] = []
    with Canned(http(chat(prompt_eval_count=read)), told) as canned, local(canned.url) as model:
        counted = meter(events)
        counted.card = replace(counted.card, rates={MODEL: Rate(1, 5, 1.25, 2, 0.1)})
        with pytest.raises(ModelFailure) as caught:
            counted.call(model, "executor", 1, "", [UserText("go")], (), 512)
    (settled,) = (each for each in events if isinstance(each, CallSettled))
    assert caught.value.kind == kind
    assert settled.usage == Usage(input_tokens=read, output_tokens=7)
    assert (settled.detail["attempts"], settled.detail["eval_s"]) == (1, 1.5)
    assert settled.detail.get("gpu_share") == (0.25 if kind == "context_size" else None)


# ---- replies that do not end ------------------------------------------------------------


def test_a_hung_reply_is_aborted_at_its_deadline_and_the_next_is_served(
    scripted: ScriptedServer,
) -> None:
    url = script(scripted, "nop?fault=hang@1")
    with local(url, deadline_s=0.5) as model:
        began = time.monotonic()
        with pytest.raises(ModelFailure):
            model.reply("", [UserText("go")], (BASH,))
        assert 0.5 <= time.monotonic() - began < 1.5
        assert model.reply("", [UserText("go")], (BASH,)).text == "DONE"


def test_a_reply_that_drips_is_aborted_at_its_deadline() -> None:
    with Canned(http(b"{" * 9).replace(b"length: 9", b"length: 99999"), drip=True) as canned:
        began = time.monotonic()
        assert failure(canned.url, deadline_s=0.5).kind == "deadline"
        assert 0.5 <= time.monotonic() - began < 1.5


def test_a_reply_that_drips_and_then_falls_silent_has_no_second_silence() -> None:
    half = http(b"{" * 9).replace(b"length: 9", b"length: 99999")
    with Canned(half, drip=True, drips=30) as canned:  # a drop each 10 ms
        began = time.monotonic()
        error = failure(canned.url, timeout_s=5.0, deadline_s=0.8)
    assert error.kind == "deadline"
    assert 0.8 <= time.monotonic() - began < 1.8
