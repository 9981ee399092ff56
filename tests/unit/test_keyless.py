"""A server that says the key it was sent does not get it on record."""

import json
from collections.abc import Callable
from contextlib import closing

import pytest
from fault_server import FaultServer, answers
from wire_samples import chat, message

from runner.errors import ModelFailure
from runner.models import Connection, OpenModel, make_model
from runner.models.connection import is_local, keys_of, shown_address
from runner.models.keyless import REMOVED, without
from runner.types import UserText

KEY = "sk-ant-api03-Zm9vYmFyYmF6cXV4MDEyMzQ1Njc4OQ-AAAAAAAA"
GO = (UserText("go"),)


def claude(url: str) -> closing[OpenModel]:
    connection = Connection(KEY, url, max_retries=0)
    return closing(make_model("anthropic", "claude-haiku-4-5", 512, {}, connection))


def outcome(body: object, status: str = "200 OK", **headers: str) -> str:
    """Everything that leaves the models for this answer, as text."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with FaultServer(answers(body, status, named)) as server, claude(server.url) as model:
        try:
            return repr(model.reply("", GO, ()))
        except ModelFailure as failure:
            return repr((str(failure), vars(failure), failure.__cause__))


def used(**block: object) -> dict[str, object]:
    return message(content=[{"type": "tool_use", "id": "t1", "name": "bash", **block}])


SAYS_KEY: dict[str, Callable[[str], tuple[object, str]]] = {
    "text": lambda key: (message(content=[{"type": "text", "text": f"It is {key}."}]), "200 OK"),
    "thinking": lambda key: (message(content=[{"type": "thinking", "thinking": key}]), "200 OK"),
    "arguments": lambda key: (used(input={"command": ["echo", {"it": key}]}), "200 OK"),
    "argument's name": lambda key: (used(input={key: 1}), "200 OK"),
    "malformed arguments": lambda key: (used(input=key), "200 OK"),
    "long malformed arguments": lambda key: (used(input="x" * 40 + key), "200 OK"),
    "tool's name": lambda key: (used(name=key, input={}), "200 OK"),
    "call's id": lambda key: (used(id=key, input={}), "200 OK"),
    "stop reason": lambda key: (message(stop_reason=key), "200 OK"),
    "stop details": lambda key: (message(stop_details={"why": [key]}), "200 OK"),
    "model": lambda key: (message(model=key), "200 OK"),
    "escaped": lambda key: (
        json.dumps(message(model=key)).replace("sk-", "\\u0073k-").encode(),
        "200 OK",
    ),
    "no reply": lambda key: (message(type=key), "200 OK"),
    "no json": lambda key: (f"hello {key}".encode(), "200 OK"),
    "error": lambda key: ({"error": {"type": "x", "message": f"bad {key}"}}, "401 No"),
    "error's kind": lambda key: ({"error": {"type": key, "message": "bad"}}, "401 No"),
    "error page": lambda key: (f"<html>{key}".encode(), "502 Bad Gateway"),
    "error cut short": lambda key: ({"error": {"message": "x" * 930 + key}}, "400 No"),
}


@pytest.mark.parametrize("says", SAYS_KEY.values(), ids=SAYS_KEY.keys())
def test_a_key_that_is_said_never_leaves_the_models(
    says: Callable[[str], tuple[object, str]],
) -> None:
    told = outcome(*says(KEY))
    assert KEY not in told
    assert KEY[: len(KEY) // 2 + 1] not in told
    another = "another-word-of-the-same-length-and-much-the-same-look"[: len(KEY)]
    assert another[:26] in outcome(*says(another))  # the place is one that is passed on


def test_a_key_in_the_answers_headers_does_not_leave_either() -> None:
    assert KEY not in outcome(message(), request_id=KEY)
    assert KEY not in outcome({"error": {}}, "429 Busy", retry_after=KEY, request_id=KEY)


def test_a_reply_without_the_key_is_untouched() -> None:
    body = message(content=[{"type": "text", "text": "sk-ant-api03- begins every key"}])
    with FaultServer(answers(body)) as server, claude(server.url) as model:
        assert model.reply("", GO, ()).raw == body["content"]


def test_the_password_of_an_address_is_neither_shown_nor_passed_on() -> None:
    password = "a-long-password-of-a-proxy"
    for status in ("200 OK", "500 Broken"):
        with FaultServer(answers({"error": f"no: {password}"}, status)) as server:
            host = server.url.replace("http://", f"http://me:{password}@")
            connection = Connection(ollama_host=host, max_retries=0)
            options = {"num_ctx": 8192}
            with closing(make_model("ollama", "qwen3.5:9b", 9, options, connection)) as model:
                with pytest.raises(ModelFailure) as caught:
                    model.reply("", GO, ())
                assert password not in str(caught.value)
                assert f"no: {REMOVED}" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown", "local"),
    [
        ("me:hunter2@gpu:11434", "gpu:11434", False),
        ("http://me:hunter2@gpu:11434/x", "http://gpu:11434/x", False),
        ("http://me:a@b@127.0.0.1:1", "http://127.0.0.1:1", True),
        ("127.0.0.1:11434", "127.0.0.1:11434", True),
        ("localhost", "localhost", True),
        ("http://gpu/a@b", "http://gpu/a@b", False),
    ],
)
def test_an_address_is_read_with_a_scheme_or_without(address: str, shown: str, local: bool) -> None:
    assert shown_address(address) == shown
    assert is_local(address) is local
    if "hunter2" in address:
        assert "hunter2" in keys_of(Connection(ollama_host=address))


def test_ollamas_own_key_does_not_leave_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    body = chat(message={"role": "assistant", "content": f"It is {KEY}."})
    with FaultServer(answers(body)) as server:
        connection = Connection(ollama_host=server.url)
        with closing(make_model("ollama", "q", 9, {"num_ctx": 8192}, connection)) as model:
            assert model.reply("", GO, ()).text == f"It is {REMOVED}."


def test_a_reply_nested_deeper_than_can_be_looked_through_is_none() -> None:
    deep = b"[" * 700 + b"]" * 700
    body = json.dumps(used(input={"a": "DEEP"})).encode().replace(b'"DEEP"', deep)
    assert "nested too deep" in outcome(body)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("abc", "abc"),
        ("0123456789abcdef", REMOVED),
        ("x0123456789abcdefy0123456789abcdef", f"x{REMOVED}y{REMOVED}"),
        ("0123456", "0123456"),
        ("01234567...", f"{REMOVED}..."),
        ("0123456789abcde", REMOVED),
        ("012345678 and on", f"{REMOVED} and on"),
    ],
)
def test_half_a_key_or_more_is_removed(text: str, cleaned: str) -> None:
    assert without(text, "0123456789abcdef") == cleaned
