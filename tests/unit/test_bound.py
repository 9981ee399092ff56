"""The most tokens a prompt can hold."""

import json
import random

import pytest
from fakes import says

from runner.agent.bound import input_bound
from runner.types import Message, Reply, ToolCall, ToolResult, ToolSpec, Usage, UserText

ALPHABET = 'aZ9 \n\t"\\{}é水🙂\x00\x7f\ud800'


def words(chance: random.Random) -> str:
    return "".join(chance.choices(ALPHABET, k=chance.randrange(60)))


def any_message(chance: random.Random) -> Message:
    kind = chance.randrange(3)
    if kind == 0:
        return UserText(words(chance))
    if kind == 1:
        return ToolResult(words(chance), words(chance), words(chance))
    called = ToolCall(words(chance), words(chance), {words(chance): [words(chance), 1.5, None]})
    raw = chance.choice([None, [{"type": "thinking", "thinking": words(chance)}]])
    return Reply(words(chance), (called,), Usage(), "tool_use", 0.1, raw=raw)


def sent_bytes(message: Message) -> int:
    """UTF-8 bytes of everything in a message that a vendor could be sent."""
    if isinstance(message, UserText):
        parts: list[object] = [message.text]
    elif isinstance(message, ToolResult):
        parts = [message.call_id, message.name, message.text]
    elif message.raw is not None:
        parts = [message.raw]
    else:
        parts = [message.text, *((c.id, c.name, dict(c.arguments)) for c in message.calls)]
    texts = (
        each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in parts
    )
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


@pytest.mark.parametrize("seed", range(200))
def test_a_fresh_prompt_has_no_more_tokens_than_its_bound(seed: int) -> None:
    chance = random.Random(seed)
    system = words(chance)
    tools = [ToolSpec(words(chance), words(chance), {"d": words(chance)}) for _ in range(3)]
    messages = [any_message(chance) for _ in range(chance.randrange(6))]
    least = len(system.encode("utf-8", "surrogatepass")) + sum(map(sent_bytes, messages))
    for tool in tools:
        parts = (tool.name, tool.description, json.dumps(dict(tool.parameters), ensure_ascii=False))
        least += sum(len(part.encode("utf-8", "surrogatepass")) for part in parts)
    assert input_bound(system, messages, tools) >= least


@pytest.mark.parametrize("seed", range(200))
def test_what_was_counted_already_is_bound_by_its_count(seed: int) -> None:
    chance = random.Random(seed)
    earlier = [any_message(chance) for _ in range(chance.randrange(4))]
    used = Usage(chance.randrange(1, 999), chance.randrange(999), 5, 7, chance.randrange(99_999))
    counted = Reply("said", (), used, "tool_use", 0.1, raw=[{"big": "x" * 50_000}])
    later = [each for each in (any_message(chance) for _ in range(4)) if each.__class__ != Reply]
    bound = input_bound("s" * 99_999, [*earlier, counted, *later], ())
    least = used.context_tokens + used.output_tokens + sum(map(sent_bytes, later))
    assert least <= bound <= least + 100


def test_a_reply_without_a_count_does_not_hide_what_came_before() -> None:
    uncounted = says("x")
    assert input_bound("s", [UserText("y" * 5000), uncounted], ()) > 5000
