"""A local model through Ollama's client: what goes wrong never is a traceback."""

import pytest
from ollama_calls import ask, failure, script
from wire_samples import Canned, chat, free_port_url, http

from runner.errors import ModelFailure, UsageError
from runner.models.failures import sent_again
from runner.scripted.server import ScriptedServer


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
def test_errors_are_told_by_their_status(scripted: ScriptedServer, fault: str, kind: str) -> None:
    error = failure(script(scripted, f"nop?fault={fault}@*"))
    assert (error.kind, error.lost) == (kind, False)
    assert scripted.url in str(error)


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
def test_a_broken_answer_is_a_model_failure(
    scripted: ScriptedServer, fault: str, kind: str
) -> None:
    assert failure(script(scripted, f"nop?fault={fault}@1")).kind == kind


def test_a_silent_server_is_named_and_not_asked_again(scripted: ScriptedServer) -> None:
    """It computes until it is hung up on: a second and third time would be as long."""
    error = failure(script(scripted, "nop?fault=hang@*"), timeout_s=0.2)
    assert (error.kind, error.lost) == ("silent", True)
    assert not sent_again(error.kind)


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
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE.keys())
def test_whatever_a_server_answers_is_a_model_failure(raw: bytes) -> None:
    with Canned(raw) as canned:
        error = failure(canned.url)
    assert error.kind in ("malformed_reply", "connection_lost", "api_error")
