"""scripts/setup.sh on machines that lack something, played with stand-ins on PATH."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in_machine import DEBIAN, FEDORA, MINT, UBUNTU, Machine, install_python, machine_of


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Machine]:
    """A person's Debian with Python in place and no engine."""
    machine = machine_of(tmp_path, DEBIAN, uid=1000)
    install_python(machine)
    yield machine
    for pid in (tmp_path / "pids").iterdir():
        os.kill(int(pid.name), signal.SIGKILL)


def commands(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines a person is told to type."""
    return [line.strip() for line in result.stderr.splitlines() if line.startswith("    ")]


INSTALL = ["sudo apt-get update", "sudo apt-get install -y --no-install-recommends docker.io"]
START = "sudo systemctl enable --now docker"
JOIN = 'sudo usermod -aG docker "$USER" && newgrp docker'


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        (DEBIAN, [*INSTALL, START, JOIN]),
        (UBUNTU, [*INSTALL, START, JOIN]),
        (MINT, [*INSTALL, START, JOIN]),
        (FEDORA, ["sudo dnf install -y moby-engine", START, JOIN]),
        ("ID=arch\n", ["sudo pacman -S --noconfirm docker", START, JOIN]),
        ("ID=alpine\n", ["doas apk add docker", "doas rc-service docker start", JOIN]),
    ],
)
def test_without_an_engine_a_person_gets_the_exact_commands(
    play: Machine, os_release: str, expected: list[str]
) -> None:
    (play.folder / "os-release").write_text(os_release)
    play.noted("apt-get")
    result = play.setup()
    assert result.returncode == 3
    assert "no Docker engine answers" in result.stderr
    assert commands(result) == expected
    assert play.calls == []


def test_an_unknown_system_is_pointed_to_the_manual(play: Machine) -> None:
    (play.folder / "os-release").write_text("ID=plan9\n")
    result = play.setup()
    assert result.returncode == 3
    assert "docs.docker.com/engine/install" in commands(result)[0]


def test_root_elsewhere_than_on_debian_or_ubuntu_is_told_too(play: Machine) -> None:
    (play.folder / "os-release").write_text(FEDORA)
    play.command("id", "#!/bin/bash\necho 0\n")
    result = play.setup()
    assert result.returncode == 3
    assert commands(result) == ["dnf install -y moby-engine", START.removeprefix("sudo ")]


def test_an_engine_that_is_installed_only_has_to_be_started(play: Machine) -> None:
    play.noted("dockerd")
    assert commands(play.setup()) == [START, JOIN]
    assert play.calls == []


def test_on_a_mac_docker_desktop_is_named(play: Machine) -> None:
    play.command("uname", "#!/bin/bash\necho Darwin\n")
    (play.folder / "os-release").unlink()
    result = play.setup()
    assert result.returncode == 3
    assert commands(result)[-1] == "open -a Docker"


def test_an_engine_that_was_named_and_is_silent_is_never_replaced(play: Machine) -> None:
    play.command("id", "#!/bin/bash\necho 0\n")
    play.noted("apt-get")
    result = play.setup(DOCKER_HOST="tcp://127.0.0.1:1")
    assert result.returncode == 3
    assert "DOCKER_HOST" in result.stderr
    assert play.calls == []


def test_an_engine_that_is_too_old_is_refused(play: Machine) -> None:
    play.engine(api="1.40", version="19.03.15")
    with subprocess.Popen([play.folder / "bin" / "dockerd"]) as old:
        wait_for(play.socket)
        result = play.setup()
        old.kill()
    (play.folder / "pids" / str(old.pid)).unlink()
    assert result.returncode == 3
    assert "19.03.15" in result.stderr
    assert "20.10 is the oldest" in result.stderr


def wait_for(socket: Path) -> None:
    probe = f"until [ -S '{socket}' ]; do sleep 0.02; done"
    subprocess.run(["bash", "-c", probe], timeout=10, check=True)


@pytest.mark.parametrize("os_release", [DEBIAN, UBUNTU])
def test_root_on_debian_or_ubuntu_gets_an_engine_and_is_told(
    play: Machine, os_release: str
) -> None:
    (play.folder / "os-release").write_text(os_release)
    play.command("id", "#!/bin/bash\necho 0\n")
    play.noted("apt-cache")
    play.engine("waiting-dockerd")
    bin_folder = play.folder / "bin"
    play.noted("apt-get", f'mv "{bin_folder}/waiting-dockerd" "{bin_folder}/dockerd"')
    (bin_folder / "mv").symlink_to(str(shutil.which("mv")))
    play.noted("systemctl", "dockerd </dev/null >/dev/null 2>&1 &")  # where systemd runs
    first = play.setup()
    assert first.returncode == 0, first.stderr
    assert "installing docker.io" in first.stdout
    assert "starting the Docker engine" in first.stdout
    assert "Docker engine 20.10.24" in first.stdout
    assert [call for call in play.calls if "update" in call] == []
    again = play.setup()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_package_lists_are_fetched_when_the_package_is_not_known(play: Machine) -> None:
    play.command("id", "#!/bin/bash\necho 0\n")
    play.noted("apt-cache", "exit 100")
    play.noted("apt-get", 'case "$*" in *install*) echo cannot reach it; exit 100 ;; esac')
    result = play.setup()
    assert result.returncode == 3
    assert "could not install docker.io" in result.stderr
    assert "cannot reach it" in result.stderr
    gets = [call for call in play.calls if call.startswith("apt-get")]
    assert ["update" in call for call in gets] == [True, False]


def test_a_dockerd_that_dies_is_quoted(play: Machine) -> None:
    play.command("id", "#!/bin/bash\necho 0\n")
    said = "failed to start daemon: no overlay"
    play.noted("dockerd", f"echo {said}; exit 1")
    play.noted("systemctl", f"echo {said}; exit 1")
    play.noted("apt-get")
    result = play.setup()
    assert result.returncode == 3
    assert said in result.stderr
    assert "did not start" in result.stderr


# ---- Python -----------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """A person's Debian without Python."""
    return machine_of(tmp_path, DEBIAN, uid=1000)


def test_an_old_python_is_not_used(bare: Machine) -> None:
    bare.command("python3", "#!/bin/bash\nexit 1\n")
    result = bare.setup()
    assert result.returncode == 3
    assert "Python 3.11 or newer" in result.stderr
    assert commands(result) == ["sudo apt-get install python3.11 python3.11-venv"]
    assert not (bare.project / ".venv").exists()


WITHOUT_VENV = '#!/bin/bash\ncase "$2" in *version_info*) exit 0 ;; *) exit 1 ;; esac\n'


@pytest.mark.parametrize(
    ("python", "package"), [("python3", "python3-venv"), ("python3.12", "python3.12-venv")]
)
def test_a_python_without_venv_asks_for_debians_package(
    bare: Machine, python: str, package: str
) -> None:
    bare.command(python, WITHOUT_VENV)
    result = bare.setup()
    assert result.returncode == 3
    assert commands(result) == [f"sudo apt-get install {package}"]


def test_what_pip_says_is_shown_when_it_fails(bare: Machine) -> None:
    pip = "#!/bin/bash\ncase $* in *install*) echo 'no index here'; exit 1 ;; esac\n"
    make = f"mkdir -p .venv/bin; cp '{bare.folder}/pip' .venv/bin/python"
    (bare.folder / "pip").write_text(pip)
    (bare.folder / "pip").chmod(0o755)
    (bare.folder / "bin" / "cp").symlink_to(str(shutil.which("cp")))
    bare.command("python3", f'#!/bin/bash\ncase "$*" in *"-m venv"*) {make} ;; esac\n')
    result = bare.setup()
    assert result.returncode == 3
    assert "no index here" in result.stderr
    assert not (bare.project / ".venv" / ".installed").exists()
    assert "making .venv" in bare.setup().stdout  # never built upon what was left half done


def test_a_word_it_does_not_know_is_wrong_usage(bare: Machine) -> None:
    assert bare.setup("everything").returncode == 2
