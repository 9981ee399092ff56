"""Requests to the scripted server as bare JSON over HTTP."""

import json
import urllib.error
import urllib.request
from typing import Any

HEADERS = {
    "x-api-key": "key",
    "anthropic-version": "2026-10-21",
    "content-type": "application/json",
}
USER = {"role": "user", "content": "go"}
USES = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "t1", "name": "bash", "input": {}}],
}


def result(call_id: str = "t1") -> dict[str, object]:
    return {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": call_id, "content": "ok"}],
    }


def post(
    url: str, body: object, headers: dict[str, str] | None = None, path: str = "/v1/messages"
) -> tuple[int, Any, dict[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = HEADERS if headers is None else headers
    request = urllib.request.Request(url + path, data, given, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), dict(error.headers)


def get(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def request(**changes: object) -> dict[str, object]:
    body: dict[str, object] = {
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [USER],
    }
    body.update(changes)
    return {key: value for key, value in body.items() if value is not ...}


def mark(count: int) -> list[dict[str, object]]:
    """Blocks with a cache mark each."""
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    return [block] * count
