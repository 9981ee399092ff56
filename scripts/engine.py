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
from pathlib import Path

OLDEST_API = (1, 41)  # Docker Engine 20.10
DEFAULT_SOCKET = "/var/run/docker.sock"
WAIT_S = 5.0

ANSWERS, SILENT, TOO_OLD, FORBIDDEN, NEEDS_SDK = 0, 1, 2, 4, 5


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


def door(host: str) -> socket.socket | None:
    """An open socket to the engine, None when it takes the SDK; raises `OSError`."""
    scheme, _, place = host.partition("://")
    if scheme == "unix":
        unix = socket.socket(socket.AF_UNIX)
        unix.settimeout(WAIT_S)
        unix.connect(place)
        return unix
    plain = scheme in ("tcp", "http") and "[" not in place
    if plain and not os.environ.get("DOCKER_TLS_VERIFY"):
        name, _, port = place.rstrip("/").partition(":")
        return socket.create_connection((name, int(port or 2375)), timeout=WAIT_S)
    return None


def ask(host: str | None) -> dict[str, object] | None:
    """The engine's answer to GET /version, None when only the SDK can ask; raises widely."""
    plain = door(host) if host else None
    if plain is None:
        if sys.flags.no_site:
            return None
        from docker import from_env  # noqa: PLC0415  (not there under -S)

        by_sdk: dict[str, object] = from_env(timeout=int(WAIT_S)).version()
        return by_sdk
    # Version 1.0, whose answers are never chunked: http.client takes twice as long to import
    # as all the rest, and this runs before every make target.
    with plain:
        plain.sendall(b"GET /version HTTP/1.0\r\nHost: docker\r\n\r\n")
        with plain.makefile("rb") as answer:
            body: dict[str, object] = json.loads(answer.read().partition(b"\r\n\r\n")[2])
            return body


def main() -> int:
    """Ask, say and tell by the exit code."""
    default = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_SOCKET
    host = os.environ.get("DOCKER_HOST") or f"unix://{default}"
    by_context = not os.environ.get("DOCKER_HOST") and context_chosen()
    place = "the chosen docker context" if by_context else host
    try:
        answer = ask(None if by_context else host)
        if answer is None:
            return NEEDS_SDK
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
