"""Claude through the vendor's SDK: what is read, whatever the server says."""

import json

import pytest
from anthropic_calls import answered, ask, refused, script
from wire_samples import Canned, http, message

from runner.scripted.server import ScriptedServer
from runner.types import ToolCall, ToolResult, Usage, UserText


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
@pytest.mark.parametrize("value", [-1, 1.5, "12", True, 10**12])
def test_a_count_that_is_none_is_named(field: str, value: object) -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, field: value}
    error = refused(message(usage=usage))
    assert error.kind == "malformed_reply"
    assert field in str(error)
    assert error.lost  # it was billed, whatever it says
    assert error.request_id == "req_7"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_json_number_is_no_reply(number: float) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": number}}
    for body in (message(usage={"input_tokens": number}), message(content=[call])):
        error = refused(body)
        assert error.kind == "malformed_reply"
        assert "no JSON number" in str(error)


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
    scripted: ScriptedServer, block: dict[str, object], said: str
) -> None:
    reply = answered(message(content=[{"type": "tool_use", **block}], stop_reason="tool_use"))
    (call,) = reply.calls
    assert call.malformed is not None
    assert said in call.malformed
    answer = ToolResult(call.id, call.name, "mend it", is_error=True)
    ask(script(scripted, "nop"), [UserText("go"), reply, answer])
    assert scripted.requests[-1].status == 200


def test_ids_that_are_missing_or_used_twice_are_made_unique(scripted: ScriptedServer) -> None:
    use = {"type": "tool_use", "name": "bash", "input": {}}
    content = [{**use, "id": "t1"}, {**use, "id": "t1"}, use]
    reply = answered(message(content=content, stop_reason="tool_use"))
    assert len({call.id for call in reply.calls}) == 3
    results = [ToolResult(call.id, call.name, "ok") for call in reply.calls]
    ask(script(scripted, "nop"), [UserText("go"), reply, *results])
    assert scripted.requests[-1].status == 200


def test_lone_surrogates_are_replaced_so_that_the_record_can_be_written() -> None:
    with Canned(
        http(json.dumps(message(content=[{"type": "text", "text": "\ud800x"}])).encode())
    ) as canned:
        assert ask(canned.url).text.encode() == b"?x"
