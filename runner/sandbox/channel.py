"""The host's end of a tool server: frames over a socket, each with its own deadline.

The socket is that of `docker exec -i`, whose answers come in docker's 8-byte framing (stdout
and stderr in one stream), or a plain one. All waiting is done here with `poll`, because
docker-py's own helpers wait without limit whatever time-out the socket is given.
"""

import json
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from runner.types import JsonObject

FRAME_CAP = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_DOCKER = struct.Struct(">BxxxI")
_STDOUT = 1
_STREAMS = (0, 1, 2, 3)  # stdin, stdout, stderr, the engine's own errors
_CHUNK = 256 * 1024
_NOTE_CAP = 4096


class ChannelLost(Exception):
    """The other end hung up, sent what is no frame, or did not answer in time."""

    def __init__(self, message: str, *, timed_out: bool = False, hung_up: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out
        self.hung_up = hung_up


@dataclass(frozen=True)
class Wire:
    """An open connection: `early` is what was read before, `close` frees all of it.

    `program` is the engine's id of the program at its other end, if it has one.
    """

    sock: socket.socket
    multiplexed: bool
    close: Callable[[], None]
    early: bytes = b""
    program: str = ""


class Channel:
    """Asks one tool server, one request at a time. Not for several threads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._raw = bytearray()
        self._out = bytearray()
        self._notes = bytearray()
        self._number = 0
        wire.sock.setblocking(False)
        if wire.early:
            self._take(wire.early)

    @property
    def program(self) -> str:
        """See `Wire`."""
        return self._wire.program

    def call(
        self, request: JsonObject, body: bytes = b"", *, wait_s: float
    ) -> tuple[dict[str, object], bytes]:
        """Send one request and wait at most `wait_s` seconds for its answer.

        Gives the answer's header and body. Raises `ChannelLost`; the channel is of no use then.
        """
        deadline = time.monotonic() + wait_s
        self._number += 1
        header = json.dumps({**request, "id": self._number}).encode("ascii")
        try:
            self._send(_LENGTH.pack(len(header)) + header + _LENGTH.pack(len(body)), deadline)
            self._send(body, deadline)
            answer = json.loads(self._part(deadline))
            data = self._part(deadline)
        except ValueError as problem:
            raise ChannelLost(self._said(f"the tool server sent no JSON: {problem}")) from None
        except (OSError, ssl.SSLError) as problem:
            said = self._said(f"the tool server's channel broke: {problem}")
            raise ChannelLost(said, hung_up=True) from None
        if not isinstance(answer, dict) or answer.get("id") != self._number:
            raise ChannelLost(self._said("the tool server's answer belongs to no request"))
        return answer, data

    def read_to_end(self, *, wait_s: float) -> bytes:
        """All stdout until the other end hangs up; `ChannelLost` when it does not in time."""
        deadline = time.monotonic() + wait_s
        while True:
            try:
                self._fill(deadline)
            except ChannelLost as lost:
                if lost.timed_out:
                    raise
                return bytes(self._out)
            except OSError:
                return bytes(self._out)
            if len(self._out) > FRAME_CAP:
                raise ChannelLost(f"more than {FRAME_CAP} bytes came back")

    def close(self) -> None:
        """Hang up; the tool server ends at that."""
        self._wire.close()

    def _send(self, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self._wire.sock.send(left[:_CHUNK]) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(select.POLLOUT, deadline)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline)

    def _part(self, deadline: float) -> bytes:
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline))
        if length > FRAME_CAP:
            raise ChannelLost(self._said("the tool server sent what is no frame", length))
        return self._exactly(length, deadline)

    def _exactly(self, length: int, deadline: float) -> bytes:
        while len(self._out) < length:
            self._fill(deadline)
        data = bytes(self._out[:length])
        del self._out[:length]
        return data

    def _fill(self, deadline: float) -> None:
        """Take what is there, or wait for more."""
        try:
            data = self._wire.sock.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._wait(select.POLLIN, deadline)
            return
        except ssl.SSLWantWriteError:
            self._wait(select.POLLOUT, deadline)
            return
        if not data:
            raise ChannelLost(self._said("the tool server hung up"), hung_up=True)
        self._take(data)

    def _take(self, data: bytes) -> None:
        if not self._wire.multiplexed:
            self._out += data
            return
        self._raw += data
        while len(self._raw) >= _DOCKER.size:
            stream, length = _DOCKER.unpack_from(self._raw)
            if stream not in _STREAMS or any(self._raw[1:4]):
                raise ChannelLost(self._said(f"the engine sent {bytes(self._raw[:200])!r}"))
            end = _DOCKER.size + length
            if len(self._raw) < end:
                return
            payload = self._raw[_DOCKER.size : end]
            del self._raw[:end]
            if stream == _STDOUT:
                self._out += payload
            else:
                self._notes += payload
                del self._notes[:-_NOTE_CAP]

    def _wait(self, event: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        poll = select.poll()
        poll.register(self._wire.sock, event)
        if left <= 0 or not poll.poll(left * 1000 + 1):
            raise ChannelLost(self._said("the tool server did not answer in time"), timed_out=True)

    def _said(self, what: str, prefix: int | None = None) -> str:
        """`what`, and whatever the other end had to say about it."""
        stray = b"" if prefix is None else _LENGTH.pack(prefix)
        said = (stray + bytes(self._out[:400]) + bytes(self._notes[-1000:])).strip(b"\0\r\n ")
        return f"{what}: {said.decode('utf-8', 'backslashreplace')}" if said else what
