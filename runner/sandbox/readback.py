"""What really holds a container, read back from the engine and from inside.

An engine may leave out what it cannot do, a daemon's settings or an image may add to what was
asked for. What is not as it should be is named, and ends the container.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from runner.errors import SandboxFailure
from runner.sandbox.engine import Engine, engine_info, inspect_container
from runner.sandbox.limits import KEEPER, Limits, host_settings
from runner.types import Shell

# The engine's own names of limits that it may drop, and of its word that it cannot keep them.
DROPPABLE = {"Memory": "MemoryLimit", "MemorySwap": "SwapLimit", "PidsLimit": "PidsLimit"}
READ_INSIDE = (
    "/proc/self/status",
    "/proc/self/mounts",
    "/proc/net/dev",
    "/proc/net/route",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes",
    "/sys/fs/cgroup/pids/pids.max",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory.swap.max",
    "/sys/fs/cgroup/pids.max",
    "/sys/fs/cgroup/cpu.max",
)
READER = ("/bin/sh", "-c", 'exec head -v -n 500 "$@" 2>/dev/null', "sh", *READ_INSIDE)

_READ_WAIT_S = 60.0
_PAGE = 65_536  # the largest a kernel rounds memory to
_PERIOD_US = 100_000
# Set up by some kernels in every network of its own: ends of tunnels that lead nowhere.
_IDLE = frozenset(
    "lo tunl0 gre0 gretap0 erspan0 ip_vti0 ip6_vti0 sit0 ip6tnl0 ip6gre0".split()  # noqa: SIM905
)
_ULIMITS = ("core", "fsize", "nofile")
_NO_CAPABILITY = {f"Cap{name}": "0" * 16 for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


def check_engine(engine: Engine, name: str, limits: Limits) -> None:
    """Before it starts: the engine took every setting, or says that it cannot keep a limit.

    Raises `SandboxFailure` naming the settings that are otherwise.
    """
    found = inspect_container(engine, name)
    if found is None:
        raise SandboxFailure("the container is gone before it started")
    if faults := engine_faults(found, limits):
        lacking = engine_info(engine).limits_missing
        excused = tuple(f"{key}:" for key, limit in DROPPABLE.items() if limit in lacking)
        if left := [fault for fault in faults if not fault.startswith(excused)]:
            raise SandboxFailure(f"the engine holds other settings than asked: {'; '.join(left)}")


def check_inside(shell: Shell, limits: Limits) -> None:
    """Before any command of the agent's: what one of them would meet; raises likewise."""
    said = shell.run(READER, timeout_s=_READ_WAIT_S).output.decode("utf-8", "replace")
    if faults := inside_faults(said, limits):
        raise SandboxFailure(f"the container is not as it was asked for: {'; '.join(faults)}")


def engine_faults(found: Mapping[str, Any], limits: Limits) -> tuple[str, ...]:
    """Settings that docker's inspect (`found`) shows otherwise than asked: `name: what it is`."""
    host, config = found["HostConfig"], found["Config"]
    security = host_settings(limits)["security_opt"]
    wanted: dict[str, object] = {**_FIXED, **_sizes(limits), "SecurityOpt": _options(security)}
    if limits.runtime is not None:
        wanted["Runtime"] = limits.runtime
    there = {name: host.get(name) or _EMPTY.get(name) for name in wanted}
    there["SecurityOpt"] = _options(host.get("SecurityOpt"))
    there["LogConfig"] = (host.get("LogConfig") or {}).get("Type")
    there["RestartPolicy"] = (host.get("RestartPolicy") or {}).get("Name")
    # A daemon may have limits of its own on other things.
    there["Ulimits"] = [row for row in _rows(host.get("Ulimits")) if row[0] in _ULIMITS]
    wanted |= {"User": KEEPER, "Mounts": 0, "ExposedPorts": 0}
    there |= {
        "User": config.get("User"),
        "Mounts": sum(each.get("Type") != "tmpfs" for each in found.get("Mounts") or ()),
        "ExposedPorts": len(config.get("ExposedPorts") or ()),
    }
    return tuple(_differences(wanted, there))


def inside_faults(said: str, limits: Limits) -> tuple[str, ...]:
    """Settings that `READER`, run as `limits.user`, met otherwise than asked: `name: what it is`.

    A limit whose file is not there is left to the engine's word; everything else must be.
    """
    files = _files(said)
    missing = [name for name in READ_INSIDE[:3] if name not in files]
    if missing:
        return tuple(f"{name}: cannot be read" for name in missing)
    status = dict(_pair(line) for line in files["/proc/self/status"])
    uid, gid = ("\t".join([number] * 4) for number in limits.user.split(":"))
    wanted = {**_NO_CAPABILITY, "NoNewPrivs": "1", "Uid": uid, "Gid": gid}
    # gVisor is a kernel of its own: it filters otherwise and says less of itself.
    plain = limits.runtime in (None, "runc")
    if plain:
        wanted["Seccomp"] = "2"
    else:
        wanted = {name: value for name, value in wanted.items() if name in status}
    faults = list(_differences(wanted, {name: status.get(name) for name in wanted}))
    groups = set(status.get("Groups", "").split()) - {limits.user.partition(":")[2]}
    faults += [f"Groups: {', '.join(sorted(groups))}"] if groups else []
    faults += _mount_faults(files["/proc/self/mounts"], limits if plain else None)
    names = {line.partition(":")[0].strip() for line in files["/proc/net/dev"] if ":" in line}
    faults += [f"network: there is {name}" for name in sorted(names - _IDLE)]
    faults += [f"network: there is a route ({line.split()[0]})" for line in _routes(files)]
    return (*faults, *_limit_faults(files, limits))


