"""The container settings of the CIS Docker Benchmark (version 1.6, section 5), id by id.

Each is met, and then shown to be by what the engine says of a container, or it is explained.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runner.sandbox.limits import KEEPER

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """One id of the benchmark, and how a container of ours stands to it."""

    id: str
    title: str
    state: Literal["met", "explained"]
    how: str

    @property
    def asked(self) -> bool:
        """Whether `broken` asks the engine for it."""
        return self.id in _HOLDS


def broken(found: Found) -> tuple[Setting, ...]:
    """The settings that are not met by the container that docker's inspect (`found`) shows."""
    return tuple(each for each in SETTINGS if each.asked and not _HOLDS[each.id](found))


def _host(found: Found, name: str) -> Any:
    return found["HostConfig"].get(name)


def _options(found: Found) -> Sequence[str]:
    return [str(each) for each in _host(found, "SecurityOpt") or ()]


def _is(name: str, *values: object) -> Callable[[Found], bool]:
    return lambda found: _host(found, name) in values


def _nothing(name: str) -> Callable[[Found], bool]:
    return lambda found: not _host(found, name)


def _more_than_none(name: str) -> Callable[[Found], bool]:
    return lambda found: (_host(found, name) or 0) > 0


def _no_mounts(found: Found) -> bool:
    kinds = {each.get("Type") for each in found.get("Mounts") or ()}
    return not _host(found, "Binds") and kinds <= {"tmpfs"}


def _no_ports(found: Found) -> bool:
    return not _host(found, "PortBindings") and not _host(found, "PublishAllPorts")


def _no_ssh(found: Found) -> bool:
    return [found["Path"], *(found["Args"] or ())] == ["/usr/bin/sleep", "infinity"]


def _capped(found: Found) -> bool:
    return _host(found, "CapDrop") == ["ALL"] and not _host(found, "CapAdd")


def _ulimits(found: Found) -> bool:
    names = {each["Name"] for each in _host(found, "Ulimits") or ()}
    return {"nofile", "core", "fsize"} <= names


def _own_profile(found: Found) -> bool:
    return any(each.startswith("seccomp={") for each in _options(found))


def _no_new_privileges(found: Found) -> bool:
    return any(each.startswith("no-new-privileges") for each in _options(found))


def _not_root(found: Found) -> bool:
    return bool(found["Config"].get("User") == KEEPER)


def _by_digest(found: Found) -> bool:
    return str(found["Config"]["Image"]).startswith("sha256:")


def _no_daemon_socket(found: Found) -> bool:
    return not any("docker.sock" in str(each) for each in _host(found, "Binds") or ())


