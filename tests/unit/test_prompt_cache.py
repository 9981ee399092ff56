"""Prompt-cache accounting against the vendor's published rules and its own worked examples."""

import pytest

from runner.scripted.cache import PromptBlock, PromptCache, Ttl
from runner.scripted.messages_api import prompt_blocks
from runner.scripted.tokens import estimate
from runner.types import Usage

FREE = {"claude": 0}  # no minimum


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def row(count: int, marks: dict[int, Ttl] | None = None, tokens: int = 100) -> list[PromptBlock]:
    """Blocks 1 to `count` of `tokens` each, marked where `marks` says (from 1)."""
    given = marks or {}
    return [PromptBlock(f"block {n}", tokens, given.get(n)) for n in range(1, count + 1)]


def send(cache: PromptCache, blocks: list[PromptBlock], model: str = "claude") -> Usage:
    """One request, answered at once."""
    done = cache.look_up(model, blocks)
    cache.answered(model, done)
    return done.usage


def test_without_marks_everything_is_input() -> None:
    assert send(PromptCache(minimums=FREE), row(3)) == Usage(input_tokens=300)


def test_up_to_the_mark_is_written_and_the_rest_is_input() -> None:
    cache = PromptCache(minimums=FREE)
    assert send(cache, row(5, {3: "5m"})) == Usage(200, 0, 300)
    assert send(cache, row(5, {3: "5m"})) == Usage(200, 0, 0, 0, 300)


def test_a_growing_conversation_reads_what_the_turn_before_wrote() -> None:
    # The vendor's example: 10 blocks, then 15, each marked on the last block.
    cache = PromptCache(minimums=FREE)
    assert send(cache, row(10, {10: "5m"})) == Usage(0, 0, 1000)
    assert send(cache, row(15, {15: "5m"})) == Usage(0, 0, 500, 0, 1000)


def test_twenty_positions_are_checked_the_mark_being_the_first() -> None:
    # The vendor's example: an entry at block 15, a mark on block 35: blocks 35 to 16 are
    # checked, and nothing is found. One block fewer, and it is.
    cache = PromptCache(minimums=FREE)
    send(cache, row(15, {15: "5m"}))
    assert cache.look_up("claude", row(35, {35: "5m"})).usage == Usage(0, 0, 3500)
    assert cache.look_up("claude", row(34, {34: "5m"})).usage == Usage(0, 0, 1900, 0, 1500)


def test_a_second_mark_starts_a_second_walk_back() -> None:
    cache = PromptCache(minimums=FREE)
    send(cache, row(15, {15: "5m"}))
    assert send(cache, row(35, {15: "5m", 35: "5m"})) == Usage(0, 0, 2000, 0, 1500)


def test_only_marked_ends_are_written() -> None:
    cache = PromptCache(minimums=FREE)
    send(cache, row(10, {10: "5m"}))
    changed = [*row(9), PromptBlock("another", 100, "5m")]
    assert send(cache, changed) == Usage(0, 0, 1000)


def test_a_change_at_the_front_reads_nothing() -> None:
    cache = PromptCache(minimums=FREE)
    send(cache, row(10, {10: "5m"}))
    changed = [PromptBlock("another", 100), *row(10, {10: "5m"})[1:]]
    assert send(cache, changed) == Usage(0, 0, 1000)


@pytest.mark.parametrize("run", ["tool_use", "tool_result"])
def test_a_run_of_tool_blocks_is_one_position(run: str) -> None:
    cache = PromptCache(minimums=FREE)
    first = row(5, {5: "5m"})
    send(cache, first)
    calls = [PromptBlock(f"call {n}", 10, None, run) for n in range(40)]
    turn = [*row(5), *calls, PromptBlock("last", 10, "5m")]
    assert send(cache, turn) == Usage(0, 0, 410, 0, 500)


def test_forty_other_blocks_are_forty_positions() -> None:
    cache = PromptCache(minimums=FREE)
    send(cache, row(5, {5: "5m"}))
    turn = [*row(5), *(PromptBlock(f"text {n}", 10) for n in range(40)), PromptBlock("x", 10, "5m")]
    assert send(cache, turn) == Usage(0, 0, 910)


@pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-haiku-4-5-20251001"])
def test_a_prefix_under_the_models_minimum_is_neither_written_nor_read(model: str) -> None:
    cache = PromptCache()
    short = row(1, {1: "5m"}, tokens=4095)
    assert send(cache, short, model) == Usage(4095)
    assert send(cache, short, model) == Usage(4095)
    enough = row(1, {1: "5m"}, tokens=4096)
    assert send(cache, enough, model) == Usage(0, 0, 4096)
    assert send(cache, enough, model) == Usage(0, 0, 0, 0, 4096)


def test_a_short_system_prompt_is_written_with_the_conversation() -> None:
    # Mark on the system prompt (3000, too short), mark at the end (6000, long enough).
    cache = PromptCache()
    blocks = row(2, {1: "5m", 2: "5m"}, tokens=3000)
    assert send(cache, blocks, "claude-haiku-4-5") == Usage(0, 0, 6000)


