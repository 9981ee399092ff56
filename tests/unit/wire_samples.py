"""A loopback server that answers with given bytes, and the vendors' replies as JSON."""

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from malformed_ends import BASH as BASH

from runner.types import ToolSpec

EDITOR = ToolSpec("str_replace_editor", "Edit a file.", {"type": "object", "properties": {}})
ENVIRONMENT = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_PROFILE",
    "OLLAMA_HOST",
    "OLLAMA_API_KEY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
)


def http(body: object, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole HTTP answer; bytes are sent as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(data)}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if "content-type" not in (headers or {}):
        lines.append("content-type: application/json")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Canned:
    """Answers the n-th connection with the n-th bytes, the last again and again.

    `requests` holds the bodies it got. With `drip`, the last byte's place is taken by spaces
    that never end, or of `drips` of them and then silence.
    """

    def __init__(self, *answers: bytes, drip: bool = False, drips: int | None = None) -> None:
        self._answers: Sequence[bytes] = answers
        self._drip = drip
        self._drips = drips
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            self.requests.append(_request(connection))
            connection.sendall(self._answers[min(len(self.requests), len(self._answers)) - 1])
            left = self._drips
            while self._drip and left != 0 and not self._stop.wait(0.01):
                connection.sendall(b" ")
                left = None if left is None else left - 1
            if self._drip:
                self._stop.wait()
        except OSError:
            return  # the client left first, as some of these tests want


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    size = next((int(x.split(":")[1]) for x in lines if x.startswith("content-length:")), 0)
    while len(body) < size:
        body += connection.recv(65536)
    return body


def free_port_url() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def message(**changes: object) -> dict[str, object]:
    """A reply of the Messages API; a change to None takes effect, `...` removes the field."""
    reply: dict[str, object] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": "DONE"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 2},
    }
    reply.update(changes)
    return {key: value for key, value in reply.items() if value is not ...}


def chat(**changes: object) -> dict[str, object]:
    """A reply of Ollama's chat API; `...` removes the field."""
    reply: dict[str, object] = {
        "model": "qwen3.5:9b",
        "created_at": "2026-11-23T00:00:00Z",
        "message": {"role": "assistant", "content": "DONE"},
        "done": True,
        "done_reason": "stop",
        "total_duration": 3_000_000_000,
        "load_duration": 500_000_000,
        "prompt_eval_count": 100,
        "prompt_eval_duration": 1_000_000_000,
        "eval_count": 7,
        "eval_duration": 1_500_000_000,
    }
    reply.update(changes)
    return {key: value for key, value in reply.items() if value is not ...}
