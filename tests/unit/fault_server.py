"""A loopback server whose every connection goes the way a test wants."""

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from wire_samples import http

PATIENCE_S = 30.0

# What is done with a connection whose request was read.
Act = Callable[[socket.socket], None]


def answers(
    body: object,
    status: str = "200 OK",
    headers: Mapping[str, str] | None = None,
    *,
    promises_more: bool = False,
) -> Act:
    """A whole answer; one that `promises_more` does not say that the connection will close."""
    data = http(body, status, headers)
    if promises_more:
        data = data.replace(b"connection: close\r\n", b"")
    return lambda connection: connection.sendall(data)


def half(body: object) -> Act:
    """An answer that stops in the middle of its body."""
    data = http(body)
    return lambda connection: connection.sendall(data[:-20])


def closes(connection: socket.socket) -> None:
    """No answer: the connection ends in good order."""


def resets(connection: socket.socket) -> None:
    """No answer: the connection is torn down."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs(connection: socket.socket) -> None:
    """No answer, until the client leaves."""
    connection.recv(1)


def drips(connection: socket.socket) -> None:
    """A body that comes byte by byte and never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
    connection.settimeout(0.01)
    while True:
        connection.sendall(b" ")
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            pass


def floods(connection: socket.socket) -> None:
    """A body without an end, as fast as it goes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
    while True:
        connection.sendall(b" " * 1_000_000)


class FaultServer:
    """Does the n-th act with the n-th connection, the last again and again.

    `seen` counts the requests. With `asleep`, nobody listens until `wake`.
    """

    def __init__(self, *acts: Act, asleep: bool = False) -> None:
        self._acts = acts
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen = 0
        if not asleep:
            self.wake()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def wake(self) -> bool:
        """Listen from now on; False, so that it may stand for a pause that is not cut short."""
        if not self._thread.is_alive():
            self._socket.listen()
            self._thread.start()
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join(PATIENCE_S)
        self._socket.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE_S)
                try:
                    read_request(connection)
                    self.seen += 1
                    self._acts[min(self.seen, len(self._acts)) - 1](connection)
                except OSError:
                    continue  # the client left first, as some of these tests want


def read_request(connection: socket.socket) -> None:
    """Read one request to its end; raises `ConnectionError` when there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _chunk(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    size = next((int(x.split(":")[1]) for x in lines if x.startswith("content-length:")), 0)
    while len(body) < size:
        body += _chunk(connection)


def _chunk(connection: socket.socket) -> bytes:
    chunk = connection.recv(65536)
    if not chunk:
        raise ConnectionError("the client left")
    return chunk
