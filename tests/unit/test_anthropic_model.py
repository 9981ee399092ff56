"""Claude through the vendor's SDK: what is sent, what is read, and what never is a traceback."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from wire_samples import BASH, EDITOR, ENVIRONMENT, Canned, free_port_url, http, message

from runner.errors import ModelFailure, UsageError
from runner.models import Connection, OpenModel, make_model
from runner.models.anthropic_wire import request_messages
from runner.scripted.server import ScriptedServer, endpoint
from runner.types import Message, Reply, ToolCall, ToolResult, Usage, UserText

MODEL = "claude-haiku-4-5"
GO: Sequence[Message] = (UserText("go"),)
MARK: dict[str, object] = {"type": "ephemeral"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer({"T3": ()}, keep=100) as running:
        yield running


def claude(url: str, key: str = "key", **settings: Any) -> closing[OpenModel]:
    options = settings.pop("options", {})
    connection = replace(Connection(key, url, timeout_s=5.0, deadline_s=20.0), **settings)
    return closing(make_model("anthropic", MODEL, 4096, options, connection))


def ask(url: str, messages: Sequence[Message] = GO, **settings: Any) -> Reply:
    with claude(url, **settings) as model:
        return model.reply("You mend code.", messages, (BASH, EDITOR))


def failure(url: str, **settings: Any) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        ask(url, **settings)
    return caught.value


def answered(body: object, **settings: Any) -> Reply:
    with Canned(http(body, headers={"request-id": "req_7"})) as canned:
        return ask(canned.url, **settings)


def refused(body: object) -> ModelFailure:
    with Canned(http(body, headers={"request-id": "req_7"})) as canned:
        return failure(canned.url)


def script(server: ScriptedServer, spec: str) -> str:
    return endpoint(server, spec, "T3", "solo")


# ---- what is sent -----------------------------------------------------------------------


def test_request_is_bare_of_everything_the_model_may_refuse(server: ScriptedServer) -> None:
    ask(script(server, "nop"))
    (request,) = server.requests
    assert isinstance(request.body, dict)
    assert set(request.body) == {"model", "max_tokens", "system", "messages", "tools"}
    assert request.body["max_tokens"] == 4096
    assert request.headers["authorization"] == "Bearer key"
    assert request.headers["x-api-key"] == "key"
    assert request.headers["anthropic-version"]


def test_marks_are_on_system_last_tool_and_latest_user_block(server: ScriptedServer) -> None:
    ask(script(server, "nop"))
    body: Any = server.requests[0].body
    assert body["system"][-1]["cache_control"] == MARK
    assert ["cache_control" in tool for tool in body["tools"]] == [False, True]
    assert body["messages"][-1]["content"][-1]["cache_control"] == MARK


def test_one_hour_marks_on_request(server: ScriptedServer) -> None:
    ask(script(server, "nop"), options={"cache_ttl": "1h"})
    body: Any = server.requests[0].body
    assert body["system"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def turn(count: int, number: int = 0) -> list[Message]:
    """A reply with `count` calls, and its results."""
    calls = tuple(ToolCall(f"t{number}_{i}", "bash", {"command": "ls"}) for i in range(count))
    results = [ToolResult(call.id, "bash", "ok") for call in calls]
    return [Reply("I look.", calls, Usage(), "tool_use", 0.1), *results]


def marked(messages: Sequence[Message]) -> list[tuple[int, int]]:
    """(message, block) of every mark."""
    sent: Any = request_messages(messages, MARK)
    return [
        (i, j)
        for i, item in enumerate(sent)
        for j, block in enumerate(item["content"])
        if "cache_control" in block
    ]


def test_short_turns_need_one_mark() -> None:
    assert marked([UserText("go"), *turn(2), *turn(3, 1)]) == [(4, 2)]


def test_a_turn_near_the_lookback_is_marked_where_the_last_request_wrote() -> None:
    # 1 text + 8 calls + 8 results = 17 blocks after the previous user message.
    assert marked([UserText("go"), *turn(2), *turn(8, 1)]) == [(2, 1), (4, 7)]


def test_tool_results_in_a_row_are_one_user_message(server: ScriptedServer) -> None:
    calls = (ToolCall("a", "bash", {"command": "ls"}), ToolCall("b", "bash", {"command": "x"}))
    ask(
        script(server, "nop"),
        [
            UserText("go"),
            Reply("", calls, Usage(), "tool_use", 0.1),
            ToolResult("a", "bash", "one"),
            ToolResult("b", "bash", "", is_error=True),
        ],
    )
    body: Any = server.requests[0].body
    assert [item["role"] for item in body["messages"]] == ["user", "assistant", "user"]
    first, second = body["messages"][2]["content"]
    assert (first["tool_use_id"], first["content"]) == ("a", "one")
    assert "is_error" not in first
    assert (second["tool_use_id"], second["is_error"]) == ("b", True)
    assert second["content"].strip()


def test_a_reply_is_echoed_block_by_block_unchanged() -> None:
    blocks = [
        {"type": "thinking", "thinking": "", "signature": "s1g"},
        {"type": "redacted_thinking", "data": "xx"},
        {"type": "text", "text": "I look.", "citations": None},
        {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "ls"}, "new": 1},
    ]
    reply = answered(message(content=blocks, stop_reason="tool_use"))
    sent = request_messages([UserText("go"), reply, ToolResult("t1", "bash", "ok")], MARK)
    assert sent[1] == {"role": "assistant", "content": blocks}


def test_a_reply_without_content_is_not_sent_back(server: ScriptedServer) -> None:
    empty = answered(message(content=[]))
    ask(script(server, "nop"), [UserText("go"), empty, UserText("Your reply was empty.")])
    assert server.requests[0].status == 200
    body: Any = server.requests[0].body
    assert [block["text"] for block in body["messages"][0]["content"]] == [
        "go",
        "Your reply was empty.",
    ]


def test_blank_text_is_never_sent(server: ScriptedServer) -> None:
    blank = answered(message(content=[{"type": "text", "text": ""}]))
    ask(script(server, "nop"), [UserText("go"), blank, UserText("  ")])
    assert server.requests[0].status == 200


def test_options_reach_the_body(server: ScriptedServer) -> None:
    options = {"thinking_budget": 1024, "effort": "low", "temperature": 0.5}
    ask(script(server, "nop"), options={**options, "api_version": "2023-06-01"})
    body: Any = server.requests[0].body
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert body["output_config"] == {"effort": "low"}
    assert body["temperature"] == 0.5
    assert server.requests[0].headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"temprature": 1.0}, "temprature"),
        ({"temperature": "hot"}, "temperature"),
        ({"thinking_budget": True}, "thinking_budget"),
        ({"cache_ttl": "2h"}, "cache_ttl"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        claude("http://127.0.0.1:1", options=options)


@pytest.mark.parametrize("key", ["", "  ", "sk-\n", "ключ"])
def test_a_key_that_can_be_none_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(UsageError, match="ANTHROPIC_API_KEY"):
        claude("http://127.0.0.1:1", key=key)


def test_unknown_provider_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="anthropic, ollama"):
        make_model("openai", "m", 1, {}, Connection())


def test_environment_does_not_override_what_is_given(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = free_port_url()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", nowhere)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "other")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "other")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer other")
    monkeypatch.setenv("HTTP_PROXY", nowhere)
    monkeypatch.setenv("ALL_PROXY", nowhere)
    ask(script(server, "nop"))
    assert server.requests[0].headers["authorization"] == "Bearer key"


# ---- what is read -----------------------------------------------------------------------


def test_a_reply_is_read_whole() -> None:
    reply = answered(
        message(
            content=[
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "ls"}},
            ],
            stop_reason="tool_use",
        )
    )
    assert reply.text == "I look."
    assert reply.calls == (ToolCall("t1", "bash", {"command": "ls"}),)
    assert reply.usage == Usage(10, 2)
    assert (reply.stop_reason, reply.request_id) == ("tool_use", "req_7")
    assert reply.latency_s > 0
    assert reply.detail["attempts"] == 1


@pytest.mark.parametrize(
    ("usage", "expected", "missing"),
    [
        (
            {
                "input_tokens": 1,
                "output_tokens": 2,
                "cache_creation_input_tokens": 300,
                "cache_read_input_tokens": 4000,
            },
            Usage(1, 2, 300, 0, 4000),
            None,
        ),
        (
            {
                "input_tokens": 1,
                "output_tokens": 2,
                "cache_creation_input_tokens": 300,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 100,
                    "ephemeral_1h_input_tokens": 200,
                },
            },
            Usage(1, 2, 100, 200, 0),
            None,
        ),
        (
            {
                "input_tokens": 5,
                "output_tokens": 6,
                "cache_creation_input_tokens": None,
                "cache_read_input_tokens": None,
                "cache_creation": None,
            },
            Usage(5, 6),
            None,
        ),
        ({"input_tokens": None, "output_tokens": 6}, Usage(0, 6), ["input_tokens"]),
        (None, Usage(), ["usage"]),
        (..., Usage(), ["usage"]),
    ],
)
def test_usage_fields_may_be_absent(usage: object, expected: Usage, missing: object) -> None:
    reply = answered(message(usage=usage))
    assert reply.usage == expected
    assert reply.detail.get("usage_missing") == missing


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "cache_read_input_tokens"])
@pytest.mark.parametrize("value", [-1, 1.5, "12", True, float("nan"), 10**12])
def test_a_count_that_is_none_is_named(field: str, value: object) -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, field: value}
    error = refused(message(usage=usage))
    assert error.kind == "malformed_reply"
    assert field in str(error)
    assert error.lost  # it was billed, whatever it says
    assert error.request_id == "req_7"


@pytest.mark.parametrize(
    "reason",
    [
        "end_turn",
        "tool_use",
        "max_tokens",
        "stop_sequence",
        "refusal",
        "model_context_window_exceeded",
        "pause_turn",
    ],
)
def test_every_stop_reason_is_kept(reason: str) -> None:
    assert answered(message(stop_reason=reason)).stop_reason == reason


@pytest.mark.parametrize("reason", ["coffee_break", None, 7, ...])
def test_a_stop_reason_nobody_knows_is_unknown_and_on_record(reason: object) -> None:
    reply = answered(message(stop_reason=reason))
    assert reply.stop_reason == "unknown"
    assert reply.detail["stop_reason"] == (None if reason is ... else reason)


def test_a_refusal_keeps_its_details() -> None:
    details = {"category": "cyber"}
    reply = answered(message(stop_reason="refusal", stop_details=details, content=[]))
    assert (reply.text, reply.calls) == ("", ())
    assert reply.detail["stop_details"] == details


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"id": "t1", "name": "bash", "input": "ls"}, "'ls', not an object"),
        ({"id": "t1", "name": "bash", "input": ["ls"]}, "not an object"),
        ({"id": "t1", "name": "bash"}, "None, not an object"),
        ({"id": "t1", "input": {}}, "no tool name"),
        ({"id": "t1", "name": "", "input": {}}, "no tool name"),
    ],
)
def test_a_malformed_call_is_data_and_can_be_answered(
    server: ScriptedServer, block: dict[str, object], said: str
) -> None:
    reply = answered(message(content=[{"type": "tool_use", **block}], stop_reason="tool_use"))
    (call,) = reply.calls
    assert call.malformed is not None
    assert said in call.malformed
    answer = ToolResult(call.id, call.name, "mend it", is_error=True)
    ask(script(server, "nop"), [UserText("go"), reply, answer])
    assert server.requests[-1].status == 200


def test_ids_that_are_missing_or_used_twice_are_made_unique(server: ScriptedServer) -> None:
    use = {"type": "tool_use", "name": "bash", "input": {}}
    content = [{**use, "id": "t1"}, {**use, "id": "t1"}, use]
    reply = answered(message(content=content, stop_reason="tool_use"))
    assert len({call.id for call in reply.calls}) == 3
    results = [ToolResult(call.id, call.name, "ok") for call in reply.calls]
    ask(script(server, "nop"), [UserText("go"), reply, *results])
    assert server.requests[-1].status == 200


def test_lone_surrogates_are_replaced_so_that_the_record_can_be_written() -> None:
    with Canned(
        http(json.dumps(message(content=[{"type": "text", "text": "\ud800x"}])).encode())
    ) as canned:
        assert ask(canned.url).text.encode() == b"?x"


# ---- what goes wrong --------------------------------------------------------------------


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
    server: ScriptedServer, fault: str, kind: str
) -> None:
    error = failure(script(server, f"nop?fault={fault}@*"), max_retries=0)
    assert error.kind == kind
    assert error.request_id is not None
    assert error.request_id.startswith("req_")
    assert not error.lost
    assert server.url in str(error)


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
    with ScriptedServer({"T3": ()}, api_key="right") as server:
        error = failure(script(server, "nop"), key="wrong")
    assert error.kind == "authentication_error"


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
    server: ScriptedServer, fault: str, kind: str
) -> None:
    error = failure(script(server, f"nop?fault={fault}@1"))
    assert (error.kind, error.lost) == (kind, True)


def test_a_silent_server_is_a_timeout(server: ScriptedServer) -> None:
    error = failure(script(server, "nop?fault=hang@*"), timeout_s=0.2)
    assert (error.kind, error.lost) == ("timeout", True)


def test_usage_that_is_null_is_flagged(server: ScriptedServer) -> None:
    reply = ask(script(server, "nop?fault=usage-none@1"))
    assert reply.detail["usage_missing"] == ["input_tokens", "output_tokens"]


def test_overload_is_retried_and_the_wait_is_not_latency(server: ScriptedServer) -> None:
    reply = ask(script(server, "nop?fault=529:0.1@1-2"))
    assert reply.text == "DONE"
    assert reply.detail["attempts"] == 3
    waited = reply.detail["wait_s"]
    assert isinstance(waited, float)
    assert waited >= 0.2


def test_a_wait_past_the_deadline_is_not_waited_for(server: ScriptedServer) -> None:
    error = failure(script(server, "nop?fault=429:3600@*"))
    assert error.kind == "rate_limit_error"
    assert "wait 3600 s" in str(error)
    assert len(server.requests) == 1


def test_a_body_that_never_ends_is_cut_at_the_deadline() -> None:
    head = http(b"{")
    endless = head.replace(b"content-length: 1", b"content-length: 1000000000")
    with Canned(endless, drip=True) as canned:
        error = failure(canned.url, deadline_s=0.3)
    assert (error.kind, error.lost) == ("deadline", True)


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
    "a redirect to itself": http(b"", "307 Temporary Redirect", {"location": "/v1/messages"}),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a long header": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE.keys())
def test_whatever_a_server_answers_is_a_model_failure(raw: bytes) -> None:
    with Canned(raw) as canned:
        error = failure(canned.url, max_retries=0)
    assert error.kind in ("malformed_reply", "connection_lost")
