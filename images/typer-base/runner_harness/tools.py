"""Starts mypy, ruff and pytest and collects their machine-readable output."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner_harness import report
from runner_harness.report import ToolRun

VENV = Path("/opt/venv/bin")
PYTHON = str(VENV / "python")
RUFF = str(VENV / "ruff")
RUFF_PATHS = ("typer", "tests", "docs_src", "scripts")
WORKERS = 2

# Some tests ask which shell they run under, by their ancestors' names: here it is always bash,
# whoever starts the harness. `exit` keeps bash from giving its place to pytest.
UNDER_BASH = ("/bin/bash", "--noprofile", "--norc", "-c", '"$@"; exit $?', "bash")

# Options a person left in the environment would change what is judged.
_DROPPED = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "MYPYPATH", "RUFF_CONFIG", "RUFF_OUTPUT_FORMAT")


@dataclass(frozen=True)
class Plan:
    """How to run the tools, and over which tree.

    `config` is a folder whose `pyproject.toml` replaces the tree's: the judge's way, which also
    trusts no cache of the tree. `quick` only collects the tests. `plain`
    is the ordinary way: one tool after the other, nothing warm, every child a real one.
    """

    root: Path
    config: Path | None = None
    quick: bool = False
    plain: bool = False


def run_tools(plan: Plan) -> dict[str, Any]:
    """Run all tools and give the whole report (see `runner_harness.report`)."""
    with tempfile.TemporaryDirectory(prefix="harness-") as scratch:
        steps = _steps(plan, Path(scratch))
        if plan.plain:
            _forget_byte_code(plan.root)
        begin = time.monotonic()
        with ThreadPoolExecutor(1 if plan.plain else len(steps)) as pool:
            started = {name: pool.submit(step) for name, step in steps.items()}
            runs = {name: future.result() for name, future in started.items()}
        return report.whole_report(parts_of(runs), time.monotonic() - begin)


def parts_of(runs: Mapping[str, ToolRun]) -> dict[str, dict[str, Any]]:
    """Each tool's part of the report."""
    readers = {
        "mypy": report.mypy_part,
        "ruff_check": report.ruff_part,
        "ruff_format": report.format_part,
        "pytest": report.pytest_part,
    }
    return {name: readers[name](run) for name, run in runs.items()}


def mypy_command(plan: Plan) -> list[str]:
    """mypy over the package, one JSON object a finding."""
    return [PYTHON, "-I", "-m", "mypy", *mypy_arguments(plan)]


def mypy_arguments(plan: Plan) -> list[str]:
    """What mypy is told, however it is started."""
    given = ["-O", "json"]
    if plan.config is not None:
        given += [f"--config-file={plan.config / 'pyproject.toml'}", "--cache-dir=/dev/null"]
    return [*given, "typer"]


def ruff_command(plan: Plan) -> list[str]:
    """ruff's linter, one JSON list of findings."""
    return [RUFF, "check", "--output-format=json", *_ruff_options(plan), *RUFF_PATHS]


def format_command(plan: Plan) -> list[str]:
    """ruff's formatter, which changes nothing and says by its exit code whether it would."""
    return [RUFF, "format", "--check", "--quiet", *_ruff_options(plan), *RUFF_PATHS]


def pytest_command(plan: Plan) -> list[str]:
    """pytest with the recording plugin; the other plugins are the same in all our ways."""
    if plan.plain:
        command = [str(VENV / "pytest"), "-q", "--no-cov", "-n", "auto"]
        return [*command, "-p", "runner_harness.record"]
    command = [PYTHON, "-P", "-m", "pytest", "-q", "--tb=short"]
    command += ["-p", "no:cacheprovider", "-p", "runner_harness.record"]
    if plan.quick:
        return [*command, "--collect-only"]
    workers = ["-p", "xdist", f"--numprocesses={WORKERS}", "-p", "runner_harness.children"]
    return [*command, *workers]


def _ruff_options(plan: Plan) -> list[str]:
    if plan.config is None:
        return []
    config = plan.config / "pyproject.toml"
    return [f"--config={config}", "--no-cache", "--no-respect-gitignore"]


def _steps(plan: Plan, scratch: Path) -> dict[str, Callable[[], ToolRun]]:
    caches = {"MYPY_CACHE_DIR": str(scratch / "mypy"), "RUFF_CACHE_DIR": str(scratch / "ruff")}
    env = caches if plan.plain else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env["RUNNER_RECORD"] = str(scratch / "record.json")
    steps = {
        "mypy": lambda: ran(mypy_command(plan), plan.root, env),
        "ruff_check": lambda: ran(ruff_command(plan), plan.root, env),
        "pytest": lambda: _run_pytest(plan, env),
    }
    if not plan.plain:
        steps["ruff_format"] = lambda: ran(format_command(plan), plan.root, env)
    return steps


def _run_pytest(plan: Plan, env: Mapping[str, str]) -> ToolRun:
    """pytest, and what the recording plugin wrote, if it came to that."""
    run = ran([*UNDER_BASH, *pytest_command(plan)], plan.root, env)
    document: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        document = json.loads(Path(env["RUNNER_RECORD"]).read_text(encoding="utf-8"))
    return replace(run, record=document)


def ran(command: Sequence[str], root: Path, env: Mapping[str, str]) -> ToolRun:
    """Run one tool to its end."""
    begin = time.monotonic()
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    done = subprocess.run(
        command,
        cwd=root,
        env={**kept, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    return ToolRun(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


def _forget_byte_code(root: Path) -> None:
    for folder in sorted(root.rglob("__pycache__")):
        shutil.rmtree(folder, ignore_errors=True)
