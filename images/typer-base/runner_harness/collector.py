"""The judge's end of the line on which the run of the tests says what happened."""

import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import Any

STREAM_BYTES = 6 * 1_048_576
_CHUNK = 65_536
_PEER = struct.Struct("3i")


class Collector:
    """Takes exactly one connection and keeps what it says; `folder` is the judge's own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o711, exist_ok=True)
        self._gate = folder / "gate"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._gate))
        self._gate.chmod(0o666)
        self._listener.listen(1)

    def collect(self, wait_s: float) -> dict[str, Any]:
        """Everything until the other end hangs up; `connected` is False if nobody came.

        `peer_uid` is whose the other end is, `whole` False when it said more than is kept.
        """
        line = self._only_one(wait_s)
        if line is None:
            return {"connected": False, "peer_uid": None, "whole": False, "lines": []}
        with line:
            credentials = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
            data, whole = _said(line)
        text = data.decode("ascii", "backslashreplace")
        return {
            "connected": True,
            "peer_uid": _PEER.unpack(credentials)[1],
            "whole": whole and (not text or text.endswith("\n")),
            "lines": text.splitlines(),
        }

    def _only_one(self, wait_s: float) -> socket.socket | None:
        self._listener.settimeout(wait_s)
        try:
            line = self._listener.accept()[0]
        except TimeoutError:
            return None
        finally:
            # From here on nobody can say anything, whatever code runs.
            self._listener.close()
            self._gate.unlink()
        line.settimeout(None)
        return line


def _said(line: socket.socket) -> tuple[bytes, bool]:
    data = bytearray()
    whole = True
    with contextlib.suppress(ConnectionResetError):
        while more := line.recv(_CHUNK):
            room = STREAM_BYTES - len(data)
            whole = whole and len(more) <= room
            data += more[:room]
    return bytes(data), whole


def write_own(path: Path, data: bytes) -> None:
    """A new file that nobody but this user can read or write."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
