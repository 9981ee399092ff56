"""Prompt-cache accounting by the vendor's published rules (docs, "prompt caching").

- The prompt is a row of blocks: tools, system, messages. A mark on a block writes one entry,
  the prefix that ends there; nothing is written elsewhere.
- A request reads the longest live entry found by walking back from each of its marks, at most
  20 positions, the mark itself being the first. A run of tool uses counts as one position, and
  so does a run of tool results.
- Tokens up to the entry are read, from there to the last mark are written, the rest is input.
  Of what is written, the part up to the last one-hour mark costs the one-hour price.
- A prefix shorter than the model's minimum is neither written nor read.
- An entry lives 5 minutes or an hour, anew whenever it is read, and can be read only once the
  answer to the request that wrote it has begun. Models do not share entries.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from runner.types import Usage

LOOKBACK = 20
LIFE_S: Mapping[str, float] = {"5m": 300.0, "1h": 3600.0}
Ttl = Literal["5m", "1h"]

# Shortest prefix in tokens that is cached. For Opus 4.7 sources differ: 4096 in the vendor's
# docs of 2026-06, 2048 in later copies and in price lists; the dearer of the two is kept.
MINIMUM_TOKENS: Mapping[str, int] = {
    "claude-opus-4-5": 4096,
    "claude-opus-4-6": 4096,
    "claude-opus-4-7": 4096,
    "claude-haiku-4-5": 4096,
    "claude-opus-4-8": 1024,
    "claude-sonnet-4-5": 1024,
    "claude-sonnet-4-6": 1024,
    "claude-sonnet-5": 1024,
    "claude-sonnet-5-5": 512,
    "claude-haiku-5-5": 512,
    "claude-opus-5": 512,
    "claude-fable-5": 512,
}
MINIMUM_DEFAULT = 1024


@dataclass(frozen=True)
class PromptBlock:
    """A block of the prompt: `content` names it, mark excluded; `run` joins positions."""

    content: str
    tokens: int
    mark: Ttl | None = None
    run: str | None = None  # blocks in a row with the same `run` are one position


@dataclass(frozen=True)
class Entry:
    """A written prefix: how long it lives and until when."""

    ttl: Ttl
    expires: float


@dataclass(frozen=True)
class Account:
    """What a request costs (output excluded), and the entries to store once it is answered."""

    usage: Usage
    touched: Mapping[str, Ttl]  # prefix key -> life, written or refreshed


def minimum_tokens(model: str, table: Mapping[str, int] = MINIMUM_TOKENS) -> int:
    """The shortest prefix `model` caches, by the longest name in `table` it begins with."""
    names = [name for name in table if model.startswith(name)]
    return table[max(names, key=len)] if names else MINIMUM_DEFAULT


def account(
    blocks: Sequence[PromptBlock], entries: Mapping[str, Entry], minimum: int, now: float
) -> Account:
    """Split a prompt's tokens by price class; `entries` are one model's, `now` is in seconds."""
    keys, totals = _prefixes(blocks)
    marks = [i for i, block in enumerate(blocks) if block.mark and totals[i] >= minimum]
    alive = {key for key, entry in entries.items() if now < entry.expires}
    read = max((_found(blocks, keys, mark, alive) for mark in marks), default=-1)
    last_1h = max((i for i in marks if blocks[i].mark == "1h" and i > read), default=read)
    last = max([read, *marks])
    usage = Usage(
        input_tokens=_up_to(totals, len(blocks) - 1) - _up_to(totals, last),
        cache_write_5m_tokens=_up_to(totals, last) - _up_to(totals, last_1h),
        cache_write_1h_tokens=_up_to(totals, last_1h) - _up_to(totals, read),
        cache_read_tokens=_up_to(totals, read),
    )
    touched: dict[str, Ttl] = {
        keys[i]: entries[keys[i]].ttl for i in range(read + 1) if keys[i] in alive
    }
    for i in marks:
        if i > read:
            touched[keys[i]] = blocks[i].mark or "5m"
    return Account(usage, touched)


def _prefixes(blocks: Sequence[PromptBlock]) -> tuple[list[str], list[int]]:
    """Of every prefix its key (a running hash) and its tokens."""
    keys, totals, key, total = [], [], "", 0
    for block in blocks:
        key = hashlib.sha256(f"{key}\n{block.content}".encode()).hexdigest()
        total += block.tokens
        keys.append(key)
        totals.append(total)
    return keys, totals


def _found(blocks: Sequence[PromptBlock], keys: Sequence[str], mark: int, alive: set[str]) -> int:
    """The index of the nearest live entry at or before `mark`, or -1."""
    positions = 0
    for index in range(mark, -1, -1):
        in_run = index < mark and blocks[index].run and blocks[index].run == blocks[index + 1].run
        positions += 0 if in_run else 1
        if positions > LOOKBACK:
            return -1
        if keys[index] in alive:
            return index
    return -1


def _up_to(totals: Sequence[int], index: int) -> int:
    return totals[index] if index >= 0 else 0


class PromptCache:
    """The entries of all models; safe for threads."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        minimums: Mapping[str, int] = MINIMUM_TOKENS,
    ) -> None:
        self._clock = clock
        self._minimums = minimums
        self._lock = threading.Lock()
        self._entries: dict[str, dict[str, Entry]] = {}

    def look_up(self, model: str, blocks: Sequence[PromptBlock]) -> Account:
        """What a request that arrives now costs; nothing is stored yet."""
        with self._lock:
            entries = dict(self._entries.get(model, {}))
        return account(blocks, entries, minimum_tokens(model, self._minimums), self._clock())

    def answered(self, model: str, done: Account) -> None:
        """The answer begins: what the request wrote or read lives from now on."""
        now = self._clock()
        with self._lock:
            live = {k: e for k, e in self._entries.get(model, {}).items() if now < e.expires}
            for key, ttl in done.touched.items():
                live[key] = Entry(ttl, now + LIFE_S[ttl])
            self._entries[model] = live
