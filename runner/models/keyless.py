"""No key leaves this package: the one place where replies and failures are cleaned of keys.

A server may say the key it was sent, in an error, a text or a tool call's arguments, and all of
that goes on record and back to the model. Removed is the key as it is written, whole or cut
short after its first half; no other spelling of it (encoded, in pieces) is looked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from runner.errors import ModelFailure
from runner.models.answer import malformed
from runner.types import JsonObject, Message, Model, Reply, ToolCall, ToolSpec

REMOVED = "[key removed]"
SHORTEST = 16  # characters: no vendor's key is shorter, and a short word is part of others
LONGEST_FAILURE = 1_000  # characters of what a failure says


class OpenModel(Model, Protocol):
    """A model that holds connections; close it when the conversation is over."""

    def close(self) -> None:
        """Close the connections."""
        ...


class Keyless:
    """A model whose replies and failures hold none of `keys`."""

    def __init__(self, model: OpenModel, keys: Sequence[str]) -> None:
        self._model = model
        self._keys = tuple(key for key in keys if len(key) >= SHORTEST)

    @property
    def name(self) -> str:
        """The vendor's id, as rate cards spell it."""
        return self._model.name

    def close(self) -> None:
        """Close the connections."""
        self._model.close()

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        """The model's reply without the keys; raises its `ModelFailure` without them, too."""
        try:
            reply = self._model.reply(system, messages, tools)
        except ModelFailure as failure:
            raise self._failure(failure) from None  # a traceback may show the cause's own words
        try:
            return self._cleaned(reply) if self._keys else reply
        except RecursionError:
            raise malformed("it is nested too deep", self._maybe(reply.request_id)) from None

    def _cleaned(self, reply: Reply) -> Reply:
        return replace(
            reply,
            text=self._text(reply.text),
            calls=tuple(self._call(call) for call in reply.calls),
            request_id=self._maybe(reply.request_id),
            raw=self._any(reply.raw),
            detail=self._detail(reply.detail),
        )

    def _failure(self, failure: ModelFailure) -> ModelFailure:
        return ModelFailure(
            self._text(str(failure))[:LONGEST_FAILURE],
            kind=self._text(failure.kind)[:100],
            request_id=self._maybe(failure.request_id),
            lost=failure.lost,
            detail=self._detail(failure.detail),
        )

    def _detail(self, detail: JsonObject) -> JsonObject:
        return {self._text(name): self._any(value) for name, value in detail.items()}

    def _call(self, call: ToolCall) -> ToolCall:
        arguments = {self._text(name): self._any(value) for name, value in call.arguments.items()}
        return ToolCall(
            self._text(call.id), self._text(call.name), arguments, self._maybe(call.malformed)
        )

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self._text(text)

    def _any(self, value: object) -> object:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {self._any(name): self._any(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._any(each) for each in value]
        return value

    def _text(self, text: str) -> str:
        for key in self._keys:
            text = without(text, key)
        return text


def without(text: str, key: str) -> str:
    """`text` with every beginning of `key` that is at least half of it replaced."""
    half = (len(key) + 1) // 2
    first, *others = text.split(key[:half])
    rest = key[half:]
    return first + "".join(REMOVED + part[_alike(part, rest) :] for part in others)


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
