"""A pytest plugin: the controller tells the judge what happened to every test, line by line.

Loaded with `-p runner_harness.witness`; RUNNER_GATE names the socket on which the judge's
collector waits. It is reached before any worker starts, so before any code of the repository
runs; from then on nobody else can connect. A line is a JSON list: `hello` first, then `test`
for each phase of a test, `text` for why it failed, `uncollected`, and `end` with pytest's exit
code and the count of lines before it.
"""

import ctypes
import json
import os
import socket
import sys
import time
import warnings
from typing import Any

import pytest
import xdist.workermanage

GATE_WAIT_S = 60.0
TEXTS = 20
TEXT_CHARS = 1_500
_PR_SET_DUMPABLE = 4


class Witness:
    """Sends each event when it arrives; a broken line ends the run."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._count = 0
        self._texts = 0
        self.say("hello")

    def say(self, what: str, *parts: object) -> None:
        """Send one line."""
        self._line.sendall(json.dumps([what, *parts]).encode("ascii") + b"\n")
        self._count += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module was not collected (each worker says so)."""
        if report.failed:
            self.say("uncollected", str(report.nodeid))
            self._tell_why(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Set-up, call or tear-down of a test."""
        self.say("test", str(report.nodeid), str(report.when), str(report.outcome))
        if report.failed:
            self._tell_why(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The last line."""
        self.say("end", int(exitstatus), self._count)

    def _tell_why(self, report: Any) -> None:
        if self._texts < TEXTS:
            self._texts += 1
            self.say("text", str(report.nodeid), str(report.longreprtext)[-TEXT_CHARS:])


def pytest_configure(config: pytest.Config) -> None:
    """Bear witness where all reports arrive: in the controller, never in a worker."""
    if not hasattr(config, "workerinput"):
        seal(str(config.rootpath))
        line = connected(os.environ["RUNNER_GATE"], GATE_WAIT_S)
        config.pluginmanager.register(Witness(line), "runner-witness")


def seal(root: str) -> None:
    """Put this process out of the reach of others of its user, and of what workers send it."""
    # Its memory and its open files, the line to the judge among them, now belong to root.
    if ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError("the controller cannot be sealed")
    # xdist would import whatever module a worker names as that of a warning, and call it.
    xdist.workermanage.unserialize_warning_message = plain_warning
    sys.path[:] = [place for place in sys.path if place != root]


def plain_warning(data: dict[str, Any]) -> warnings.WarningMessage:
    """A worker's warning as text, whatever class it says it has."""
    said = Warning(str(data.get("message_str"))[:TEXT_CHARS])
    return warnings.WarningMessage(said, Warning, "unknown", 0)


def connected(gate: str, wait_s: float) -> socket.socket:
    """A line to the judge's collector, which may still be starting."""
    deadline = time.monotonic() + wait_s
    while True:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(gate)
            return line
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
