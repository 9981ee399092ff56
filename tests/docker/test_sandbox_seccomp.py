"""Which system calls a command can make, as the profile says and as the kernel answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from plain_image_parts import Opener

from runner import sandbox as package
from runner.attack import probes_calls
from runner.sandbox.container import DockerSandbox
from runner.sandbox.engine import Engine, inspect_container

pytestmark = pytest.mark.docker

PROFILE = Path(package.__file__).with_name("seccomp.json")


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
    assert profile == json.loads(PROFILE.read_text())


def test_every_dangerous_system_call_is_refused(sandbox: DockerSandbox) -> None:
    program = Path(probes_calls.__file__).read_text()
    result = sandbox.run(["python3", "-c", program], timeout_s=20)
    answers = json.loads(result.output)
    assert list(answers) == list(probes_calls.names())
    assert {name: said for name, said in answers.items() if said} == {}


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
