"""Write `requirements.lock` from pyproject.toml, or check it without a network.

    .venv/bin/python scripts/lock.py            lock, keeping pins that still fit
    .venv/bin/python scripts/lock.py --upgrade  lock the newest of everything
    .venv/bin/python scripts/lock.py --check    exit 1, saying why, when the lock does not fit

The lock holds names, versions and SHA-256 sums of wheels only, never a server's address. pip
resolves once, on the oldest supported Python (it reads markers of the Python it runs on, and
older ones need the most); then it is asked for the wheel of each pin on every target below,
so a lock that was written is known to install on all of them.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from importlib import metadata
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LINUX = tuple(range(36, 4, -1))  # glibc 2.36 is Debian 12's
PLATFORMS = {
    "linux x86_64": tuple(f"manylinux_2_{minor}_x86_64" for minor in LINUX),
    "linux aarch64": tuple(f"manylinux_2_{minor}_aarch64" for minor in LINUX),
    "darwin arm64": tuple(f"macosx_{major}_0_arm64" for major in range(15, 10, -1)),
}
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s\\;]+) \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
HEADER = "# Written by `make lock` from pyproject.toml; not to be edited.\n"

Pins = dict[str, str]


def wanted() -> tuple[Requirement, ...]:
    """What the project asks for: to run, with every extra, to develop and to build itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (
        *project["project"]["dependencies"],
        *chain.from_iterable(project["project"]["optional-dependencies"].values()),
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    )
    return tuple(Requirement(line) for line in lines)


def read_lock(text: str) -> tuple[Pins, tuple[str, ...]]:
    """Pins of a lock, and the lines that are neither pin, hash nor comment."""
    pins: Pins = {}
    strange = []
    for line in text.splitlines():
        if match := PIN.match(line):
            pins[canonicalize_name(match["name"])] = match["version"]
        elif line and not line.startswith("#") and not HASH.match(line):
            strange.append(line)
    return pins, tuple(strange)


def ask_pip(requirements: Sequence[str], *options: str) -> Iterator[tuple[str, str, str]]:
    """Name, version and SHA-256 of the wheels pip would install; raises on pip's refusal."""
    with tempfile.TemporaryDirectory() as folder:
        wishes = Path(folder) / "wishes.txt"
        report = Path(folder) / "report.json"
        wishes.write_text("\n".join(requirements), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
        command += ["--quiet", "--dry-run", "--ignore-installed", "--only-binary", ":all:"]
        command += ["--report", str(report), "--requirement", str(wishes), *options]
        subprocess.run(command, check=True)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    for item in found:
        about = item["metadata"]
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        yield canonicalize_name(about["name"]), about["version"], digest


def resolve(keep: Pins) -> Pins:
    """The pins that fit together; `keep` holds those that should stay."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "keep.txt"
        constraints.write_text("".join(f"{n}=={v}\n" for n, v in keep.items()), encoding="utf-8")
        found = ask_pip([str(need) for need in wanted()], "--constraint", str(constraints))
        return {name: version for name, version, _ in found}


def write_lock(keep: Pins) -> None:
    """Resolve, collect the hashes of every target and write the lock."""
    pins = resolve(keep)
    hashes: dict[str, set[str]] = {name: set() for name in pins}
    for label, tags in PLATFORMS.items():
        options = ["--no-deps", "--target", str(ROOT / ".cache" / "never")]
        options += [part for tag in tags for part in ("--platform", tag)]
        for python in PYTHONS:
            print(f"wheels for {label}, Python {python}", flush=True)
            wishes = [f"{name}=={version}" for name, version in pins.items()]
            for name, _, digest in ask_pip(wishes, *options, "--python-version", python):
                hashes[name].add(digest)
    blocks = []
    for name in sorted(pins):
        lines = [f"{name}=={pins[name]}", *(f"    --hash=sha256:{h}" for h in sorted(hashes[name]))]
        blocks.append(" \\\n".join(lines) + "\n")
    LOCK.write_text(HEADER + "".join(blocks), encoding="utf-8")
    print(f"{LOCK.name}: {len(pins)} packages, {sum(map(len, hashes.values()))} wheels")


def needs_of(name: str) -> Iterator[Requirement]:
    """What an installed package needs on any target, without its own extras' needs."""
    for line in metadata.requires(name) or ():
        need = Requirement(line)
        for python in PYTHONS:
            for label in PLATFORMS:
                system, machine = label.split()
                target = {"python_version": python, "python_full_version": f"{python}.0"}
                target |= {"sys_platform": system, "platform_machine": machine, "extra": ""}
                target |= {"platform_system": system.capitalize()}
                if need.marker is None or need.marker.evaluate(target):
                    yield need


def faults() -> list[str]:
    """Everything that is wrong with the lock, or with what is installed from it."""
    pins, strange = read_lock(LOCK.read_text(encoding="utf-8"))
    said = [f"a line that is neither pin nor hash: {line}" for line in strange]
    installed: Pins = {
        canonicalize_name(each.metadata["Name"]): each.version for each in metadata.distributions()
    }
    said += [
        f"{name} is locked to {version} but {installed.get(name, 'nothing')} is installed"
        for name, version in pins.items()
        if installed.get(name) != version
    ]
    needs = [("pyproject.toml", need) for need in wanted()]
    needs += [(name, need) for name in pins if name in installed for need in needs_of(name)]
    for asker, need in needs:
        version = pins.get(canonicalize_name(need.name))
        if version is None:
            said.append(f"{asker} needs {need.name}, which is not locked")
        elif not need.specifier.contains(version, prereleases=True):
            said.append(f"{asker} needs {need.name}{need.specifier}; {version} is locked")
    return sorted(set(said))


def main() -> int:
    """Do what the command line says; 1 when a check fails."""
    parser = argparse.ArgumentParser(description="Write or check requirements.lock.")
    parser.add_argument("--check", action="store_true", help="check only, without a network")
    parser.add_argument("--upgrade", action="store_true", help="lock the newest of everything")
    options = parser.parse_args()
    if options.check:
        said = faults()
        for line in said:
            print(f"requirements.lock: {line}", file=sys.stderr)
        if said:
            print("mend it with: make lock, then make setup", file=sys.stderr)
        return 1 if said else 0
    if sys.version_info[:2] != (3, 11):
        print("lock with Python 3.11, the oldest that is supported", file=sys.stderr)
        return 1
    held = LOCK.exists() and not options.upgrade
    write_lock(read_lock(LOCK.read_text(encoding="utf-8"))[0] if held else {})
    return 0


if __name__ == "__main__":
    sys.exit(main())
