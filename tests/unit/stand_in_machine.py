"""A folder that stands for a machine: stand-ins on PATH, an engine that only tells its version."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = """
    bash cat cksum dirname env flock grep head ls mkdir rm sed setsid sleep tail touch
"""

NEEDED = (
    "scripts/setup.sh",
    "scripts/setup_docker.sh",
    "scripts/engine.py",
    "requirements.lock",
    "pyproject.toml",
)

DEBIAN = "ID=debian\n"
UBUNTU = "ID=ubuntu\nID_LIKE=debian\n"
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'
FEDORA = "ID=fedora\n"

# Answers GET /version on the socket given as its argument, as an engine does.
ENGINE = """#!{python} -IS
import os, socket, sys
from pathlib import Path
Path("{pids}", str(os.getpid())).touch()
door = socket.socket(socket.AF_UNIX)
door.bind("{socket}")
door.listen()
while True:
    guest, _ = door.accept()
    guest.recv(4096)
    body = b'{{"ApiVersion": "{api}", "Version": "{version}"}}'
    guest.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
    guest.close()
"""


@dataclass(frozen=True)
class Machine:
    """A folder that stands for a machine with the project on it."""

    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "engine.sock"

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def command(self, name: str, script: str) -> None:
        """Put a stand-in on PATH; every call of it is noted."""
        path = self.folder / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(script)
        path.chmod(0o755)

    def noted(self, name: str, then: str = "") -> None:
        note = f'#!/bin/bash\necho "{name} $*" >>"{self.folder}/calls"\n{then}\n'
        self.command(name, note)

    def engine(self, name: str = "dockerd", api: str = "1.41", version: str = "20.10.24") -> None:
        """A dockerd that works."""
        pids = self.folder / "pids"
        text = ENGINE.format(
            python=sys.executable, pids=pids, socket=self.socket, api=api, version=version
        )
        self.command(name, text)

    @property
    def calls(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def setup(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.folder / "bin"),
            "HOME": str(self.folder),
            "SETUP_OS_RELEASE": str(self.folder / "os-release"),
            "SETUP_SOCKET": str(self.socket),
            **variables,
        }
        return subprocess.run(
            [self.project / "scripts" / "setup.sh", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )


def machine_of(folder: Path, os_release: str, uid: int) -> Machine:
    machine = Machine(folder)
    for name in ("bin", "pids", "project/scripts"):
        (folder / name).mkdir(parents=True)
    for name in NEEDED:
        shutil.copy(ROOT / name, machine.project / name)
    for tool in TOOLS.split():
        found = shutil.which(tool)
        assert found, f"{tool} is needed to play a machine"
        (folder / "bin" / tool).symlink_to(found)
    (folder / "os-release").write_text(os_release)
    machine.command("id", f"#!/bin/bash\necho {uid}\n")
    machine.command("uname", "#!/bin/bash\necho Linux\n")
    return machine


def install_python(machine: Machine) -> None:
    """What `setup.sh python` leaves behind when it has worked."""
    venv = machine.project / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "bin" / "runner").touch(mode=0o755)
    sums = "pwd; cksum requirements.lock pyproject.toml"
    stamp = subprocess.check_output(["bash", "-c", sums], cwd=machine.project)
    (venv / ".installed").write_bytes(stamp)
