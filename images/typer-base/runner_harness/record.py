"""A pytest plugin that writes what happened to every test as JSON, for programs to read.

Loaded with `-p runner_harness.record`; RUNNER_RECORD names the file. Under xdist only the
controller writes: all reports come to it.
"""

import json
import os
from pathlib import Path

import pytest

FAILURE_CHARS = 4_000


class Recorder:
    """Collects outcomes while pytest runs and writes them when the session ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tests: dict[str, str] = {}
        self.not_collected: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        self.collected: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module (or more) was collected, or not."""
        # Each worker reports the same module; a module counts once.
        if report.failed:
            self.not_collected.setdefault(report.nodeid, report.longreprtext[-FAILURE_CHARS:])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Which tests there are; the controller of workers sees none."""
        self.collected = [item.nodeid for item in session.items]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Set-up, call and tear-down of a test: the worst of them counts."""
        before = self.tests.get(report.nodeid)
        if report.failed:
            self.tests[report.nodeid] = "failed"
            self.failures.setdefault(report.nodeid, report.longreprtext[-FAILURE_CHARS:])
        elif report.skipped and before != "failed":
            self.tests[report.nodeid] = "skipped"
        elif report.when == "call" and before is None:
            self.tests[report.nodeid] = "passed"

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write it all."""
        document = {
            "exit": int(exitstatus),
            "tests": self.tests,
            "not_collected": self.not_collected,
            "failures": self.failures,
            "collected": self.collected,
        }
        self.path.write_text(json.dumps(document), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Record where all reports arrive: in the controller, or in the only process."""
    target = os.environ.get("RUNNER_RECORD")
    if target and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(target)), "runner-record")
