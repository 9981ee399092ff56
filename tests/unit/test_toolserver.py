"""The program inside a sandbox, spoken to directly: what no well-behaved host would send."""

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.sandbox.host import PROGRAM

CAP = 64 * 1024 * 1024


@dataclass
class Talk:
    sock: socket.socket
    process: subprocess.Popen[bytes]

    def send(self, header: bytes, body: bytes = b"") -> tuple[dict[str, object], bytes]:
        self.sock.sendall(
            struct.pack(">I", len(header)) + header + struct.pack(">I", len(body)) + body
        )
        return self.receive()

    def ask(self, **header: object) -> dict[str, object]:
        return self.send(json.dumps(header).encode())[0]

    def receive(self) -> tuple[dict[str, object], bytes]:
        return json.loads(self._part()), self._part()

    def _part(self) -> bytes:
        (length,) = struct.unpack(">I", self._exactly(4))
        return self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.sock.recv(length - len(data))
            assert more, "the tool server hung up"
            data += more
        return data


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with ours:
        argv = [sys.executable, "-I", "-B", str(PROGRAM), str(tmp_path)]
        with theirs:
            process = subprocess.Popen(argv, stdin=theirs.fileno(), stdout=theirs.fileno())
        talk = Talk(ours, process)
        assert talk.ask(op="hello", id=0)["ready"] is True
        yield talk
    assert process.wait(20) in (0, 2)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"op"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"{}",
        b'{"op": null}',
        b'{"op": ["run"]}',
        b'{"op": "shutdown"}',
        b'{"op": "run"}',
        b'{"op": "run", "argv": "ls", "timeout_s": 1, "cap": 1}',
        b'{"op": "run", "argv": [1], "timeout_s": 1, "cap": 1}',
        b'{"op": "run", "argv": ["\\ud800"], "timeout_s": 1, "cap": 1}',
        b'{"op": "run", "argv": ["ls"], "timeout_s": "1", "cap": 1}',
        b'{"op": "run", "argv": ["ls"], "timeout_s": 1e999, "cap": 1}',
        b'{"op": "run", "argv": ["ls"], "timeout_s": NaN, "cap": 1}',
        b'{"op": "run", "argv": ["ls"], "timeout_s": 1, "cap": -1}',
        b'{"op": "run", "argv": ["ls"], "timeout_s": 1, "cap": true}',
        b'{"op": "run", "argv": ["ls"], "timeout_s": 1, "cap": 1, "env": {"A=B": "c"}}',
        b'{"op": "run", "argv": ["ls"], "timeout_s": 1, "cap": 1, "env": {"A": 1}}',
        b'{"op": "run", "argv": ["ls"], "timeout_s": 1, "cap": 1, "env": ["A"]}',
        b'{"op": "read", "path": 7, "cap": 1}',
        b'{"op": "read", "path": "\\ud800", "cap": 1}',
        b'{"op": "read", "path": "x"}',
        b'{"op": "listing", "path": "", "cap": 1e9}',
        b'{"op": "tree", "cap_count": 1}',
    ],
)
def test_garbage_is_answered_and_the_next_request_served(talk: Talk, header: bytes) -> None:
    reply, body = talk.send(header)
    assert reply["error"]
    assert reply["message"]
    assert body == b""
    assert talk.ask(op="listing", path="", cap=5, id=9) == {"names": [], "id": 9}


def test_a_length_that_cannot_be_is_answered_and_ends_the_talk(talk: Talk) -> None:
    talk.sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
    reply, _ = talk.receive()
    assert reply["error"] == "protocol"
    assert talk.process.wait(20) == 2


def test_the_id_is_repeated_in_refusals_too(talk: Talk) -> None:
    assert talk.ask(op="read", path="nope", cap=1, id=41)["id"] == 41


def test_a_host_that_hangs_up_in_mid_request_ends_it(talk: Talk) -> None:
    talk.sock.sendall(struct.pack(">I", 100) + b"{")
    talk.sock.shutdown(socket.SHUT_WR)
    assert talk.process.wait(20) == 0


def test_a_host_that_hangs_up_ends_the_running_command(talk: Talk, tmp_path: Path) -> None:
    fifo = tmp_path / "repo" / "ready"
    os.mkfifo(fifo)
    script = f"echo $$ > {fifo}; exec sleep 300"
    header = {"op": "run", "argv": ["bash", "-c", script], "timeout_s": 300, "cap": 9}
    data = json.dumps(header).encode()
    talk.sock.sendall(struct.pack(">I", len(data)) + data + struct.pack(">I", 0))
    pid = int(fifo.read_text())
    talk.sock.close()
    assert talk.process.wait(20) == 0
    assert not Path(f"/proc/{pid}").exists()


def test_the_server_is_out_of_reach_of_its_own_user(talk: Talk) -> None:
    # Undumpable: its files in /proc belong to root, whoever runs it.
    assert Path(f"/proc/{talk.process.pid}/fd").stat().st_uid == 0
    talk.ask(op="run", argv=["true"], timeout_s=5, cap=1)
    assert Path(f"/proc/{talk.process.pid}/oom_score_adj").read_text() == (
        Path("/proc/self/oom_score_adj").read_text()
    )


def test_a_command_dies_before_the_server_when_memory_runs_out(talk: Talk) -> None:
    header = {"op": "run", "argv": ["cat", "/proc/self/oom_score_adj"], "timeout_s": 5, "cap": 9}
    assert talk.send(json.dumps(header).encode())[1] == b"1000\n"


def test_larger_frames_than_the_cap_are_never_answered_with(talk: Talk) -> None:
    script = f"head -c {CAP + 5} /dev/zero"
    header = {"op": "run", "argv": ["bash", "-c", script], "timeout_s": 60, "cap": 2 * CAP}
    reply, body = talk.send(json.dumps(header).encode())
    assert len(body) == CAP
    assert reply["total"] == CAP + 5
