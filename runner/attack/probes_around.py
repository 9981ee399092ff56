"""Runs inside a container and looks at its rights, its neighbours and the kernel's files.

    python3 -I -B probes_around.py TOLD

TOLD is a JSON object of lists of texts: `backwards`, the host's secrets spelled from their end;
`namespaces`, the host's, as /proc/self/ns spells them. The answer, one JSON object on stdout,
gives for each probe the ways that stand open: an empty list when it holds. It changes nothing.
The standard library only.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

Told = Mapping[str, Sequence[str]]

_MOST_SHOWN = 4
_LEAST_ID = 10_000
# A kernel's first namespaces always carry these numbers.
_FIRST = ("pid:[4026531836]", "uts:[4026531838]", "ipc:[4026531839]")
_MACHINE_S = ("kthreadd", "dockerd", "containerd", "systemd")
_SECRET_NAME = re.compile(
    rb"(?<!GPG)_KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH_SOCK|DOCKER_HOST|AWS_", re.I
)
_PARTS = ("environ", "mem", "maps", "fd", "root", "cwd")
_MASKED = ("kcore", "keys", "timer_list", "sched_debug", "latency_stats", "kallsyms")
_KERNEL_FOLDERS = ("/sys/firmware", "/sys/kernel/debug", "/sys/kernel/tracing")
_KERNEL_DEVICES = ("/dev/kmsg", "/dev/mem", "/dev/fuse", "/dev/kvm", "/dev/net/tun")
_SETTINGS = ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi")


# ---- rights -----------------------------------------------------------------------------


def _status(name: str) -> str:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    return "not said"


def _capabilities(_told: Told) -> list[str]:
    sets = {name: _status(name) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    return [f"{name} {value}" for name, value in sets.items() if value.strip("0")]


def _privileges(_told: Told) -> list[str]:
    return [f"NoNewPrivs: {value}" for value in [_status("NoNewPrivs")] if value != "1"]


def _filter(_told: Told) -> list[str]:
    return [f"Seccomp: {value}" for value in [_status("Seccomp")] if value != "2"]


def _user(_told: Told) -> list[str]:
    ids = {*os.getresuid(), *os.getresgid(), *os.getgroups()}
    return [f"id {each}" for each in sorted(ids) if each < _LEAST_ID]


# ---- neighbours -------------------------------------------------------------------------


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _others() -> Iterator[int]:
    """Those of another user, and always the first."""
    for pid in _processes():
        try:
            if pid == 1 or Path(f"/proc/{pid}").stat().st_uid != os.getuid():
                yield pid
        except OSError:
            continue


def _other_processes(_told: Told) -> list[str]:
    paths = [f"/proc/{pid}/{part}" for pid in _others() for part in _PARTS]
    return [path for path in paths if _opens(path)]


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def _signals(_told: Told) -> list[str]:
    return [f"process {pid}" for pid in _others() if _reaches(pid)]


def _reaches(pid: int) -> bool:
    """By the signal that does nothing."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _host_processes(_told: Told) -> list[str]:
    names = [_read(Path(f"/proc/{pid}/comm")).decode().strip() for pid in _processes()]
    return [name for name in names if name in _MACHINE_S]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _namespaces(told: Told) -> list[str]:
    kinds = ("pid", "mnt", "net", "ipc", "uts")
    mine = [str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in kinds]
    return [f"{each} is the host's" for each in mine if each in (*told["namespaces"], *_FIRST)]


def _environments(told: Told) -> list[str]:
    wanted = [each[::-1].encode() for each in told["backwards"]]
    found = []
    for pid in _processes():
        around, words = (_read(Path(f"/proc/{pid}/{part}")) for part in ("environ", "cmdline"))
        names = [word.partition(b"=")[0] for word in around.split(b"\0")]
        found += [f"{name.decode()} of {pid}" for name in names if _SECRET_NAME.search(name)]
        found += [f"a secret with {pid}" for each in wanted if each in around or each in words]
    return found


def _descriptors(_told: Told) -> list[str]:
    """A descriptor or a working folder that was left open on something of the host's."""
    here = str(Path.cwd())
    met = [] if Path(here).exists() and Path(here).samefile(".") else [f"working folder {here}"]
    for path in Path("/proc/self/fd").iterdir():
        try:
            where = str(path.readlink())
        except OSError:
            continue  # the one that listed the folder
        if int(path.name) > 2 and not where.startswith("/proc/"):
            met.append(f"{path.name}: {where}")
    return met


def _memory(_told: Told) -> list[str]:
    segments = _read(Path("/proc/sysvipc/shm")).decode().splitlines()[1:]
    return ["/dev/shm"] * Path("/dev/shm").exists() + [f"segment {row}" for row in segments]


# ---- the kernel's -----------------------------------------------------------------------


def _masked(_told: Told) -> list[str]:
    telling = [f"/proc/{name}" for name in _MASKED if _tells(f"/proc/{name}")]
    # Reading the kernel's log would take its lines away from who needs them.
    log = ["/proc/kmsg"] * _opens("/proc/kmsg")
    return telling + log + [path for path in _KERNEL_FOLDERS if _lists(Path(path))]


def _tells(path: str) -> bool:
    """Whether it holds anything: kernel addresses that are all zero say nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        data = os.read(descriptor, 4096)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return bool(data) and not data.startswith(b"0" * 16)


def _settings(_told: Told) -> list[str]:
    trigger = "/proc/sysrq-trigger"
    below = (path for top in _SETTINGS for path in _writable_below(top))
    return [trigger] * os.access(trigger, os.W_OK) + list(below)


def _objects(_told: Told) -> list[str]:
    below = [path for path in _writable_below("/sys") if not path.startswith("/sys/fs/cgroup")]
    return below + [path for path in _KERNEL_DEVICES if os.path.lexists(path)]


def _cgroups(_told: Told) -> list[str]:
    """Among them `release_agent`, the host's program to run when a group is empty."""
    rows = [line.split() for line in _read(Path("/proc/self/mounts")).decode().splitlines()]
    mounted = [
        f"{row[1]} is mounted for writing"
        for row in rows
        if row[2].startswith("cgroup") and "ro" not in row[3].split(",")
    ]
    return mounted + list(_writable_below("/sys/fs/cgroup"))


def _writable_below(top: str) -> Iterator[str]:
    for folder, _, files in os.walk(top):
        for path in (folder, *(f"{folder}/{name}" for name in files)):
            if os.access(path, os.W_OK, follow_symlinks=False):
                yield path


def _lists(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


PROBES: Mapping[str, Callable[[Told], list[str]]] = {
    "capabilities": _capabilities,
    "no-new-privileges": _privileges,
    "seccomp filter": _filter,
    "user and groups": _user,
    "other users' processes": _other_processes,
    "signals to other users' processes": _signals,
    "the host's processes": _host_processes,
    "the host's namespaces": _namespaces,
    "environments": _environments,
    "open descriptors": _descriptors,
    "shared memory": _memory,
    "masked kernel files": _masked,
    "kernel settings": _settings,
    "kernel objects": _objects,
    "cgroups and release_agent": _cgroups,
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
