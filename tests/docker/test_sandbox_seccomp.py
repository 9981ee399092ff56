"""Which system calls a command can make, as the profile says and as the kernel answers."""

import json
from collections.abc import Iterator, Mapping

import pytest
from plain_image_parts import Opener

from runner.sandbox.container import DockerSandbox
from runner.sandbox.engine import Engine, inspect_container

pytestmark = pytest.mark.docker

# Number of a system call on amd64 and arm64, arguments that would do no harm.
PROBES = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "open_by_handle_at": (304, 265),
    "fsopen": (430, 430),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "mount_setattr": (442, 442),
    "swapon": (167, 224),
    "reboot": (169, 142),
    "settimeofday": (164, 170),
    "sethostname": (170, 161),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "seccomp": (317, 277),
    "memfd_secret": (447, 447),
}
PROBE = """
import ctypes, errno, json, platform, sys
call = ctypes.CDLL(None, use_errno=True).syscall
column = 0 if platform.machine() == 'x86_64' else 1
probes = json.loads(sys.argv[1])
print(json.dumps({
    name: errno.errorcode.get(ctypes.get_errno(), '?') if call(numbers[column], 0, 0, 0, 0, 0) < 0
    else 'done' for name, numbers in probes.items()
}))
"""


@pytest.fixture(scope="module")
def sandbox(open_plain: Opener) -> Iterator[DockerSandbox]:
    with open_plain() as sandbox:
        yield sandbox


def test_the_profile_is_our_own(engine: Engine, sandbox: DockerSandbox) -> None:
    inspected = inspect_container(engine, sandbox.container)
    assert inspected is not None
    (profile,) = [
        json.loads(option.removeprefix("seccomp="))
        for option in inspected["HostConfig"]["SecurityOpt"]
        if option.startswith("seccomp=")
    ]
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    allowed = {
        name
        for rule in profile["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW"
        for name in rule["names"]
    }
    assert not allowed & set(PROBES)
    assert "clone3" not in allowed


@pytest.mark.parametrize("name", PROBES)
def test_dangerous_system_calls_are_blocked(
    sandbox: DockerSandbox, name: str, probed: Mapping[str, str]
) -> None:
    assert probed[name] == "EPERM"


@pytest.fixture(scope="module")
def probed(sandbox: DockerSandbox) -> Mapping[str, str]:
    result = sandbox.run(["python3", "-c", PROBE, json.dumps(PROBES)], timeout_s=20)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("s(56 if x86 else 220, 0x10000000 | 17, 0, 0, 0, 0)", 1),  # clone(CLONE_NEWUSER)
        ("s(435, 0, 0)", 38),  # clone3: not there, so that the C library uses clone
        ("s(41 if x86 else 198, 16, 3, 0)", 1),  # socket(AF_NETLINK)
        ("s(41 if x86 else 198, 38, 5, 0)", 1),  # socket(AF_ALG)
        ("s(41 if x86 else 198, 40, 1, 0)", 1),  # socket(AF_VSOCK)
    ],
)
def test_arguments_of_allowed_calls_are_checked(
    sandbox: DockerSandbox, call: str, error: int
) -> None:
    program = (
        "import ctypes, platform; x86 = platform.machine() == 'x86_64';"
        "s = ctypes.CDLL(None, use_errno=True).syscall;"
        f"r = {call}; print(r, ctypes.get_errno())"
    )
    result = sandbox.run(["python3", "-c", program], timeout_s=20)
    assert result.output.split() == [b"-1", str(error).encode()]


def test_threads_and_processes_work(sandbox: DockerSandbox) -> None:
    program = (
        "import threading, subprocess, concurrent.futures as f;"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join();"
        "print(list(f.ThreadPoolExecutor(4).map(abs, [-1])));"
        "print(subprocess.run(['git', '--version'], capture_output=True).returncode)"
    )
    result = sandbox.run(["python3", "-c", program], timeout_s=20)
    assert result.output == b"thread\n[1]\n0\n"
