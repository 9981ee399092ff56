"""What holds a container shut: as the engine reports it, and as a command inside meets it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from plain_image_parts import Opener
from sandbox_conformance import sh

from runner.sandbox.container import DockerSandbox
from runner.sandbox.engine import Engine, image_labels, inspect_container
from runner.sandbox.limits import Limits
from runner.sandbox.reaper import owner

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def sandbox(open_plain: Opener) -> Iterator[DockerSandbox]:
    with open_plain() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def inspected(engine: Engine, sandbox: DockerSandbox) -> Mapping[str, Any]:
    found = inspect_container(engine, sandbox.container)
    assert found is not None
    return found


def inside(sandbox: DockerSandbox, script: str) -> str:
    return sh(sandbox, script).output.decode()


def test_the_engine_holds_every_setting(inspected: Mapping[str, Any]) -> None:
    host = inspected["HostConfig"]
    limits = Limits()
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["NetworkMode"] == "none"
    assert host["IpcMode"] == "none"
    assert host["PidMode"] == host["UTSMode"] == host["UsernsMode"] == ""
    assert host["ReadonlyRootfs"]
    assert host["Init"]
    assert host["Memory"] == host["MemorySwap"] == limits.memory_bytes
    assert host["NanoCpus"] == 2_000_000_000
    assert host["PidsLimit"] == limits.pids
    assert host["LogConfig"]["Type"] == "none"
    assert not host["Binds"]
    assert not host["Devices"]
    assert inspected["Mounts"] == []
    assert set(host["Tmpfs"]) == {"/work", "/tmp"}
    assert {limit["Name"] for limit in host["Ulimits"]} == {"nofile", "core", "fsize"}
    assert "no-new-privileges:true" in host["SecurityOpt"]


def test_the_container_is_named_by_digest_and_labelled(inspected: Mapping[str, Any]) -> None:
    assert inspected["Config"]["Image"].startswith("sha256:")
    labels = inspected["Config"]["Labels"]
    assert labels["runner.run"] == "test"
    assert labels["runner.trial"].startswith("test-")
    assert labels["runner.owner"] == owner()


def test_the_keep_alive_is_another_user(inspected: Mapping[str, Any]) -> None:
    assert inspected["Config"]["User"] == "10002:10002"


def test_a_command_has_no_privilege_and_cannot_gain_one(sandbox: DockerSandbox) -> None:
    status = dict(
        line.split(":\t", 1)
        for line in inside(sandbox, "cat /proc/self/status").splitlines()
        if ":\t" in line
    )
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert status["Uid"].split() == ["10001"] * 4
    assert status["Gid"].split() == ["10001"] * 4


def test_there_is_no_network(sandbox: DockerSandbox) -> None:
    assert inside(sandbox, "ls /sys/class/net").split() == ["lo"]
    for address in ("172.17.0.1/2375", "169.254.169.254/80", "1.1.1.1/53"):
        assert sh(sandbox, f"exec 3<>/dev/tcp/{address}").exit_code != 0
    lookup = "import socket; socket.getaddrinfo('example.org', 1)"
    assert sandbox.run(["python3", "-c", lookup], timeout_s=20).exit_code == 1
    assert sh(sandbox, "ls /var/run/docker.sock").exit_code != 0


def test_nothing_but_the_work_folders_can_be_written(sandbox: DockerSandbox) -> None:
    for folder in ("/", "/opt/runner", "/etc", "/usr/bin", "/home", "/var/tmp", "/dev", "/run"):
        assert sh(sandbox, f"touch {folder}/x").exit_code != 0, folder
    for folder in ("/work", "/work/repo", "/work/home", "/work/cache", "/tmp"):
        assert sh(sandbox, f"touch {folder}/x && rm {folder}/x").exit_code == 0, folder
    everything = "find / -xdev -writable -not -type l -not -path '/proc/*' 2>/dev/null"
    assert inside(sandbox, everything).split() == ["/tmp", "/work"]


def test_mounts_are_as_asked(sandbox: DockerSandbox) -> None:
    mounts = {
        line.split()[1]: set(line.split()[3].split(","))
        for line in inside(sandbox, "cat /proc/mounts").splitlines()
    }
    assert "ro" in mounts["/"]
    assert {"rw", "nosuid", "nodev"} <= mounts["/work"]
    assert "noexec" not in mounts["/work"]
    assert {"rw", "nosuid", "nodev", "noexec"} <= mounts["/tmp"]
    assert {"size=524288k", "nr_inodes=65536"} <= mounts["/work"]
    assert "/dev/shm" not in mounts


def test_programs_run_from_the_work_folder_only(sandbox: DockerSandbox) -> None:
    script = "cp /bin/true {0}/t && {0}/t"
    assert sh(sandbox, script.format("/work/repo")).exit_code == 0
    assert sh(sandbox, script.format("/tmp")).exit_code == 126


def test_no_set_uid_program_helps(sandbox: DockerSandbox) -> None:
    assert sh(sandbox, "cp /bin/bash b && chmod 4755 b && ./b -p -c id").output.startswith(
        b"uid=10001"
    )
    assert sh(sandbox, "su -c true", stdin=b"\n").exit_code != 0


def test_inodes_and_file_sizes_are_capped(sandbox: DockerSandbox) -> None:
    assert sh(sandbox, "truncate -s 300M big").signal == 25  # SIGXFSZ
    flood = "import os\nfor i in range(10**6): os.mknod(f'f{i}')"
    result = sandbox.run(["python3", "-c", flood], timeout_s=60)
    assert b"No space left" in result.output
    assert sh(sandbox, "cd ..; rm -rf repo; mkdir repo").exit_code == 0


def test_the_process_table_of_the_keep_alive_is_closed(sandbox: DockerSandbox) -> None:
    assert sh(sandbox, "cat /proc/1/environ").exit_code != 0
    assert sh(sandbox, "kill -9 1").exit_code != 0


def test_the_host_s_environment_and_name_stay_there(
    open_plain: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "canary-5107")
    with open_plain() as sandbox:
        assert "canary-5107" not in inside(sandbox, "env; cat /proc/[0-9]*/environ 2>/dev/null")
        assert inside(sandbox, "hostname").strip() == "sandbox"


def test_labels_of_an_image_can_be_read_and_missing_ones_are_none(
    engine: Engine, plain_image: str
) -> None:
    labels = image_labels(engine, plain_image)
    assert labels is not None
    assert labels["runner.test"] == "sandbox"
    assert image_labels(engine, "runner/no-such:image") is None
