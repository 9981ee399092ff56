"""Claude through the vendor's SDK: what goes wrong never is a traceback."""

import pytest
from anthropic_calls import ask, failure, script
from wire_samples import Canned, free_port_url, http, message

from runner.errors import ModelFailure, UsageError
from runner.scripted.server import ScriptedServer


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("400", "invalid_request_error"),
        ("401", "authentication_error"),
        ("429", "rate_limit_error"),
        ("500", "api_error"),
        ("503", "api_error"),
        ("529", "overloaded_error"),
        ("spend", "spend_limit"),
        ("context", "context_length"),
    ],
)
def test_errors_have_the_vendors_kind_and_request_id(
    scripted: ScriptedServer, fault: str, kind: str
) -> None:
    error = failure(script(scripted, f"nop?fault={fault}@*"), max_retries=0)
    assert error.kind == kind
    assert error.request_id is not None
    assert error.request_id.startswith("req_")
    assert not error.lost
    assert scripted.url in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("402 Payment Required", "billing_error"),
        ("403 Forbidden", "permission_error"),
        ("404 Not Found", "not_found_error"),
        ("413 Too Large", "request_too_large"),
        ("418 Teapot", "invalid_request_error"),
        ("502 Bad Gateway", "api_error"),
    ],
)
def test_an_error_page_of_a_proxy_is_told_by_its_status(status: str, kind: str) -> None:
    with Canned(http(b"<html>nginx</html>", status, {"content-type": "text/html"})) as canned:
        assert failure(canned.url, max_retries=0).kind == kind


@pytest.mark.parametrize(
    "body",
    [
        {"error": "no"},
        {"error": {"type": 7, "message": ["no"]}},
        {"type": "error", "error": None},
        ["no"],
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_an_error_of_another_shape_is_still_one(body: object) -> None:
    with Canned(http(body, "400 Bad Request")) as canned:
        assert failure(canned.url).kind == "invalid_request_error"


def test_a_wrong_key_is_an_authentication_error() -> None:
    with ScriptedServer({"T3": ()}, api_key="right") as scripted:
        error = failure(script(scripted, "nop"), key="wrong")
    assert error.kind == "authentication_error"


def test_a_key_that_a_server_quotes_is_not_repeated() -> None:
    key = "sk-ant-0123456789abcdef"
    body = {"type": "error", "error": {"type": "authentication_error", "message": f"no: {key}"}}
    with Canned(http(body, "401 Unauthorized")) as canned:
        said = str(failure(canned.url, key=key))
    assert "sk-ant" not in said
    assert "no: [key removed]" in said


def test_nobody_listening_is_told_with_the_address_and_costs_nothing() -> None:
    url = free_port_url()
    error = failure(url, max_retries=1)
    assert (error.kind, error.lost) == ("connection", False)
    assert url in str(error)
    assert "2 attempts" in str(error)


@pytest.mark.parametrize("url", ["not-a-url", "ftp://127.0.0.1", "http://", "http://[::1"])
def test_an_address_that_is_none_never_is_a_traceback(url: str) -> None:
    with pytest.raises((ModelFailure, UsageError)):
        ask(url, max_retries=0)


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
        ("usage-fraction", "malformed_reply"),
    ],
)
def test_what_may_have_been_billed_is_lost_and_not_sent_again(
    scripted: ScriptedServer, fault: str, kind: str
) -> None:
    error = failure(script(scripted, f"nop?fault={fault}@1"))
    assert (error.kind, error.lost) == (kind, True)


def test_a_silent_server_is_a_timeout(scripted: ScriptedServer) -> None:
    error = failure(script(scripted, "nop?fault=hang@*"), timeout_s=0.2)
    assert (error.kind, error.lost) == ("timeout", True)


def test_usage_that_is_null_is_flagged(scripted: ScriptedServer) -> None:
    reply = ask(script(scripted, "nop?fault=usage-none@1"))
    assert reply.detail["usage_missing"] == ["input_tokens", "output_tokens"]


GARBAGE = {
    "nothing": b"",
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no body": http(b""),
    "text": http(b"Hello"),
    "null": http(None),
    "a list": http([message()]),
    "a string": http("DONE"),
    "an empty object": http({}),
    "another type": http(message(type="error")),
    "content is text": http(message(content="DONE")),
    "content is null": http(message(content=None)),
    "a block that is text": http(message(content=["DONE"])),
    "a block without type": http(message(content=[{"text": "DONE"}])),
    "a block whose text is a number": http(message(content=[{"type": "text", "text": 1}])),
    "usage is a list": http(message(usage=[1, 2])),
    "cache_creation is a number": http(
        message(usage={"input_tokens": 1, "output_tokens": 1, "cache_creation": 5})
    ),
    "nested too deep": http(b"[" * 100_000),
    "not utf-8": http(b'{"type": "\xff\xfe"}'),
    "not gzip": http(b"DONE", headers={"content-encoding": "gzip"}),
    "a stream": http(b"event: ping\n\ndata: {}\n\n", headers={"content-type": "text/event-stream"}),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a long header": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE.keys())
def test_whatever_a_server_answers_is_a_model_failure(raw: bytes) -> None:
    with Canned(raw) as canned:
        error = failure(canned.url, max_retries=0)
    assert error.kind in ("malformed_reply", "connection_lost")
