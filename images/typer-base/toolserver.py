"""Serves one sandbox: runs commands and moves files, asked over stdin, answered over stdout.

    python3 -I -B toolserver.py [WORK [TREE_TAR]]

A frame, both ways, is: u32 length, JSON header, u32 length, body (lengths big-endian). Each
request is answered by one frame that repeats its `id`; one that cannot be done is answered
with `error` (a kind, for programs) and `message` (for people).

Without arguments and as the agent's uid a command's end kills every process of that uid;
with WORK given (unit tests on a person's machine) it kills the command's descendants only.
It is a convenience for the agent and trusted with nothing: no verdict depends on it.
"""

import json
import os
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # -I leaves this folder out
from processes import Command, Launcher
from worktree import Refused, listing, read, tree, write

AGENT_UID = 10001
JUDGE_UID = 10003
FRAME_CAP = 64 * 1024 * 1024
TIMEOUT_CAP_S = 86_400
_LENGTH = struct.Struct(">I")
_COUNT_CAP = 2**40
_LOST = "protocol"

Header = dict[str, Any]


@dataclass(frozen=True)
class Server:
    """One sandbox's folders and the two descriptors of its protocol."""

    launcher: Launcher
    source: int
    sink: int
    work: str
    tar: str

    @property
    def root(self) -> str:
        """The repository: where commands run and below which files are served."""
        return f"{self.work}/repo"

    def serve(self) -> int:
        """Answer until the other side hangs up (0) or sends what is no frame (2)."""
        while True:
            number: object = None
            data = b""
            try:
                first, body = self._part(), self._part()
                if first is None or body is None:
                    return 0
                header = json.loads(first)
                if not isinstance(header, dict):
                    raise Refused("bad_request", "a header must be a JSON object")
                number = header.get("id")
                reply, data = self.answer(header, body)
            except Refused as refused:
                reply = {"error": refused.kind, "message": str(refused)}
            except OSError as problem:
                reply = {"error": "os", "message": problem.strerror or str(problem)}
            except (ValueError, RecursionError, MemoryError) as problem:
                reply = {"error": "bad_request", "message": f"{type(problem).__name__}: {problem}"}
            self._send(json.dumps({**reply, "id": number}).encode("ascii"), data)
            if reply.get("error") == _LOST:
                return 2

    def answer(self, header: Header, body: bytes) -> tuple[Header, bytes]:
        """Do what is asked; raises `Refused` or an OSError when it cannot be done."""
        op, path = header.get("op"), header.get("path", "")
        if not isinstance(path, str):
            raise Refused("bad_request", "path must be text")
        if op == "hello":
            return self.hello(header.get("unpack") is True), b""
        if op == "run":
            return self.run(header, body)
        if op == "read":
            return {}, read(self.root, path, min(_count(header, "cap"), FRAME_CAP))
        if op == "write":
            write(self.root, path, body)
            return {}, b""
        if op == "listing":
            return {"names": listing(self.root, path, _count(header, "cap"))}, b""
        if op == "tree":
            return {}, tree(self.root, _count(header, "cap_count"), _count(header, "cap_bytes"))
        raise Refused("bad_request", f"unknown op {op!r}")

    def hello(self, unpack: bool) -> Header:
        """Make the folders, with the task's tree in them when asked to and there is none yet."""
        began = time.monotonic()
        fresh = unpack and not os.path.lexists(self.root) and Path(self.tar).exists()
        if fresh:
            argv = ["tar", "--no-same-owner", "-xf", self.tar, "-C", self.work]
            status = os.waitpid(os.posix_spawnp("tar", argv, os.environ), 0)[1]
            if status:
                raise Refused("unpack", f"tar could not unpack {self.tar} (status {status})")
        for name in ("home", "cache", "repo"):
            Path(self.work, name).mkdir(parents=True, exist_ok=True)
        if os.getuid() == JUDGE_UID:
            Path(self.work, "home").chmod(0o1777)  # the tests' home; the rest is the judge's
        return {"ready": True, "unpacked": fresh, "seconds": time.monotonic() - began}

    def run(self, header: Header, body: bytes) -> tuple[Header, bytes]:
        """Run one command; its whole fate is data, also when it could not be started."""
        env = header.get("env") or {}
        argv = header.get("argv")
        timeout_s = header.get("timeout_s")
        if not isinstance(argv, list) or not argv or not all(map(_is_word, argv)) or not argv[0]:
            raise Refused("bad_request", "argv must be texts without NUL, the first not empty")
        if not isinstance(env, dict) or not all(map(_is_word, [*env, *env.values()])):
            raise Refused("bad_request", "env must map texts to texts without NUL")
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= TIMEOUT_CAP_S:
            raise Refused("bad_request", f"timeout_s must lie between 0 and {TIMEOUT_CAP_S}")
        ended = self.launcher.run(
            Command(
                argv=argv,
                env={**os.environ, "HOME": f"{self.work}/home", **env},
                cwd=self.root,
                stdin=body,
                timeout_s=timeout_s,
                cap=min(_count(header, "cap"), FRAME_CAP),
                source=self.source,
            )
        )
        reply = {**vars(ended)}
        return reply, reply.pop("output")

    def _part(self) -> bytes | None:
        """One length-prefixed part of a frame; None when the other side hung up."""
        prefix = self._exactly(_LENGTH.size)
        if prefix is None:
            return None
        (length,) = _LENGTH.unpack(prefix)
        if length > FRAME_CAP:
            raise Refused(_LOST, f"a part of {length} bytes is longer than {FRAME_CAP}")
        return self._exactly(length)

    def _exactly(self, length: int) -> bytes | None:
        data = bytearray()
        while len(data) < length:
            more = os.read(self.source, min(length - len(data), 1024 * 1024))
            if not more:
                return None
            data += more
        return bytes(data)

    def _send(self, header: bytes, body: bytes) -> None:
        left = memoryview(
            b"".join((_LENGTH.pack(len(header)), header, _LENGTH.pack(len(body)), body))
        )
        while left:
            left = left[os.write(self.sink, left) :]


def _is_word(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _count(header: Header, name: str) -> int:
    value = header.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _COUNT_CAP:
        raise Refused("bad_request", f"{name} must be a number of bytes or entries")
    return value


def _take_over_stdio() -> tuple[int, int]:
    """Move the protocol away from descriptors 0 and 1, which every command is given anew."""
    source, sink = os.dup(0), os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return source, sink


def main(arguments: list[str]) -> int:
    """Serve until the other side hangs up, then leave nothing running."""
    source, sink = _take_over_stdio()
    work = arguments[0] if arguments else "/work"
    tar = arguments[1] if len(arguments) > 1 else "/opt/task/tree.tar"
    uid = os.getuid()
    launcher = Launcher(by_uid=not arguments and uid == AGENT_UID, expendable=uid != JUDGE_UID)
    try:
        return Server(launcher, source, sink, work, tar).serve()
    except BrokenPipeError:
        return 0
    finally:
        launcher.kill_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
