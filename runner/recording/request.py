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


def digest(request: Request, hide: Callable[[str], str] = str) -> str:
    """The request's sha256 (hex), over its JSON after `hide`, which takes the keys out."""
    whole = hashlib.sha256(hide(as_json([request.system, *map(asdict, request.tools)])).encode())
    for message in request.messages:
        whole.update(hide(as_json(content(message))).encode())
    return whole.hexdigest()


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
