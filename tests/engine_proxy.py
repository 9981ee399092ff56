"""A Docker engine that can go away and come back: a socket of ours in front of the real one."""

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 65_536


class EngineProxy:
    """Passes bytes between its own socket and the engine's; use it as a context manager.

    `address` is for DOCKER_HOST. The engine behind never notices anything but hung-up clients.
    """

    def __init__(self, folder: Path, engine: str) -> None:
        self.path = folder / "engine.sock"
        self._engine = engine.removeprefix("unix://")
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._door: socket.socket | None = None

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def come(self) -> None:
        """Be there."""
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(self.path))
        door.listen(64)
        self._door = door
        threading.Thread(target=self._answer, args=(door,), daemon=True).start()

    def go(self) -> None:
        """Hang up on everybody and let nobody in."""
        door, self._door = self._door, None
        if door is None:
            return
        with contextlib.suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)
        door.close()
        self.path.unlink()
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def __enter__(self) -> Self:
        self.come()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.go()

    def _answer(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = door.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._engine)
                with self._lock:
                    self._open += [client, engine]
                for pair in ((client, engine), (engine, client)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Until one side has no more to say; the other is told so and may still answer."""
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
