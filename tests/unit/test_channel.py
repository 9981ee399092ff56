"""The host's end of a tool server, against peers that do what a peer should not."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from runner.sandbox.channel import FRAME_CAP, Channel, ChannelLost, Wire


def docker_frame(data: bytes, stream: int = 1) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


def answer(header: object, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack(">I", len(text)) + text + struct.pack(">I", len(body)) + body


@dataclass
class Peer:
    """The other end of a channel. What is done to it happens in the test's own thread."""

    channel: Channel
    sock: socket.socket

    def asked(self, reply: bytes, *, close: bool = True) -> tuple[dict[str, object], bytes]:
        """Call with `reply` already under way; the peer hangs up after it if `close`."""
        sender = threading.Thread(target=self._send, args=(reply, close))
        sender.start()
        try:
            return self.channel.call({"op": "x"}, b"body", wait_s=5)
        finally:
            sender.join()

    def _send(self, reply: bytes, close: bool) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.sock.sendall(reply)
        if close:
            self.sock.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def peer(multiplexed: bool = True, early: bytes = b"") -> Iterator[Peer]:
    ours, theirs = socket.socketpair()
    channel = Channel(Wire(ours, multiplexed, ours.close, early))
    try:
        yield Peer(channel, theirs)
    finally:
        channel.close()
        theirs.close()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "hung up"),
        (docker_frame(answer({"id": 1}))[:-1], "hung up"),
        (docker_frame(b"\0\0"), "hung up"),
        (docker_frame(b"Segmentation fault\n", 2), "Segmentation fault"),
        (docker_frame(b"OCI runtime exec failed: no python3\r\n"), "no python3"),
        (b"HTTP/1.1 500 Internal", "HTTP/1.1 500"),
        (docker_frame(struct.pack(">I", FRAME_CAP + 1)), "no frame"),
        (docker_frame(struct.pack(">I", 3) + b"{{{" + b"\0\0\0\0"), "no JSON"),
        (docker_frame(struct.pack(">I", 2) + b"\xff\xfe" + b"\0\0\0\0"), "no JSON"),
        (docker_frame(answer([1])), "no request"),
        (docker_frame(answer({"id": 2})), "no request"),
        (docker_frame(answer({})), "no request"),
    ],
    ids=str,
)
def test_what_is_no_answer_loses_the_channel_and_is_quoted(reply: bytes, said: str) -> None:
    with peer() as other, pytest.raises(ChannelLost, match=said) as lost:
        other.asked(reply)
    assert not lost.value.timed_out


def test_a_silent_peer_is_given_up_on_time() -> None:
    with peer() as other:
        began = time.monotonic()
        with pytest.raises(ChannelLost, match="in time") as lost:
            other.channel.call({"op": "x"}, wait_s=0.3)
        assert lost.value.timed_out
        assert 0.3 <= time.monotonic() - began < 3


def test_a_peer_that_drips_is_given_up_on_time_too() -> None:
    with peer() as other:
        stop = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not stop.wait(0.01):
                    other.sock.sendall(docker_frame(b"noise", 2))

        dripper = threading.Thread(target=drip)
        dripper.start()
        try:
            with pytest.raises(ChannelLost) as lost:
                other.channel.call({"op": "x"}, wait_s=0.3)
        finally:
            stop.set()
            dripper.join()
        assert lost.value.timed_out


def test_a_peer_that_does_not_read_cannot_block_a_large_request() -> None:
    with peer() as other, pytest.raises(ChannelLost) as lost:
        other.channel.call({"op": "write"}, b"x" * 50_000_000, wait_s=0.3)
    assert lost.value.timed_out


def test_a_peer_that_is_gone_is_told_apart_from_a_slow_one() -> None:
    with peer() as other:
        other.sock.close()
        with pytest.raises(ChannelLost) as lost:
            other.channel.call({"op": "x"}, b"x" * 1_000_000, wait_s=5)
        assert not lost.value.timed_out


def cut(data: bytes, size: int) -> bytes:
    return b"".join(docker_frame(data[start : start + size]) for start in range(0, len(data), size))


@pytest.mark.parametrize(
    "framed",
    [
        docker_frame,
        lambda data: cut(data, 1),
        lambda data: docker_frame(b"a warning\n", 2) + cut(data, 7) + docker_frame(b"", 2),
        lambda data: docker_frame(b"") + docker_frame(data),
    ],
    ids=["whole", "bytes", "with stderr", "empty first"],
)
def test_an_answer_arrives_however_it_is_cut(framed: Callable[[bytes], bytes]) -> None:
    body = bytes(range(256))
    with peer() as other:
        assert other.asked(framed(answer({"id": 1, "ok": True}, body))) == (
            {"id": 1, "ok": True},
            body,
        )


def test_what_was_read_with_the_http_header_is_not_lost() -> None:
    reply = docker_frame(answer({"id": 1}, b"data"))
    with peer(early=reply[:5]) as other:
        assert other.asked(reply[5:])[1] == b"data"


def test_a_plain_stream_has_no_docker_framing() -> None:
    with peer(multiplexed=False) as other:
        assert other.asked(answer({"id": 1}, b"data"))[1] == b"data"


def test_answers_follow_their_requests() -> None:
    with peer() as other:
        for number in (1, 2, 3):
            assert other.asked(docker_frame(answer({"id": number})), close=False)[0]["id"] == number


def test_a_request_is_framed_with_its_body() -> None:
    with peer() as other:
        other.asked(docker_frame(answer({"id": 1})))
        sent = other.sock.recv(1000)
    (length,) = struct.unpack_from(">I", sent)
    assert json.loads(sent[4 : 4 + length]) == {"op": "x", "id": 1}
    assert sent[4 + length :] == struct.pack(">I", 4) + b"body"


def test_reading_to_the_end_gives_stdout_only() -> None:
    with peer() as other:
        other.sock.sendall(docker_frame(b"a") + docker_frame(b"no", 2) + docker_frame(b"b"))
        other.sock.shutdown(socket.SHUT_WR)
        assert other.channel.read_to_end(wait_s=5) == b"ab"


def test_reading_to_an_end_that_does_not_come_is_given_up() -> None:
    with peer() as other, pytest.raises(ChannelLost) as lost:
        other.channel.read_to_end(wait_s=0.2)
    assert lost.value.timed_out
