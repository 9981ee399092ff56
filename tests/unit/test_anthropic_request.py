"""Claude through the vendor's SDK: what is sent."""

from collections.abc import Sequence
from typing import Any

import pytest
from anthropic_calls import answered, ask, claude, script
from wire_samples import free_port_url, message

from runner.errors import UsageError
from runner.models import Connection, make_model
from runner.models.anthropic_wire import request_messages
from runner.scripted.server import ScriptedServer
from runner.types import Message, Reply, ToolCall, ToolResult, Usage, UserText

MARK: dict[str, object] = {"type": "ephemeral"}


def test_request_is_bare_of_everything_the_model_may_refuse(scripted: ScriptedServer) -> None:
    ask(script(scripted, "nop"))
    (request,) = scripted.requests
    assert isinstance(request.body, dict)
    assert set(request.body) == {"model", "max_tokens", "system", "messages", "tools"}
    assert request.body["max_tokens"] == 4096
    assert request.headers["authorization"] == "Bearer key"
    assert request.headers["x-api-key"] == "key"
    assert request.headers["anthropic-version"]


def test_marks_are_on_system_last_tool_and_latest_user_block(scripted: ScriptedServer) -> None:
    ask(script(scripted, "nop"))
    body: Any = scripted.requests[0].body
    assert body["system"][-1]["cache_control"] == MARK
    assert ["cache_control" in tool for tool in body["tools"]] == [False, True]
    assert body["messages"][-1]["content"][-1]["cache_control"] == MARK


def test_one_hour_marks_on_request(scripted: ScriptedServer) -> None:
    ask(script(scripted, "nop"), options={"cache_ttl": "1h"})
    body: Any = scripted.requests[0].body
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


def test_tool_results_in_a_row_are_one_user_message(scripted: ScriptedServer) -> None:
    calls = (ToolCall("a", "bash", {"command": "ls"}), ToolCall("b", "bash", {"command": "x"}))
    ask(
        script(scripted, "nop"),
        [
            UserText("go"),
            Reply("", calls, Usage(), "tool_use", 0.1),
            ToolResult("a", "bash", "one"),
            ToolResult("b", "bash", "", is_error=True),
        ],
    )
    body: Any = scripted.requests[0].body
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


def test_a_reply_without_content_is_not_sent_back(scripted: ScriptedServer) -> None:
    empty = answered(message(content=[]))
    ask(script(scripted, "nop"), [UserText("go"), empty, UserText("Your reply was empty.")])
    assert scripted.requests[0].status == 200
    body: Any = scripted.requests[0].body
    assert [block["text"] for block in body["messages"][0]["content"]] == [
        "go",
        "Your reply was empty.",
    ]


def test_blank_text_is_never_sent(scripted: ScriptedServer) -> None:
    blank = answered(message(content=[{"type": "text", "text": ""}]))
    ask(script(scripted, "nop"), [UserText("go"), blank, UserText("  ")])
    assert scripted.requests[0].status == 200


def test_options_reach_the_body(scripted: ScriptedServer) -> None:
    options = {"thinking_budget": 1024, "effort": "low", "temperature": 0.5}
    ask(script(scripted, "nop"), options={**options, "api_version": "2023-06-01"})
    body: Any = scripted.requests[0].body
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert body["output_config"] == {"effort": "low"}
    assert body["temperature"] == 0.5
    assert scripted.requests[0].headers["anthropic-version"] == "2023-06-01"


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
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = free_port_url()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", nowhere)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "other")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "other")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer other")
    monkeypatch.setenv("HTTP_PROXY", nowhere)
    monkeypatch.setenv("ALL_PROXY", nowhere)
    ask(script(scripted, "nop"))
    assert scripted.requests[0].headers["authorization"] == "Bearer key"
