"""What the Docker engine's account of itself means."""

from collections.abc import Iterator

from runner.doctor.facts import EngineFacts, Facts
from runner.doctor.finding import GIB, Finding
from runner.errors import EnvironmentProblem
from runner.sandbox.engine import EngineInfo
from runner.sandbox.lacks import check_runtime, runc_is_old, version_numbers

OLDEST_API = (1, 41)  # Docker Engine 20.10
_ENGINE_DOCS = "https://docs.docker.com/engine/install/"


def engine_findings(engine: EngineFacts, facts: Facts) -> Iterator[Finding]:
    """All that concerns the engine itself and what it can enforce."""
    info = engine.info
    said = f"{info.version} (API {info.api_version}, {info.architecture}) at {info.address}"
    if version_numbers(info.api_version) < OLDEST_API:
        yield Finding("Docker engine", "bad", f"{said}: 20.10 is the oldest", _ENGINE_DOCS)
    else:
        yield Finding("Docker engine", "ok", said)
    yield _runc(info.runc_version)
    yield _storage(info.storage_driver)
    yield _cgroup(engine)
    yield _seccomp(info.security)
    yield _runtime(info, facts.runtime_wanted)
    yield _isolation(info)
    yield _size(engine, facts)


def _runc(version: str) -> Finding:
    old = runc_is_old(version)
    if old is None:
        return Finding("runc", "warn", "its version is not known", "runc --version")
    if not old:
        return Finding("runc", "ok", version)
    return Finding(
        "runc",
        "warn",
        f"{version} is older than 1.2.8 and 1.3.3, which closed the container escapes of "
        "November 2025 (CVE-2025-31133, -52565, -52881)",
        f"use Docker's own packages ({_ENGINE_DOCS}), or a machine of its own for live trials",
    )


def _storage(driver: str) -> Finding:
    if driver in ("vfs", "devicemapper"):
        fix = "put Docker's data root on ext4 or xfs, so that it can use overlay2"
        return Finding("storage driver", "warn", f"{driver}: containers start slowly", fix)
    return Finding("storage driver", "ok", driver)


def _cgroup(engine: EngineFacts) -> Finding:
    said = f"version {engine.info.cgroup_version}"
    if engine.info.limits_missing:
        return Finding(
            "cgroups",
            "warn",
            f"{said}; not enforced here: {', '.join(engine.info.limits_missing)}",
            "boot with cgroup_enable=memory swapaccount=1, or use cgroup version 2",
        )
    return Finding("cgroups", "ok", f"{said}; memory, swap, CPU and process limits are enforced")


def _seccomp(security: tuple[str, ...]) -> Finding:
    if "seccomp" in security:
        return Finding("seccomp", "ok", "available")
    fix = "use a kernel with CONFIG_SECCOMP_FILTER and an engine built with seccomp"
    return Finding("seccomp", "bad", "not available: no container can be sealed", fix)


def _runtime(info: EngineInfo, wanted: str | None) -> Finding:
    offered = ", ".join(info.runtimes) or "none named"
    try:
        check_runtime(info, wanted)
    except EnvironmentProblem as problem:
        said, _, fix = str(problem).partition(": ")
        return Finding("container runtime", "bad", said, fix)
    used = f"{wanted}, by RUNNER_RUNTIME" if wanted else "the engine's own"
    return Finding("container runtime", "ok", f"{used}; offered: {offered}")


def _isolation(info: EngineInfo) -> Finding:
    has = set(info.security) & {"apparmor", "selinux", "userns", "rootless"}
    if "runsc" in info.runtimes:
        has.add("gVisor")
    absent = [name for name in ("userns", "apparmor", "gVisor") if name not in has]
    said = ", ".join(sorted(has)) or "none"
    if absent:
        said += f"; a shared kernel without {', '.join(absent)} is the risk that remains"
    return Finding("further isolation", "ok", said)


def _size(engine: EngineFacts, facts: Facts) -> Finding:
    cpus, memory = engine.info.cpus, engine.info.memory_bytes
    said = f"{cpus} CPUs, {memory / GIB:.1f} GiB"
    if facts.cpus_wanted > cpus:
        said += f"; each container asks for {facts.cpus_wanted:g} CPUs, which Docker refuses"
        return Finding("CPUs and memory", "bad", said, f"set RUNNER_CPUS={cpus}")
    if facts.memory_wanted > memory:
        said += f"; each container may use {facts.memory_wanted / GIB:.1f} GiB"
        fix = f"set RUNNER_MEMORY_MB={max(512, memory * 3 // 4 // 2**20)}"
        return Finding("CPUs and memory", "warn", said, fix)
    return Finding("CPUs and memory", "ok", said)
