"""Ask whether a Docker engine answers, with nothing but the standard library.

    python -I -S scripts/engine.py [SOCKET]

Prints one line and exits 0 (an engine answers and is new enough), 1 (none answers), 2 (it is
too old), 4 (it may not be used by this user), 5 (its address is one that only the Docker SDK
can reach: ask again without -S). SOCKET stands in for the default socket.
"""

import json
import os
import socket
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

OLDEST_API = (1, 41)  # Docker Engine 20.10
DEFAULT_SOCKET = "/var/run/docker.sock"
WAIT_S = 5.0

ANSWERS, SILENT, TOO_OLD, FORBIDDEN, NEEDS_SDK = 0, 1, 2, 4, 5


class SocketConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=WAIT_S)
        self.path = path

    def connect(self) -> None:
        """Open the socket; raises `OSError`."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(self.path)


def context_chosen() -> bool:
    """Whether the docker command line was told to use another engine than the default."""
    if os.environ.get("DOCKER_CONTEXT"):
        return os.environ["DOCKER_CONTEXT"] != "default"
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        chosen = json.loads((folder / "config.json").read_text("utf-8")).get("currentContext")
    except (OSError, ValueError):
        return False
    return chosen not in (None, "", "default")


def connection(host: str) -> HTTPConnection | None:
    """How to reach `host`; None when it takes the SDK."""
    parts = urlsplit(host)
    if parts.scheme == "unix":
        return SocketConnection(parts.path)
    if parts.scheme in ("tcp", "http") and not os.environ.get("DOCKER_TLS_VERIFY"):
        return HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 2375, timeout=WAIT_S)
    return None


def ask(plain: HTTPConnection | None) -> dict[str, object]:
    """The engine's answer to GET /version; raises `OSError` or what the SDK raises."""
    if plain is None:
        from docker import from_env  # noqa: PLC0415  (not there under -S)

        answer: dict[str, object] = from_env(timeout=int(WAIT_S)).version()
        return answer
    plain.request("GET", "/version")
    body: dict[str, object] = json.loads(plain.getresponse().read())
    return body


def main() -> int:
    """Ask, say and tell by the exit code."""
    default = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_SOCKET
    host = os.environ.get("DOCKER_HOST") or f"unix://{default}"
    by_context = not os.environ.get("DOCKER_HOST") and context_chosen()
    plain = None if by_context else connection(host)
    if plain is None and sys.flags.no_site:
        return NEEDS_SDK
    place = "the chosen docker context" if by_context else host
    try:
        answer = ask(plain)
        api = str(answer["ApiVersion"])
        version = str(answer["Version"])
    except PermissionError:
        print(f"this user may not use the Docker engine at {place}")
        return FORBIDDEN
    except Exception as error:  # what the SDK raises has no root in the standard library
        print(f"no Docker engine answers at {place} ({error})")
        return SILENT
    if tuple(map(int, api.split("."))) < OLDEST_API:
        print(f"Docker engine {version} at {place} is too old: 20.10 is the oldest that works")
        return TOO_OLD
    print(f"Docker engine {version} at {place}")
    return ANSWERS


if __name__ == "__main__":
    sys.exit(main())