def test_the_longest_name_decides_the_minimum() -> None:
    cache = PromptCache()
    blocks = row(1, {1: "5m"}, tokens=600)
    assert send(cache, blocks, "claude-sonnet-5") == Usage(600)
    assert send(cache, blocks, "claude-sonnet-5-5") == Usage(0, 0, 600)


def test_one_hour_marks_are_written_at_the_one_hour_price() -> None:
    # Read to A, one hour to B, five minutes to C, input behind it.
    cache = PromptCache(minimums=FREE)
    send(cache, row(2, {2: "1h"}))
    assert send(cache, row(10, {2: "1h", 5: "1h", 8: "5m"})) == Usage(200, 0, 300, 300, 200)


def test_an_entry_lives_five_minutes() -> None:
    clock = Clock()
    cache = PromptCache(clock, FREE)
    send(cache, row(5, {5: "5m"}))
    clock.now += 300.0
    assert send(cache, row(5, {5: "5m"})) == Usage(0, 0, 500)


def test_a_read_begins_the_five_minutes_anew() -> None:
    clock = Clock()
    cache = PromptCache(clock, FREE)
    for _ in range(5):
        send(cache, row(5, {5: "5m"}))
        clock.now += 299.0
    assert send(cache, row(5, {5: "5m"})).cache_read_tokens == 500


def test_a_one_hour_entry_keeps_its_hour_when_read() -> None:
    clock = Clock()
    cache = PromptCache(clock, FREE)
    send(cache, row(5, {5: "1h"}))
    clock.now += 3000.0
    send(cache, row(5, {5: "1h"}))
    clock.now += 3599.0
    assert send(cache, row(5, {5: "1h"})).cache_read_tokens == 500


def test_an_entry_can_be_read_only_once_its_answer_began() -> None:
    cache = PromptCache(minimums=FREE)
    first = cache.look_up("claude", row(5, {5: "5m"}))
    second = cache.look_up("claude", row(5, {5: "5m"}))
    assert second.usage == Usage(0, 0, 500)  # side by side, both pay for writing
    cache.answered("claude", first)
    assert cache.look_up("claude", row(5, {5: "5m"})).usage == Usage(0, 0, 0, 0, 500)


def test_models_share_nothing() -> None:
    cache = PromptCache(minimums=FREE)
    send(cache, row(5, {5: "5m"}), "claude-a")
    assert send(cache, row(5, {5: "5m"}), "claude-b") == Usage(0, 0, 500)


def test_all_classes_together_are_the_whole_prompt() -> None:
    cache = PromptCache(minimums=FREE)
    for count in range(1, 60, 7):
        blocks = row(count, {max(1, count - 3): "5m"})
        assert send(cache, blocks).context_tokens == 100 * count


# ---- from a request's body --------------------------------------------------------------

EPHEMERAL = {"type": "ephemeral"}


def body(**changes: object) -> dict[str, object]:
    request: dict[str, object] = {
        "model": "claude-haiku-4-5",
        "tools": [{"name": "bash", "description": "d", "input_schema": {}}],
        "system": [{"type": "text", "text": "system", "cache_control": EPHEMERAL}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    }
    return {**request, **changes}


def keys(request: dict[str, object]) -> list[str]:
    return [block.content for block in prompt_blocks(request)]


def test_blocks_are_tools_then_system_then_messages() -> None:
    tool, system, text = prompt_blocks(body())
    assert '"bash"' in tool.content
    assert (system.tokens, system.mark) == (estimate("system", "claude-haiku-4-5"), "5m")
    assert (text.tokens, text.mark) == (estimate("hello", "claude-haiku-4-5"), None)


def test_tools_bring_their_own_system_prompt() -> None:
    # Vendor docs: 496 tokens on Haiku 4.5, 675 on Opus 4.7, whose tokenizer counts 1.3 times.
    haiku = prompt_blocks(body())[0].tokens - 496
    opus = prompt_blocks(body(model="claude-opus-4-7"))[0].tokens - 675
    assert 0 < haiku < opus < 1.5 * haiku


def test_a_moved_mark_does_not_change_the_prefix() -> None:
    unmarked = body(system=[{"type": "text", "text": "system"}])
    assert keys(unmarked) == keys(body())


def test_automatic_caching_marks_the_last_block() -> None:
    assert [block.mark for block in prompt_blocks(body(cache_control=EPHEMERAL))][-1] == "5m"


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"tools": [{"name": "other", "input_schema": {}}]}, 0),
        ({"system": "another"}, 1),
        ({"tool_choice": {"type": "any"}}, 2),
        ({"thinking": {"type": "adaptive"}}, 2),
    ],
)
def test_what_changes_spoils_its_level_and_those_behind(
    change: dict[str, object], kept: int
) -> None:
    before, after = keys(body()), keys(body(**change))
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b), 3)
    assert same == kept


@pytest.mark.parametrize(
    ("text", "model", "tokens"),
    [
        ("", "claude-haiku-4-5", 0),
        ("x" * 35, "claude-haiku-4-5-20251001", 10),
        ("x" * 35, "claude-opus-4-7", 13),
        ("x" * 35, "claude-opus-4-6", 10),
        ("x" * 36, "qwen3.5:9b", 11),
    ],
)
def test_tokens_are_estimated_by_length(text: str, model: str, tokens: int) -> None:
    assert estimate(text, model) == tokens
