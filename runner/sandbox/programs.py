"""Programs that the engine starts in a running container, and how they ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from runner.sandbox.channel import Wire
from runner.sandbox.engine import Engine


def open_exec(
    engine: Engine, container: str, argv: Sequence[str], user: str, env: Mapping[str, str]
) -> Wire:
    """Start a program in a running container, its stdin, stdout and stderr on the wire."""
    with engine.translated("start a program in a container"):
        api = engine.client.api
        made = api.exec_create(
            container, list(argv), stdin=True, user=user, environment=dict(env), workdir="/"
        )
        stream = api.exec_start(made["Id"], socket=True)
    sock = getattr(stream, "_sock", stream)
    response = getattr(stream, "_response", None)

    def close() -> None:
        if response is not None:
            response.close()  # first: it flushes what it believes to be its own file
        stream.close()
        sock.close()

    sock.setblocking(False)
    return Wire(sock, multiplexed=True, close=close, early=_early(response), program=made["Id"])


def program_code(engine: Engine, program: str) -> int | None:
    """The exit code of a program that `open_exec` started; None while it runs.

    Raises `SandboxFailure` when the engine does not know it: it was started anew since.
    """
    with engine.translated("look after a program in a container"):
        found = engine.client.api.exec_inspect(program)
    return None if found["Running"] else int(found["ExitCode"])


def _early(response: Any) -> bytes:
    """What the HTTP library read of the stream along with the answer's header."""
    try:
        return bytes(response.raw._fp.fp.peek() or b"")
    except (AttributeError, OSError, ValueError):
        return b""
