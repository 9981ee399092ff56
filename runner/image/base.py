"""The base image: Debian bookworm with Python 3.11 and git, given or bootstrapped."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from runner.errors import EnvironmentProblem
from runner.image.engine import (
    architecture,
    import_image,
    pull_image,
    run_once,
    stored_image,
)
from runner.sandbox.engine import Engine

Say = Callable[[str], None]

SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "git", "ca-certificates")
_CHECK = (
    "python3 -c 'import sys, venv, ensurepip; print(\"%d.%d\" % sys.version_info[:2])' "
    "&& git --version && tar --version | head -n 1"
)


def base_reference(base_image: str | None, machine: str) -> str:
    """The name of the base: `base_image` when one is given, else the bootstrapped one's."""
    return base_image or f"runner/base:{SUITE}-{machine}"


def ensure_base(engine: Engine, base_image: str | None, say: Say) -> str:
    """Make sure the engine has the base; gives its image id.

    Raises:
        EnvironmentProblem: the given base cannot be pulled or lacks Python 3.11 or git, or
            none was given and the machine cannot bootstrap one; the message names the fix.
    """
    machine = architecture(engine)
    reference = base_reference(base_image, machine)
    stored = stored_image(engine, reference)
    if stored is None:
        if base_image is None:
            _bootstrap(engine, reference, machine, say)
        else:
            say(f"pulling the base image {reference}")
            pull_image(engine, reference)
        stored = stored_image(engine, reference)
        if stored is None:
            raise EnvironmentProblem(f"{reference}: the engine took it but does not show it")
    if base_image is not None:
        _check_base(engine, reference)
    return stored.id


def _check_base(engine: Engine, reference: str) -> None:
    code, output = run_once(engine, reference, ["/bin/sh", "-c", _CHECK])
    if code != 0 or not output.startswith("3.11\n"):
        raise EnvironmentProblem(
            f"BASE_IMAGE={reference} has no Python 3.11 (with venv), git and tar: "
            f"{output.strip()[-300:] or 'no output'}\nFix: name an image that has them, or "
            "unset BASE_IMAGE to bootstrap one from Debian's packages."
        )


def _bootstrap(engine: Engine, reference: str, machine: str, say: Say) -> None:
    if shutil.which("mmdebstrap") is None:
        _install_mmdebstrap(say)
    say(f"bootstrapping {reference} from Debian's packages (about a minute, once)")
    with tempfile.TemporaryDirectory(prefix="runner-base-") as folder:
        archive = Path(folder) / "base.tar"
        command = [
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={machine}"),
            *(f"--include={','.join(PACKAGES)}", SUITE, str(archive)),
        ]
        _run(command, "Debian's packages could not be fetched or unpacked")
        say(f"importing {archive.stat().st_size / 1e6:.0f} MB")
        import_image(engine, archive, reference)


def _install_mmdebstrap(say: Say) -> None:
    commands = (("apt-get", "update", "-q"), ("apt-get", "install", "-q", "-y", "mmdebstrap"))
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        typed = "\n".join(f"  sudo {' '.join(command)}" for command in commands)
        raise EnvironmentProblem(
            "there is no base image yet and no mmdebstrap to make one. Fix, one of:\n"
            f"{typed}\n  make image BASE_IMAGE=python:3.11-bookworm   (where a registry answers)"
        )
    say("installing mmdebstrap with apt-get (needed once, to make the base image)")
    for command in commands:
        _run(command, "mmdebstrap could not be installed")


def _run(command: Sequence[str], problem: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise EnvironmentProblem(
            f"{problem}: {' '.join(command)} exited with {done.returncode}:\n{tail}\n"
            "Fix: check that apt's mirror can be reached, or give BASE_IMAGE."
        )
