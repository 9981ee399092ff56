"""A model call's request as a value: what is compared, hashed and repeated."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from runner.types import Message, Reply, ToolResult, ToolSpec, UserText


@dataclass(frozen=True)
class Request:
    """All that a model is asked with."""

    system: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]


def shared(before: Sequence[Message], now: Sequence[Message]) -> int:
    """How many messages two requests have in common from the first on."""
    count = 0
    for one, other in zip(before, now, strict=False):
        if one is not other and one != other:
            break
        count += 1
    return count


class Chain:
    """The hashes of one role's requests: each message is hashed once, however often it is sent.

    A link is the sha256 of the link before and a message's JSON; the first is of the system
    prompt and the tools.
    """

    def __init__(self, hide: Callable[[str], str] = str) -> None:
        """Of texts as `hide` leaves them: it takes the keys out."""
        self._hide = hide
        self._before = Request("", (), ())
        self._links: list[bytes] = []

    def add(self, request: Request) -> tuple[int, str]:
        """How many messages the request repeats of the one before, and its hash (hex)."""
        before, self._before = self._before, request
        after = shared(before.messages, request.messages)
        same = (before.system, before.tools) == (request.system, request.tools)
        links = self._links[: after + 1] if same else []
        if not links:
            links = [self._link(b"", [request.system, *map(asdict, request.tools)])]
        for message in request.messages[len(links) - 1 :]:
            links.append(self._link(links[-1], content(message)))
        self._links = links
        return after, links[-1].hex()

    def _link(self, before: bytes, value: object) -> bytes:
        return hashlib.sha256(before + self._hide(as_json(value)).encode()).digest()


def content(message: Message) -> Mapping[str, object]:
    """What of a message reaches the model; a reply's usage and latency do not."""
    if isinstance(message, UserText):
        return {"text": message.text}
    if isinstance(message, ToolResult):
        return asdict(message)
    return reply_content(message)


def reply_content(reply: Reply) -> Mapping[str, object]:
    """What of a reply is echoed."""
    return {
        "text": reply.text,
        "calls": [asdict(call) for call in reply.calls],
        "raw": reply.raw,
    }


def as_json(value: object, indent: int | None = None) -> str:
    """Plain data as JSON in ASCII, keys sorted, so that equal values give equal texts."""
    return json.dumps(value, sort_keys=True, default=_plain, indent=indent)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
