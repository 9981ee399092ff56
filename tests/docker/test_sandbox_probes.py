"""Escape and leak probes: none succeeds in a trial's containers, and each can succeed elsewhere."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

import pytest

from runner import wiring
from runner.attack.box import BoxPlan, open_box
from runner.attack.probes import (
    BAIT_VARIABLE,
    NAMES,
    OWN_PLACES,
    Bait,
    ProbeResult,
    laid_bait,
    probe_containers,
    run_probes,
)
from runner.config.settings import load_settings
from runner.config.tasks import load_tasks
from runner.image.build import ImagePlan, image_for
from runner.sandbox.container import DockerSandbox, open_sandbox
from runner.sandbox.engine import Engine
from runner.sandbox.limits import AGENT, JUDGE, Limits

pytestmark = pytest.mark.docker

# What a container of plain `docker run` leaves open; more may be, where a kernel has more.
OPEN_BY_DEFAULT = {
    "call ptrace",
    "call chroot",
    "call seccomp",
    "call mknodat of a device",
    "socket netlink",
    "socket raw",
    "capabilities",
    "no-new-privileges",
    "user and groups",
    "writable places",
    "mounts for writing",
    "other users' processes",
    "signals to other users' processes",
    "shared memory",
    "network interfaces",
    "metadata addresses",
    "addresses outside",
    "the engine's bridges",
}
# These need a kernel that takes modules, or an engine at fault.
NOT_EVERYWHERE = {
    "call init_module",
    "call finit_module",
    "call delete_module",
    "call kexec_load",
    "call kexec_file_load",
    "socket kernel-crypto",
    "open descriptors",
}
RIGHTS = ("SYS_ADMIN", "SYS_PTRACE", "SYS_BOOT", "SYS_MODULE", "SYS_TIME", "SYS_PACCT", "SYSLOG")
SOCKET = "/var/run/docker.sock"


@pytest.fixture(scope="module")
def bait() -> Iterator[Bait]:
    with laid_bait() as bait:
        yield bait


def opened(results: tuple[ProbeResult, ...]) -> Mapping[str, str]:
    return {result.name: result.said for result in results if not result.held}


def probed(engine: Engine, image: str, plan: BoxPlan, bait: Bait) -> Mapping[str, str]:
    """The probes that succeed in a container of that plan."""
    with open_box(engine, image, plan, run_id="test", trial_id="probes") as box:
        return opened(run_probes(box, bait, OWN_PLACES))


@pytest.fixture(scope="module")
def by_default(engine: Engine, plain_image: str, bait: Bait) -> Mapping[str, str]:
    return probed(engine, plain_image, BoxPlan(user="0:0", network="bridge"), bait)


@pytest.fixture(scope="module")
def without_walls(engine: Engine, plain_image: str, bait: Bait) -> Mapping[str, str]:
    """All that must never be given to a container, given to one; the probes only look."""
    shared = {
        "cap_add": [*RIGHTS],
        "security_opt": ["seccomp=unconfined"],
        "pid_mode": "host",
        "ipc_mode": "host",
        "devices": ["/dev/kmsg:/dev/kmsg:r"],
        "binds": [f"{SOCKET}:{SOCKET}", f"{bait.path.parent}:{bait.path.parent}:ro"],
    }
    plan = BoxPlan(
        user="0:0",
        network="host",
        host=shared,
        env={BAIT_VARIABLE: bait.secret},
        setup=(
            "cp /usr/bin/true /work/true; chmod u+s /work/true\n"
            "mount -o remount,rw,bind /proc/sys; umount /sys/firmware"
        ),
    )
    return probed(engine, plain_image, plan, bait)


def test_a_plain_container_stands_open_in_many_ways(by_default: Mapping[str, str]) -> None:
    assert set(by_default) >= OPEN_BY_DEFAULT


def test_every_probe_can_succeed(
    by_default: Mapping[str, str], without_walls: Mapping[str, str]
) -> None:
    left = set(NAMES) - set(by_default) - set(without_walls)
    assert left <= NOT_EVERYWHERE


def test_no_probe_succeeds_in_a_trial_s_containers(engine: Engine) -> None:
    settings = load_settings()
    plan = ImagePlan(wiring.RECIPE, settings.cache, settings.base_image)
    image = image_for(engine, load_tasks(settings.tasks_dir)["T3"], plan).id

    def open_for(purpose: str) -> AbstractContextManager[DockerSandbox]:
        limits = Limits(user=JUDGE if purpose == "judge" else AGENT)
        return open_sandbox(engine, image, run_id="test", trial_id="probes", limits=limits)

    results = probe_containers(open_for)
    assert len(results) == 3 * len(NAMES)
    assert opened(results) == {}
