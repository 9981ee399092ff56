"""Runs inside a container and looks at its files for ways out; changes nothing.

    python3 -I -B probes_files.py TOLD

TOLD is a JSON object of lists of texts: `backwards`, the host's secrets spelled from their end
(so that this program's own arguments hold none); `since`, one text, when they were made, in
seconds; `files`, paths of the host's; `writable`, the places where writing is meant to be
possible. The answer, one JSON object on stdout, gives for
each probe the ways that stand open: an empty list when it holds. The standard library only.
"""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Told = Mapping[str, Sequence[str]]
Entry = tuple[str, os.stat_result]

_MOST_SHOWN = 4
_MOST_BYTES = 64 * 1024 * 1024
_KERNEL_S_OWN = frozenset(
    {"overlay", "proc", "tmpfs", "devpts", "sysfs", "cgroup", "cgroup2", "mqueue", "9p", "none"}
)
# Put there by the engine itself, read-only; the last one where a container has an init.
_ENGINE_S = frozenset(
    {
        "/etc/resolv.conf",
        "/etc/hostname",
        "/etc/hosts",
        "/sbin/docker-init",
        "/usr/sbin/docker-init",
    }
)
_DEVICES = frozenset(
    f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "console")
)
_MAKER = ("/dev/ptmx", "/dev/pts/ptmx")
_ENGINE_SOCKETS = (
    "docker.sock",
    "containerd/containerd.sock",
    "podman/podman.sock",
    "crio/crio.sock",
)
_FOLDERS = ("/host", "/hostfs", "/rootfs", "/var/lib/docker", "/run/containerd", "/etc/docker")


@dataclass(frozen=True)
class Seen:
    """Every entry of the container's files, and what its mounts are."""

    tree: Sequence[Entry]
    mounts: Sequence[tuple[str, str, Sequence[str]]]  # where, kind, options


def _see() -> Seen:
    rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return Seen(tuple(_entries()), [(row[1], row[2], row[3].split(",")) for row in rows])


def _entries() -> Iterator[Entry]:
    """Everything that is no window on the kernel."""
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys")]
        top = "" if folder == "/" else folder
        for path in (f"{top}/{name}" for name in (*folders, *files)):
            try:
                yield path, os.lstat(path)
            except OSError:
                continue


# ---- the container's own files ----------------------------------------------------------


def _set_uid(seen: Seen, _told: Told) -> list[str]:
    bits = stat.S_ISUID | stat.S_ISGID
    return [
        path
        for path, found in seen.tree
        if stat.S_ISREG(found.st_mode) and (found.st_mode & bits or _has_capability(path))
    ]


def _has_capability(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability", follow_symlinks=False))
    except OSError:
        return False


def _writable(seen: Seen, told: Told) -> list[str]:
    allowed = tuple(f"{place}/" for place in (*told["writable"], "/dev"))
    return [
        path
        for path, found in seen.tree
        if not f"{path}/".startswith(allowed)
        and not stat.S_ISLNK(found.st_mode)
        and os.access(path, os.W_OK)
    ] + [path for path in ("/", "/dev", "/dev/pts") if os.access(path, os.W_OK)]


def _read_only(seen: Seen, _told: Told) -> list[str]:
    sealed = ("/", "/sys", "/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs")
    return [place for place, _, options in seen.mounts if place in sealed and "ro" not in options]


def _foreign_mounts(seen: Seen, _told: Told) -> list[str]:
    return [
        f"{place} ({kind})"
        for place, kind, options in seen.mounts
        if kind not in _KERNEL_S_OWN and not (place in _ENGINE_S and "ro" in options)
    ]


def _devices(seen: Seen, _told: Told) -> list[str]:
    terminals = "/dev/pts/"
    return [
        path
        for path, found in seen.tree
        if stat.S_ISBLK(found.st_mode)
        or (
            stat.S_ISCHR(found.st_mode)
            and path not in (*_DEVICES, *_MAKER)
            and not path.startswith(terminals)
        )
    ]


# ---- the host's -------------------------------------------------------------------------


def _engine_sockets(seen: Seen, _told: Told) -> list[str]:
    named = [f"{run}/{name}" for run in ("/run", "/var/run") for name in _ENGINE_SOCKETS]
    met = [path for path in named if os.path.lexists(path)]
    return met + [path for path, found in seen.tree if stat.S_ISSOCK(found.st_mode)]


def _host_files(_seen: Seen, told: Told) -> list[str]:
    through = [f"/proc/1/root{path}" for path in (*told["files"], "/etc/passwd")]
    return [path for path in (*told["files"], *_FOLDERS, *through) if _reads(Path(path))]


def _reads(path: Path) -> bool:
    try:
        if path.is_dir():
            return any(path.iterdir())
        with path.open("rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def _secrets(seen: Seen, told: Told) -> list[str]:
    """What has not changed since a secret was made, as the image's own files, cannot hold it."""
    wanted = [each[::-1].encode() for each in told["backwards"]]
    (since,) = map(float, told["since"])
    return [
        path
        for path, found in seen.tree
        if stat.S_ISREG(found.st_mode) and found.st_ctime >= since and _holds(Path(path), wanted)
    ]


def _holds(path: Path, wanted: Sequence[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError:
        return False
    return any(each in data for each in wanted)


PROBES: Mapping[str, Callable[[Seen, Told], list[str]]] = {
    "set-uid programs and file capabilities": _set_uid,
    "writable places": _writable,
    "mounts for writing": _read_only,
    "mounts of the host's": _foreign_mounts,
    "devices": _devices,
    "the engine's sockets": _engine_sockets,
    "the host's files": _host_files,
    "secrets in files": _secrets,
}


def looked(told: Told) -> dict[str, list[str]]:
    """Each probe's name and the ways that stand open; a probe that breaks does not hold."""
    seen, found = _see(), {}
    for name, probe in PROBES.items():
        try:
            found[name] = [way[:200] for way in probe(seen, told)[:_MOST_SHOWN]]
        except (OSError, ValueError, LookupError, NotImplementedError) as problem:
            found[name] = [f"the probe broke: {type(problem).__name__}: {problem}"]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(looked(json.loads(sys.argv[1]))))