# What docker's inspect must show where a setting is met and the engine can say so.
_HOLDS: Mapping[str, Callable[[Found], bool]] = {
    "5.4": _capped,
    "5.5": _is("Privileged", False),
    "5.6": _no_mounts,
    "5.7": _no_ssh,
    "5.8": _no_ports,
    "5.9": _no_ports,
    "5.10": _is("NetworkMode", "none"),
    "5.11": _more_than_none("Memory"),
    "5.12": _more_than_none("NanoCpus"),
    "5.13": _is("ReadonlyRootfs", True),
    "5.14": _no_ports,
    "5.15": lambda found: (_host(found, "RestartPolicy") or {}).get("Name") in ("", "no"),
    "5.16": _is("PidMode", ""),
    "5.17": _is("IpcMode", "none"),
    "5.18": lambda found: not _host(found, "Devices") and not _host(found, "DeviceRequests"),
    "5.19": _ulimits,
    "5.20": _no_mounts,
    "5.21": _is("UTSMode", ""),
    "5.22": _own_profile,
    "5.25": _nothing("CgroupParent"),
    "5.26": _no_new_privileges,
    "5.28": _by_digest,
    "5.29": _more_than_none("PidsLimit"),
    "5.30": _is("NetworkMode", "none"),
    "5.31": lambda found: _host(found, "UsernsMode") != "host" and _not_root(found),
    "5.32": lambda found: _no_mounts(found) and _no_daemon_socket(found),
}

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "5.1",
        "Swarm mode is not enabled, if not needed",
        "explained",
        "a setting of the engine's: the runner neither needs nor enables it",
    ),
    Setting(
        "5.2",
        "An AppArmor profile is enabled",
        "explained",
        "the host's: never switched off, and `host_lacks` records where there is none",
    ),
    Setting(
        "5.3",
        "SELinux security options are set",
        "explained",
        "the host's: never switched off, and `host_lacks` records where there is none",
    ),
    Setting("5.4", "Linux kernel capabilities are restricted", "met", "all dropped, none added"),
    Setting("5.5", "No privileged containers", "met", "never"),
    Setting(
        "5.6", "Sensitive host folders are not mounted", "met", "nothing of the host is mounted"
    ),
    Setting(
        "5.7",
        "sshd is not run",
        "met",
        "the container's program is `sleep infinity`; the image has no ssh server",
    ),
    Setting("5.8", "Privileged ports are not mapped", "met", "no port is mapped"),
    Setting("5.9", "Only needed ports are open", "met", "none is"),
    Setting("5.10", "The host's network namespace is not shared", "met", "network `none`"),
    Setting("5.11", "Memory is limited", "met", "`RUNNER_MEMORY_MB`, swap included"),
    Setting("5.12", "CPU priority is set", "met", "a hard share, `RUNNER_CPUS`"),
    Setting(
        "5.13", "The root file system is read-only", "met", "with `/work` and `/tmp` in memory"
    ),
    Setting(
        "5.14",
        "Incoming traffic is bound to one host interface",
        "met",
        "there is no incoming traffic",
    ),
    Setting(
        "5.15",
        "The restart policy is `on-failure` with at most 5 tries",
        "met",
        "stricter: never restarted",
    ),
    Setting("5.16", "The host's process namespace is not shared", "met", "a namespace of its own"),
    Setting(
        "5.17",
        "The host's IPC namespace is not shared",
        "met",
        "IPC `none`: no shared memory at all",
    ),
    Setting("5.18", "Host devices are not exposed", "met", "none is"),
    Setting(
        "5.19",
        "Default ulimits are overwritten where needed",
        "met",
        "open files, file size and core files",
    ),
    Setting("5.20", "Mount propagation is not shared", "met", "no mount to propagate"),
    Setting("5.21", "The host's UTS namespace is not shared", "met", "a host name of its own"),
    Setting(
        "5.22",
        "The default seccomp profile is not disabled",
        "met",
        "replaced by a narrower one of our own",
    ),
    Setting(
        "5.23",
        "`docker exec` is not used with `--privileged`",
        "met",
        "asserted on the tool server's own exec",
    ),
    Setting(
        "5.24",
        "`docker exec` is not used as root",
        "met",
        "users 10001 to 10003 only; asserted on the tool server's own exec",
    ),
    Setting(
        "5.25",
        "Cgroup usage is confirmed",
        "met",
        "the engine's own parent group, limits read back inside",
    ),
    Setting(
        "5.26",
        "No additional privileges can be acquired",
        "met",
        "`no-new-privileges`, no set-uid program in the image",
    ),
    Setting(
        "5.27",
        "Container health is checked at run time",
        "explained",
        "no further program in the container: each call has a deadline, a dead one is seen at once",
    ),
    Setting(
        "5.28",
        "The latest version of the image is used",
        "met",
        "by digest, keyed by all that went into it; a changed input is a new image",
    ),
    Setting("5.29", "The PIDs limit is used", "met", "`RUNNER_PIDS`"),
    Setting("5.30", "The default bridge docker0 is not used", "met", "network `none`"),
    Setting(
        "5.31",
        "The host's user namespaces are not shared",
        "met",
        "never exempt from the engine's remapping; without one, nobody inside is root",
    ),
    Setting("5.32", "The Docker socket is not mounted", "met", "nothing of the host is mounted"),
)