_FIXED: Mapping[str, object] = {
    "CapDrop": ["ALL"],
    "NetworkMode": "none",
    "IpcMode": "none",
    "ReadonlyRootfs": True,
    "Init": True,
    "LogConfig": "none",
    "RestartPolicy": "no",
    **dict.fromkeys(("Privileged", "PublishAllPorts", "OomKillDisable", "AutoRemove"), False),
    **dict.fromkeys(("PidMode", "UTSMode", "UsernsMode", "CgroupParent"), ""),
    **dict.fromkeys(("CapAdd", "Binds", "Devices", "DeviceRequests", "DeviceCgroupRules"), ()),
    **dict.fromkeys(("VolumesFrom", "GroupAdd", "Links", "ExtraHosts", "PortBindings"), ()),
    "Sysctls": (),
}
_EMPTY = {name: value for name, value in _FIXED.items() if not value}


def _sizes(limits: Limits) -> Mapping[str, object]:
    asked: Mapping[str, Any] = host_settings(limits)
    return {
        "Memory": asked["mem_limit"],
        "MemorySwap": asked["memswap_limit"],
        "NanoCpus": asked["nano_cpus"],
        "PidsLimit": asked["pids_limit"],
        "Tmpfs": asked["tmpfs"],
        "Ulimits": _rows(asked["ulimits"]),
    }


def _rows(ulimits: Any) -> list[tuple[str, int, int]]:
    return sorted((each["Name"], each["Soft"], each["Hard"]) for each in ulimits or ())


def _options(options: Any) -> list[str]:
    """Security options in one form: the profile's text may come back set otherwise."""
    plain = []
    for option in options or ():
        name, _, value = str(option).partition("=")
        if name == "seccomp" and value.startswith("{"):
            option = f"seccomp={json.dumps(json.loads(value), sort_keys=True)}"
        plain.append(str(option).removesuffix(":true"))
    return sorted(plain)


def _differences(wanted: Mapping[str, object], there: Mapping[str, object]) -> Iterator[str]:
    for name, value in wanted.items():
        if there.get(name) != value:
            yield f"{name}: {str(there.get(name))[:80]}, not {str(value)[:80]}"


def _files(said: str) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for line in said.splitlines():
        if line.startswith("==> ") and line.endswith(" <=="):
            lines = files.setdefault(line[4:-4], [])
        elif line and files:
            lines.append(line)
    return files


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


def _routes(files: Mapping[str, list[str]]) -> list[str]:
    return files.get("/proc/net/route", [])[1:]


def _mount_faults(lines: list[str], limits: Limits | None) -> Iterator[str]:
    mounts = {row[1]: row[3].split(",") for row in map(str.split, lines) if len(row) > 3}
    if "ro" not in mounts.get("/", ()):
        yield "mount /: without ro"
    if limits is None:
        return
    wanted = {
        "/work": {"rw", "nosuid", "nodev", f"nr_inodes={limits.work_inodes}"},
        "/tmp": {"rw", "nosuid", "nodev", "noexec", f"nr_inodes={limits.tmp_inodes}"},
    }
    for place, options in wanted.items():
        for option in sorted(options - set(mounts.get(place, ()))):
            yield f"mount {place}: without {option}"
    for place, size in (("/work", limits.work_size), ("/tmp", limits.tmp_size)):
        sizes = [each[5:-1] for each in mounts.get(place, ()) if each.startswith("size=")]
        if not sizes or not sizes[0].isdecimal() or not _near(int(sizes[0]) * 1024, size):
            yield f"mount {place}: size {', '.join(sizes) or 'none'} KiB, not {size // 1024}"
    if "/dev/shm" in mounts:
        yield "mount /dev/shm: there is one"


def _limit_faults(files: Mapping[str, list[str]], limits: Limits) -> Iterator[str]:
    memory, quota = limits.memory_bytes, int(limits.cpus * _PERIOD_US)
    values = (memory, memory, limits.pids, quota, memory, 0, limits.pids, quota)
    for path, value in zip(READ_INSIDE[4:], values, strict=True):
        for line in files.get(path, [])[:1]:
            number = line.split()[0]
            rounded = _PAGE if "memory" in path else 1
            if not number.isdecimal() or not _near(int(number), value, rounded):
                yield f"{path.rpartition('/')[2]}: {line}, not {value}"


def _near(one: int, other: int, within: int = _PAGE) -> bool:
    return abs(one - other) < within
