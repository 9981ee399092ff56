"""The stand-in refuses what the real Messages API refuses, in its words."""

import pytest
from scripted_requests import USER, USES, mark, post, request, result

from runner.scripted.server import ScriptedServer, endpoint


def test_an_answer_has_the_shape_of_a_message(scripted: ScriptedServer) -> None:
    status, body, headers = post(endpoint(scripted, "nop", "T3", "solo"), request())
    assert status == 200
    assert (body["type"], body["role"], body["stop_reason"]) == ("message", "assistant", "end_turn")
    assert body["content"] == [{"type": "text", "text": "DONE"}]
    assert headers["request-id"].startswith("req_")


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
    scripted: ScriptedServer, change: dict[str, object], said: str | None
) -> None:
    status, body, headers = post(endpoint(scripted, "nop", "T3", "solo"), request(**change))
    if said is None:
        assert status == 200
        return
    assert (status, body["type"]) == (400, "error")
    assert body["error"]["type"] == "invalid_request_error"
    assert said in body["error"]["message"]
    assert body["request_id"] == headers["request-id"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(scripted: ScriptedServer, body: bytes) -> None:
    assert post(endpoint(scripted, "nop", "T3", "solo"), body)[0] == 400


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
def test_an_unknown_script_is_not_found(scripted: ScriptedServer, path: str, protocol: str) -> None:
    body = {"model": "m", "max_tokens": 1, "messages": [USER]}
    status, answer, _ = post(scripted.url + path, body, path=protocol)
    assert status == 404
    assert "error" in answer
