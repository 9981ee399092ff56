"""What a host lacks, and which runtime it is asked for."""

from dataclasses import replace

import pytest

from runner.errors import EnvironmentProblem
from runner.sandbox.engine import EngineInfo
from runner.sandbox.lacks import check_runtime, lacks

BARE = EngineInfo(
    address="unix:///x",
    version="20.10",
    api_version="1.41",
    runc_version="1.1.5",
    architecture="amd64",
    kernel="6",
    storage_driver="overlay2",
    cgroup_version="1",
    security=("seccomp",),
    cpus=4,
    memory_bytes=1,
    root_dir="/d",
    runtimes=("io.containerd.runc.v2", "runc"),
    limits_missing=("SwapLimit",),
)
FULL = replace(
    BARE,
    runc_version="1.3.3",
    cgroup_version="2",
    security=("seccomp", "apparmor", "userns"),
    runtimes=("runc", "runsc"),
    limits_missing=(),
)


def test_a_runtime_that_is_not_offered_is_refused_with_those_that_are() -> None:
    with pytest.raises(EnvironmentProblem, match=r"runsc .* offers io\.containerd\.runc\.v2, runc"):
        check_runtime(BARE, "runsc")


def test_an_engine_that_names_no_runtime_offers_none() -> None:
    with pytest.raises(EnvironmentProblem, match="offers none"):
        check_runtime(replace(BARE, runtimes=()), "runc")


@pytest.mark.parametrize("runtime", [None, "runc", "runsc"])
def test_what_is_offered_or_left_to_the_engine_is_fine(runtime: str | None) -> None:
    check_runtime(FULL, runtime)


def test_a_plain_host_lacks_every_further_layer() -> None:
    assert lacks(BARE, None) == (
        "user namespaces (userns-remap)",
        "AppArmor or SELinux",
        "gVisor",
        "cgroup version 2",
        "a runc known to hold the fixes of November 2025 (it is 1.1.5)",
        "the limit SwapLimit",
    )


def test_gvisor_that_is_offered_and_not_used_is_lacking_too() -> None:
    assert lacks(FULL, None) == ("gVisor (RUNNER_RUNTIME=runsc would use it)",)


@pytest.mark.parametrize("security", [("rootless", "selinux"), ("userns", "apparmor")])
def test_a_host_with_all_layers_lacks_nothing(security: tuple[str, ...]) -> None:
    assert lacks(replace(FULL, security=security), "runsc") == ()


def test_a_runc_without_a_version_is_not_taken_for_a_new_one() -> None:
    assert lacks(replace(FULL, runc_version=""), "runsc") == (
        "a runc known to hold the fixes of November 2025 (it is of unknown version)",
    )
