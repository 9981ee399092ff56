"""Starts mypy, ruff and pytest and collects their machine-readable output."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner_harness import report
from runner_harness.report import ToolRun

PYTHON = "/opt/venv/bin/python"
RUFF = "/opt/venv/bin/ruff"
RUFF_PATHS = ("typer", "tests", "docs_src", "scripts")
WORKERS = 2


@dataclass(frozen=True)
class Plan:
    """How to run the tools: over which tree, with whose configuration.

    `config` is a folder with a `pyproject.toml` that replaces the tree's; then no cache and
    no `conftest.py` of the tree is used either. `quick` only collects the tests.
    """

    root: Path
    config: Path | None = None
    quick: bool = False


def run_tools(plan: Plan) -> dict[str, Any]:
    """Run all tools side by side and give the whole report."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="harness-") as scratch, ThreadPoolExecutor(4) as pool:
        started: dict[str, Future[ToolRun]] = {
            "mypy": pool.submit(_run, mypy_command(plan), plan.root),
            "ruff_check": pool.submit(_run, ruff_command(plan), plan.root),
            "ruff_format": pool.submit(_run, format_command(plan), plan.root),
            "pytest": pool.submit(_run_pytest, plan, Path(scratch) / "record.json"),
        }
        runs = {name: future.result() for name, future in started.items()}
    return report.whole_report(parts_of(runs), time.monotonic() - begin)


def parts_of(runs: dict[str, ToolRun]) -> dict[str, dict[str, Any]]:
    """Each tool's part of the report."""
    return {
        "mypy": report.mypy_part(runs["mypy"]),
        "ruff_check": report.ruff_part(runs["ruff_check"]),
        "ruff_format": report.format_part(runs["ruff_format"]),
        "pytest": report.pytest_part(runs["pytest"]),
    }


def mypy_command(plan: Plan) -> list[str]:
    command = [PYTHON, "-I", "-m", "mypy", "-O", "json"]
    if plan.config is not None:
        command += [f"--config-file={plan.config / 'pyproject.toml'}", "--cache-dir=/dev/null"]
    return [*command, "typer"]


def ruff_command(plan: Plan) -> list[str]:
    return [RUFF, "check", "--output-format=json", *_ruff_options(plan), *RUFF_PATHS]


def format_command(plan: Plan) -> list[str]:
    return [RUFF, "format", "--check", "--quiet", *_ruff_options(plan), *RUFF_PATHS]


def _ruff_options(plan: Plan) -> list[str]:
    if plan.config is None:
        return []
    config = plan.config / "pyproject.toml"
    return [f"--config={config}", "--no-cache", "--no-respect-gitignore"]


def pytest_command(plan: Plan) -> list[str]:
    command = [PYTHON, "-P", "-m", "pytest", "-q", "-p", "runner_harness.record"]
    command += ["-p", "no:cacheprovider"]
    if plan.config is not None:
        command += ["-c", str(plan.config / "pyproject.toml"), f"--rootdir={plan.root}"]
        command += ["--noconftest"]
    if plan.quick:
        return [*command, "--collect-only"]
    return [*command, "-p", "xdist", f"--numprocesses={WORKERS}", "-p", "runner_harness.children"]


def _run_pytest(plan: Plan, record: Path) -> ToolRun:
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "RUNNER_RECORD": str(record)}
    run = _run(pytest_command(plan), plan.root, env)
    return with_record(run, record)


def with_record(run: ToolRun, record: Path) -> ToolRun:
    """`run` with what the recording plugin wrote, if it came to that."""
    document: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        document = json.loads(record.read_text(encoding="utf-8"))
    return ToolRun(run.exit, run.stdout, run.stderr, run.seconds, document)


def _run(command: Sequence[str], root: Path, env: dict[str, str] | None = None) -> ToolRun:
    begin = time.monotonic()
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
    done = subprocess.run(
        command,
        cwd=root,
        env={**clean, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    return ToolRun(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)
