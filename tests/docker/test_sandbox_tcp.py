"""The same channel over TCP, as with an engine on another machine."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from runner.sandbox.container import open_sandbox
from runner.sandbox.engine import Engine, connect

pytestmark = pytest.mark.docker


def pump(client: socket.socket, path: str) -> None:
    """Carry bytes both ways until one side is done."""
    with client, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
        engine.connect(path)
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, engine)
            selector.register(engine, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                    if not data:
                        return
                    key.data.sendall(data)


@pytest.fixture
def tcp_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    if not engine.address.startswith("unix://"):
        yield engine
        return
    path = engine.address.removeprefix("unix://")
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client = door.accept()[0]
                    threading.Thread(target=pump, args=(client, path), daemon=True).start()

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{door.getsockname()[1]}")
        remote = connect()
        yield remote
        remote.close()
        door.shutdown(socket.SHUT_RDWR)
        server.join(10)


def test_a_sandbox_works_over_tcp(tcp_engine: Engine, plain_image: str) -> None:
    assert tcp_engine.address.startswith("tcp://")
    with open_sandbox(tcp_engine, plain_image, run_id="test", trial_id="tcp") as sandbox:
        data = bytes(range(256)) * 8192
        sandbox.write("data", data)
        assert sandbox.read("data", cap=len(data)) == data
        assert sandbox.run(["sh", "-c", "exit 5"], timeout_s=20).exit_code == 5
        assert sandbox.run(["sleep", "60"], timeout_s=0.5).timed_out
        assert sandbox.run(["sh", "-c", "kill -9 -1"], timeout_s=20).signal == 9
        assert [entry.path for entry in sandbox.entries()] == ["README.md", "data", "pkg/mod.py"]
