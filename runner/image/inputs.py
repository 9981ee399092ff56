"""What goes into the images, fetched on the host by hash with the host's own pip.

Where packages come from is pip's business (its configuration and environment); which bytes are
accepted is ours: every file is checked against the locks again after pip is done.
"""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.errors import EnvironmentProblem

Say = Callable[[str], None]

SDIST_LOCK = "sdist.lock"
BACKEND_LOCK = "sdist-backend.lock"
WHEELS_LOCK = "requirements.lock"

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_MANYLINUX = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_5", "manylinux1")


@dataclass(frozen=True)
class Inputs:
    """Files on disk that were just checked: the source distribution and the tools' wheels."""

    sdist: Path
    wheels: tuple[Path, ...]


@dataclass(frozen=True)
class Requirement:
    """One line of a lock: a pinned package and the sha256 (hex) its file may have."""

    name: str
    version: str
    hashes: frozenset[str]


def fetch_inputs(locks: Path, cache: Path, architecture: str, say: Say) -> Inputs:
    """Make sure every input is in `cache`, downloading what is not; quick when all is there.

    Args:
        locks: the folder that holds the three lock files.
        cache: a folder of ours; files of each architecture live apart.
        architecture: `amd64` or `arm64`, the image's, not the host's.
        say: told one line for each download.

    Raises:
        EnvironmentProblem: pip could not fetch a file, or a file has another hash than the lock.
    """
    wheels = parse_lock(locks / WHEELS_LOCK)
    sdist = parse_lock(locks / SDIST_LOCK)
    wheel_folder = cache / "inputs" / f"wheels-{architecture}"
    sdist_folder = cache / "inputs" / "sdist"
    if missing_inputs(wheels, wheel_folder):
        say(f"fetching {len(wheels)} wheels for {architecture} by hash")
        _pip_download(wheel_arguments(locks / WHEELS_LOCK, architecture), wheel_folder)
    if missing_inputs(sdist, sdist_folder):
        name = next(iter(sdist.values()))
        say(f"fetching the source distribution of {name.name} {name.version} by hash")
        _fetch_sdist(locks, sdist_folder, cache / "inputs" / "sdist-backend")
    wheel_files = check_inputs(wheels, wheel_folder)
    return Inputs(sdist=check_inputs(sdist, sdist_folder)[0], wheels=wheel_files)


def parse_lock(path: Path) -> dict[str, Requirement]:
    """The requirements of a lock file by normalized name.

    Raises:
        EnvironmentProblem: the file is missing or a line pins no version and hash.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EnvironmentProblem(
            f"{path}: cannot be read: {error.strerror}; restore it from version control"
        ) from error
    found = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pin = re.match(r"([A-Za-z0-9._-]+)==(\S+)", line)
        hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line))
        if pin is None or not hashes:
            raise EnvironmentProblem(
                f"{path}: no version or no sha256 in {line.strip()!r}; restore the file from "
                "version control"
            )
        name = _normalized(pin[1])
        found[name] = Requirement(name, pin[2], hashes)
    return found


def missing_inputs(wanted: Mapping[str, Requirement], folder: Path) -> tuple[str, ...]:
    """Names of requirements that have no file in `folder` (hashes are not looked at)."""
    present = {_package_of(path) for path in _files(folder)}
    return tuple(name for name in wanted if name not in present)


def check_inputs(wanted: Mapping[str, Requirement], folder: Path) -> tuple[Path, ...]:
    """The file of each requirement, its sha256 checked; files of no requirement are left out.

    Raises:
        EnvironmentProblem: a file is missing or its hash is not in the lock.
    """
    files = {_package_of(path): path for path in _files(folder)}
    for name, requirement in wanted.items():
        if name not in files:
            raise EnvironmentProblem(
                f"{folder}: no file of {name} {requirement.version}; run `make image` again"
            )
        found = hashlib.sha256(files[name].read_bytes()).hexdigest()
        if found not in requirement.hashes:
            raise EnvironmentProblem(
                f"{files[name]}: sha256 {found} is not the lock's for {name} "
                f"{requirement.version}; delete the file and run `make image` again"
            )
    return tuple(files[name] for name in sorted(wanted))


def wheel_arguments(lock: Path, architecture: str) -> list[str]:
    """pip's arguments that choose wheels for CPython 3.11 on manylinux, whatever the host is.

    Raises:
        EnvironmentProblem: the architecture is neither `amd64` nor `arm64`.
    """
    if architecture not in _MACHINES:
        raise EnvironmentProblem(
            f"the engine's machine is '{architecture}'; images are built for "
            f"{' and '.join(_MACHINES)} only: point DOCKER_HOST at such a machine"
        )
    arguments = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp"]
    arguments += ["--abi=cp311", "--abi=abi3", "--abi=none"]
    arguments += [f"--platform={kind}_{_MACHINES[architecture]}" for kind in _MANYLINUX]
    return [*arguments, "--no-deps", f"--requirement={lock}"]


def _fetch_sdist(locks: Path, folder: Path, backend: Path) -> None:
    # pip asks a source distribution's build backend for its metadata even when it only
    # downloads. In an isolated build pip would fetch whatever backend is newest, by no hash;
    # so the locked one is put on the path and isolation turned off.
    install = ["install", "--require-hashes", "--no-deps", "--only-binary=:all:", "--upgrade"]
    install += ["--no-compile", f"--target={backend}", f"--requirement={locks / BACKEND_LOCK}"]
    _pip(install)
    arguments = ["--no-binary=:all:", "--no-build-isolation", "--no-deps"]
    _pip_download([*arguments, f"--requirement={locks / SDIST_LOCK}"], folder, path=backend)


def _pip_download(arguments: list[str], folder: Path, path: Path | None = None) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder}: cannot be made: {error.strerror}; set RUNNER_CACHE to a writable folder"
        ) from error
    _pip(["download", "--require-hashes", f"--dest={folder}", *arguments], path)


def _pip(arguments: list[str], path: Path | None = None) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    environment = dict(os.environ)
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        errors = [line for line in lines if "ERROR" in line] or lines or ["(it said nothing)"]
        raise EnvironmentProblem(
            "pip could not fetch the image's inputs: "
            + " | ".join(line.strip() for line in errors[-4:])
            + "\nFix: give pip an index it can reach (`pip config list` shows what it uses; "
            "PIP_INDEX_URL, PIP_FIND_LINKS and PIP_CERT set it), then run `make image` again."
        )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())


def _package_of(path: Path) -> str:
    if path.name.endswith(".whl"):
        return _normalized(path.name.split("-")[0])
    return _normalized(path.name.removesuffix(".tar.gz").rpartition("-")[0])


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
