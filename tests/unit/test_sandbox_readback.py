"""Every setting that is not as asked is named, whoever changed it."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from runner.sandbox.limits import KEEPER, Limits, host_settings
from runner.sandbox.readback import READ_INSIDE, engine_faults, inside_faults

LIMITS = Limits()
ASKED: Mapping[str, Any] = host_settings(LIMITS)
# As Engine 20.10 answers.
FOUND: Mapping[str, Any] = {
    "HostConfig": {
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "Binds": None,
        "Devices": [],
        "PortBindings": {},
        "NetworkMode": "none",
        "IpcMode": "none",
        "PidMode": "",
        "UsernsMode": "",
        "Privileged": False,
        "ReadonlyRootfs": True,
        "Init": True,
        "Memory": LIMITS.memory_bytes,
        "MemorySwap": LIMITS.memory_bytes,
        "NanoCpus": 2_000_000_000,
        "PidsLimit": LIMITS.pids,
        "Tmpfs": ASKED["tmpfs"],
        "Ulimits": [*ASKED["ulimits"], {"Name": "nproc", "Soft": 9, "Hard": 9}],
        "LogConfig": {"Type": "none", "Config": {}},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "SecurityOpt": ASKED["security_opt"],
        "OomKillDisable": None,
        "Runtime": "runc",
    },
    "Config": {"User": KEEPER},
    "Mounts": [],
}
ZEROS = "0" * 16
INSIDE: Mapping[str, str] = {
    "/proc/self/status": (
        "Name:\thead\nUid:\t10001\t10001\t10001\t10001\nGid:\t10001\t10001\t10001\t10001\n"
        "Groups:\t10001 \n"
        + "".join(f"Cap{name}:\t{ZEROS}\n" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb"))
        + "NoNewPrivs:\t1\nSeccomp:\t2"
    ),
    "/proc/self/mounts": (
        "overlay / overlay ro,relatime 0 0\n"
        "tmpfs /work tmpfs rw,nosuid,nodev,size=524288k,nr_inodes=65536,mode=755 0 0\n"
        "tmpfs /tmp tmpfs rw,nosuid,nodev,noexec,size=262144k,nr_inodes=16384 0 0"
    ),
    "/proc/net/dev": "Inter-| Receive\n face |bytes\n    lo: 0 0\n tunl0: 0 0",
    "/proc/net/route": "Iface\tDestination",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": str(LIMITS.memory_bytes),
    "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": str(LIMITS.memory_bytes),
    "/sys/fs/cgroup/pids/pids.max": "256",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
}
SECOND_VERSION = {
    "/sys/fs/cgroup/memory.max": str(LIMITS.memory_bytes),
    "/sys/fs/cgroup/memory.swap.max": "0",
    "/sys/fs/cgroup/pids.max": "256",
    "/sys/fs/cgroup/cpu.max": "200000 100000",
}
OPEN_PROFILE = ["no-new-privileges:true", "seccomp=unconfined"]


def said(files: Mapping[str, str]) -> str:
    return "\n".join(f"==> {name} <==\n{text}\n" for name, text in files.items())


def changed(path: str, old: str, new: str) -> Mapping[str, str]:
    assert old in INSIDE[path]
    return {**INSIDE, path: INSIDE[path].replace(old, new)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CapDrop", None),
        ("CapAdd", ["SYS_ADMIN"]),
        ("Privileged", True),
        ("NetworkMode", "bridge"),
        ("IpcMode", "host"),
        ("PidMode", "host"),
        ("UTSMode", "host"),
        ("UsernsMode", "host"),
        ("ReadonlyRootfs", False),
        ("Init", None),
        ("Binds", ["/:/host"]),
        ("VolumesFrom", ["other"]),
        ("Devices", [{"PathOnHost": "/dev/mem"}]),
        ("DeviceRequests", [{"Count": -1}]),
        ("PortBindings", {"80/tcp": []}),
        ("GroupAdd", ["docker"]),
        ("Sysctls", {"kernel.shm": "1"}),
        ("OomKillDisable", True),
        ("Memory", 0),
        ("MemorySwap", -1),
        ("NanoCpus", 0),
        ("PidsLimit", None),
        ("Tmpfs", {"/work": "rw"}),
        ("Ulimits", []),
        ("LogConfig", {"Type": "json-file"}),
        ("RestartPolicy", {"Name": "always"}),
        ("SecurityOpt", None),
        ("SecurityOpt", OPEN_PROFILE),
        ("SecurityOpt", [*ASKED["security_opt"], "apparmor=unconfined"]),
    ],
)
def test_a_setting_that_the_engine_holds_otherwise_is_named(name: str, value: object) -> None:
    found = copy.deepcopy(dict(FOUND))
    found["HostConfig"][name] = value
    (fault,) = engine_faults(found, LIMITS)
    assert fault.startswith(f"{name}: ")


def test_a_volume_or_a_port_or_a_user_of_the_image_is_named() -> None:
    config = {"User": "0", "ExposedPorts": {"80/tcp": {}}}
    found = {**FOUND, "Config": config, "Mounts": [{"Type": "volume"}]}
    names = [fault.partition(":")[0] for fault in engine_faults(found, LIMITS)]
    assert names == ["User", "Mounts", "ExposedPorts"]


def test_another_runtime_than_the_one_asked_for_is_named() -> None:
    (fault,) = engine_faults(FOUND, Limits(runtime="runsc"))
    assert fault == "Runtime: runc, not runsc"


def test_what_the_engine_holds_as_asked_is_fine() -> None:
    assert engine_faults(FOUND, LIMITS) == ()


@pytest.mark.parametrize(
    ("path", "old", "new", "fault"),
    [
        ("/proc/self/status", f"CapEff:\t{ZEROS}", "CapEff:\t00000000a80425fb", "CapEff: "),
        ("/proc/self/status", f"CapBnd:\t{ZEROS}", "CapBnd:\t0000000000000001", "CapBnd: "),
        ("/proc/self/status", "NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivs: 0, not 1"),
        ("/proc/self/status", "Seccomp:\t2", "Seccomp:\t0", "Seccomp: 0, not 2"),
        ("/proc/self/status", "\nSeccomp:\t2", "", "Seccomp: None"),
        ("/proc/self/status", "Uid:\t10001", "Uid:\t0", "Uid: "),
        ("/proc/self/status", "Groups:\t10001 ", "Groups:\t10001 999", "Groups: 999"),
        ("/proc/self/mounts", "overlay ro", "overlay rw", "mount /: without ro"),
        ("/proc/self/mounts", ",noexec", "", "mount /tmp: without noexec"),
        ("/proc/self/mounts", "nr_inodes=65536", "nr_inodes=9", "mount /work: without nr_inodes"),
        ("/proc/self/mounts", "size=524288k", "size=9k", "mount /work: size 9 KiB"),
        ("/proc/self/mounts", "size=262144k,", "", "mount /tmp: size none"),
        ("/proc/net/dev", "lo: 0 0", "lo: 0 0\n  eth0: 1 1", "network: there is eth0"),
        ("/proc/net/route", "ion", "ion\neth0\t0", "network: there is a route (eth0)"),
        ("/sys/fs/cgroup/pids/pids.max", "256", "max", "pids.max: max, not 256"),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000", "-1", "cpu.cfs_quota_us: -1"),
    ],
)
def test_what_is_otherwise_inside_is_named(path: str, old: str, new: str, fault: str) -> None:
    (found,) = inside_faults(said(changed(path, old, new)), LIMITS)
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/sys/fs/cgroup/memory.max", "max"),
        ("/sys/fs/cgroup/memory.swap.max", "max"),
        ("/sys/fs/cgroup/pids.max", "512"),
        ("/sys/fs/cgroup/cpu.max", "max 100000"),
    ],
)
def test_limits_of_the_second_cgroup_version_are_read_too(path: str, value: str) -> None:
    first = {name: text for name, text in INSIDE.items() if "/cgroup/" not in name}
    assert inside_faults(said({**first, **SECOND_VERSION}), LIMITS) == ()
    (fault,) = inside_faults(said({**first, **SECOND_VERSION, path: value}), LIMITS)
    assert fault.startswith(f"{path.rpartition('/')[2]}: {value}")


@pytest.mark.parametrize("text", ["", "sh: head: not found\n", "==> /proc/self/status <==\n"])
def test_a_container_that_says_nothing_of_itself_is_at_fault(text: str) -> None:
    faults = inside_faults(text, LIMITS)
    assert "/proc/self/mounts: cannot be read" in faults


def test_what_is_as_asked_inside_is_fine_and_memory_may_be_rounded() -> None:
    assert inside_faults(said(INSIDE), LIMITS) == ()
    assert inside_faults(said(INSIDE), Limits(memory_bytes=LIMITS.memory_bytes + 100)) == ()


def test_gvisor_says_less_but_nothing_false() -> None:
    bare = {
        "/proc/self/status": f"Name:\tx\nCapEff:\t{ZEROS}",
        "/proc/self/mounts": "none / 9p ro 0 0",
        "/proc/net/dev": "lo: 0",
    }
    assert inside_faults(said(bare), Limits(runtime="runsc")) == ()
    bare["/proc/self/status"] = "Name:\tx\nCapEff:\t00000000a80425fb"
    (fault,) = inside_faults(said(bare), Limits(runtime="runsc"))
    assert fault.startswith("CapEff: ")


def test_each_file_is_read_once() -> None:
    assert len(set(READ_INSIDE)) == len(READ_INSIDE)
