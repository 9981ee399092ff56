"""What the engine's host does not have of what would hold a container further in."""

import re

from runner.errors import EnvironmentProblem
from runner.sandbox.engine import EngineInfo

GVISOR = "runsc"


def check_runtime(info: EngineInfo, runtime: str | None) -> None:
    """Raise `EnvironmentProblem` when the engine does not offer the runtime that was asked for."""
    if runtime is not None and runtime not in info.runtimes:
        offered = ", ".join(info.runtimes) or "none that it names"
        raise EnvironmentProblem(
            f"RUNNER_RUNTIME is {runtime} and the Docker engine offers {offered}: install it and "
            "name it in the engine's daemon.json, or unset RUNNER_RUNTIME"
        )


def lacks(info: EngineInfo, runtime: str | None) -> tuple[str, ...]:
    """The layers that this host lacks, in words; none of them is needed for a trial.

    The state of runc goes by its version number alone, which a distribution that carries fixes
    back does not change.
    """
    has = set(info.security)
    missing = []
    if not has & {"userns", "rootless"}:
        missing.append("user namespaces (userns-remap)")
    if not has & {"apparmor", "selinux"}:
        missing.append("AppArmor or SELinux")
    if not (runtime or "").startswith(GVISOR):
        offered = GVISOR in info.runtimes
        missing.append("gVisor (RUNNER_RUNTIME=runsc would use it)" if offered else "gVisor")
    if info.cgroup_version != "2":
        missing.append("cgroup version 2")
    if runc_is_old(info.runc_version) is not False:
        version = info.runc_version or "of unknown version"
        missing.append(f"a runc known to hold the fixes of November 2025 (it is {version})")
    missing += [f"the limit {name}" for name in info.limits_missing]
    return tuple(missing)


def runc_is_old(version: str) -> bool | None:
    """Whether runc's number is below the fixes of November 2025; None when it says nothing.

    Those are CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881, fixed in 1.2.8, 1.3.3 and
    1.4.0-rc.3.
    """
    numbers = version_numbers(version)
    if not numbers:
        return None
    if "rc" in version and numbers[:2] >= (1, 4):
        # Three release candidates of 1.4.0 came before the fixes; the third has them.
        return numbers[:3] == (1, 4, 0) and numbers[3:4] < (3,)
    return numbers < (1, 2, 8) or (1, 3) <= numbers < (1, 3, 3)


def version_numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: 1.1.5+ds1 is 1, 1, 5; 1.4.0-rc.2 is 1, 4, 0, 2."""
    match = re.match(r"v?(\d+(?:\.\d+)*)(?:[-~]rc\.?(\d+))?", version)
    if match is None:
        return ()
    return tuple(int(part) for part in (*match[1].split("."), match[2]) if part)
