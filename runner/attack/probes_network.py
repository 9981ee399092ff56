"""Runs inside a container and looks for a network; sends nothing that anybody could mind.

    python3 -I -B probes_network.py TOLD

TOLD is a JSON object of lists of texts: `ports`, where the host listens on its own loopback. The
answer, one JSON object on stdout, gives for each probe the ways that stand open: an empty list
when it holds. The standard library only.
"""

import errno
import json
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Told = Mapping[str, Sequence[str]]

_MOST_SHOWN = 4
_METADATA = ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254")
_OUTSIDE = ("192.0.2.1", "198.51.100.1", "2001:db8::1")  # set aside for documents: nobody's
_BRIDGES = ("172.17.0.1", "172.18.0.1", "192.168.65.2", "10.88.0.1")
_IDLE = re.compile(r"lo|tunl0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|sit0|ip6tnl0|ip6gre0")
_LOOPBACK = ("127.0.0.1", "::1")
_USUAL_PORTS = ("22", "2375", "2376", "11434")
_WAIT_S = 0.5
_NO_WAY = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EACCES}
)
_QUESTION = b"\x07\x51\x01\0\0\x01\0\0\0\0\0\0\x07invalid\0\0\x01\0\x01"


def _interfaces(_told: Told) -> list[str]:
    rows = _read(Path("/proc/net/dev")).decode().splitlines()[2:]
    names = [row.partition(":")[0].strip() for row in rows]
    return [name for name in names if not _IDLE.fullmatch(name)] if rows else ["none is told"]


def _metadata(_told: Told) -> list[str]:
    return [address for address in _METADATA if _way_to(address)]


def _outside(_told: Told) -> list[str]:
    return [address for address in _OUTSIDE if _way_to(address)]


def _bridges(_told: Told) -> list[str]:
    routes = [line.split() for line in _read(Path("/proc/net/route")).decode().splitlines()[1:]]
    gateways = [socket.inet_ntoa(bytes.fromhex(route[2])[::-1]) for route in routes]
    known = (*_BRIDGES, *(gateway for gateway in gateways if gateway != "0.0.0.0"))
    return [address for address in known if _way_to(address)]


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _way_to(address: str) -> bool:
    """Whether there is a route: nothing is sent."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as way:
            way.connect((address, 53))
    except OSError as problem:
        return problem.errno not in _NO_WAY
    return True


def _loopback(told: Told) -> list[str]:
    ports = (*told["ports"], *_USUAL_PORTS)
    places = [(address, port) for address in _LOOPBACK for port in ports]
    return [f"{address} port {port}" for address, port in places if _answers(address, int(port))]


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=_WAIT_S):
            return True
    except OSError:
        return False


def _abstract(_told: Told) -> list[str]:
    rows = _read(Path("/proc/net/unix")).decode().splitlines()[1:]
    return [name for name in (row.split()[-1] for row in rows) if name.startswith("@")]


def _lookups(_told: Told) -> list[str]:
    text = _read(Path("/etc/resolv.conf")).decode()
    servers = re.findall(r"^nameserver\s+([0-9a-fA-F.:]+)", text, re.MULTILINE)
    return [server for server in (*servers, "127.0.0.11") if _leaves(server)]


def _leaves(server: str) -> bool:
    """Whether a question for a name leaves the container, or is answered in it."""
    try:
        with socket.socket(_family(server), socket.SOCK_DGRAM) as line:
            line.settimeout(_WAIT_S)
            line.connect((server, 53))
            line.send(_QUESTION)
            line.recv(512)
    except (TimeoutError, OSError) as problem:
        return isinstance(problem, TimeoutError) or problem.errno not in (
            *_NO_WAY,
            errno.ECONNREFUSED,
        )
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


PROBES: Mapping[str, Callable[[Told], list[str]]] = {
    "network interfaces": _interfaces,
    "metadata addresses": _metadata,
    "addresses outside": _outside,
    "the engine's bridges": _bridges,
    "the host's loopback": _loopback,
    "abstract sockets": _abstract,
    "name lookups": _lookups,
}


def looked(told: Told) -> dict[str, list[str]]:
    """Each probe's name and the ways that stand open; a probe that breaks does not hold."""
    found = {}
    for name, probe in PROBES.items():
        try:
            found[name] = [way[:200] for way in probe(told)[:_MOST_SHOWN]]
        except (OSError, ValueError, LookupError) as problem:
            found[name] = [f"the probe broke: {type(problem).__name__}: {problem}"]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(looked(json.loads(sys.argv[1]))))
