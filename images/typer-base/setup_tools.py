"""Run once while the image is built, as root: makes the tools start fast and find the tree."""

import compileall
import py_compile
import subprocess
import sysconfig
from pathlib import Path

VENV = Path("/opt/venv")
PROGRAMS = Path("/opt/runner")
REPOSITORY = "/work/repo"


def main() -> None:
    site = Path(sysconfig.get_path("purelib", vars={"base": str(VENV), "platbase": str(VENV)}))
    # The harness first: nothing in the repository may take its name.
    (site / "trial.pth").write_text(f"{PROGRAMS}\n{REPOSITORY}\n", encoding="utf-8")
    # The standard library's byte code is checked by time stamp, ours not at all: these files
    # cannot change, and a stat saved on each import adds up over five hundred processes.
    compileall.compile_dir(sysconfig.get_path("stdlib"), quiet=2)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for folder in (VENV, PROGRAMS):
        compileall.compile_dir(folder, quiet=2, invalidation_mode=unchecked)
    _rewrite_plugins()


def _rewrite_plugins() -> None:
    # pytest keeps byte code of its own for plugins; it is made by using them once.
    empty = Path("/tmp/empty")
    empty.mkdir()
    (empty / "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
    for plugins in (
        ["-p", "xdist", "-p", "runner_harness.record", "-p", "runner_harness.children"],
        [],
    ):
        command = [str(VENV / "bin/python"), "-m", "pytest", "-q", "-n", "1", *plugins]
        subprocess.run(command, cwd=empty, check=True, stdout=subprocess.DEVNULL)
    for path in sorted(empty.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    empty.rmdir()


if __name__ == "__main__":
    main()
