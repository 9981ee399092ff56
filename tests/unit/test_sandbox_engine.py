"""Finding the engine, and whose containers are whose: what needs no engine."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runner.errors import EnvironmentProblem, SandboxFailure
from runner.sandbox.engine import Engine, connect, described
from runner.sandbox.limits import Limits, host_settings
from runner.sandbox.reaper import is_orphan, owner


@pytest.fixture(autouse=True)
def no_docker_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.mark.parametrize(
    "address", ["unix:///no/such/docker.sock", "tcp://127.0.0.1:9", "nonsense://x", "tcp://"]
)
def test_no_engine_names_the_address_and_the_fix(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EnvironmentProblem) as problem:
        connect()
    assert address in str(problem.value)
    assert "make setup" in str(problem.value)
    assert "make doctor" in str(problem.value)
    assert problem.value.exit_code == 3


def test_a_socket_that_is_no_engine_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        door.settimeout(20)

        def hang_up() -> None:
            for _ in range(2):
                door.accept()[0].close()

        listener = threading.Thread(target=hang_up)
        listener.start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with pytest.raises(EnvironmentProblem, match=r"engine\.sock"):
            connect()
        listener.join()


def test_an_engine_that_does_not_answer_is_a_failure_of_the_sandbox() -> None:
    engine = Engine("unix:///x.sock", 1.0)
    with (
        pytest.raises(SandboxFailure, match=r"x\.sock did not answer \(start\)"),
        engine.translated("start"),
    ):
        raise ConnectionResetError("reset")


def test_this_process_is_no_dead_owner() -> None:
    assert not is_orphan(owner())


def test_a_process_that_ended_is_a_dead_owner() -> None:
    program = "from runner.sandbox.reaper import owner; print(owner())"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert is_orphan(ended.stdout.strip())


def test_a_process_id_used_again_is_a_dead_owner() -> None:
    machine, pid, started = owner().split(":")
    assert is_orphan(f"{machine}:{pid}:{int(started) + 1}")


@pytest.mark.parametrize("label", ["", ":", "::", "x", "other-machine-1:1:1"])
def test_what_is_not_ours_to_judge_is_never_dead(label: str) -> None:
    assert not is_orphan(label)


@pytest.mark.parametrize("rest", ["", ":", ":1", "x:1", "-1:1", "²:1", "1:"])
def test_a_label_of_this_machine_that_makes_no_sense_is_never_dead(rest: str) -> None:
    assert not is_orphan(f"{owner().split(':')[0]}:{rest}")


def test_swap_is_no_way_past_the_memory_cap() -> None:
    settings = host_settings(Limits(memory_bytes=123_456_789))
    assert settings["mem_limit"] == settings["memswap_limit"] == 123_456_789


@pytest.mark.parametrize(
    ("memory", "work", "tmp"),
    [(96, 48, 24), (512, 256, 128), (1024, 512, 256), (65_536, 512, 256)],
)
def test_files_in_memory_leave_a_quarter_of_it(memory: int, work: int, tmp: int) -> None:
    mib = 1024 * 1024
    limits = Limits(memory_bytes=memory * mib)
    assert (limits.work_size, limits.tmp_size) == (work * mib, tmp * mib)
    places = host_settings(limits)["tmpfs"]
    assert isinstance(places, dict)
    assert f"size={work * mib}," in places["/work"]
    assert f"size={tmp * mib}," in places["/tmp"]


def test_a_file_system_in_memory_is_never_without_a_limit() -> None:
    limits = Limits(memory_bytes=1)
    assert min(limits.work_size, limits.tmp_size) > 0


def test_what_the_engine_says_of_itself_is_read() -> None:
    info = {
        "Runtimes": {"runsc": {}, "runc": {}},
        "MemoryLimit": True,
        "PidsLimit": False,
        "SecurityOptions": ["name=seccomp,profile=default", "name=apparmor"],
    }
    version = {"Version": "29.1.0", "Components": [{"Name": "runc", "Version": "1.3.3"}]}
    about = described("unix:///x", info, version)
    assert about.runtimes == ("runc", "runsc")
    assert about.limits_missing == ("PidsLimit",)
    assert about.security == ("seccomp", "apparmor")
    assert (about.version, about.runc_version) == ("29.1.0", "1.3.3")


def test_an_engine_that_says_nothing_of_itself_has_nothing() -> None:
    about = described("unix:///x", {}, {})
    assert (about.runtimes, about.limits_missing, about.security) == ((), (), ())
    assert (about.runc_version, about.cpus) == ("", 1)
