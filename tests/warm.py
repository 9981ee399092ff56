"""Many `runner` commands one after the other, each a process, none waiting for imports."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from commandline import ROOT
from fast_image import TASKS

FOREIGN = ("ANTHROPIC", "OLLAMA", "RUNNER_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy")
WAIT_S = 120.0
# Most commands need no database, and do without one: half of their time would go into it.
NO_DATABASE = "/dev/null/none.duckdb"


@dataclass
class Command:
    """One command; `code` is its exit code once it has ended, negative for a signal."""

    warm: "Warm"
    pid: int
    out: Path
    code: int | None = None

    def poll(self) -> int | None:
        if self.code is None:
            self.code = self.warm.ask({"poll": self.pid})["code"]
        return self.code

    def wait(self, seconds: float = WAIT_S) -> int:
        """Its exit code; fails with its output when it does not end in time."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, f"still running after {seconds} s:\n{self.said}"
            time.sleep(0.005)  # a process of another parent tells nobody that it ends
        return code

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self.out.read_text() if self.out.exists() else ""


class Warm:
    """Starts commands of the code in `code`; use it as a context manager.

    With `docker` False their containers are played by `matrix_edges.no_docker`, and they have no
    database unless RUNNER_DB names one.
    """

    def __init__(self, *, docker: bool, code: Path = ROOT) -> None:
        self._edges = () if docker else ("no_docker",)
        self._env = {} if docker else {"RUNNER_DB": NO_DATABASE}
        path = os.pathsep.join((str(code), str(ROOT / "tests")))
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "warm_program.py")],
            cwd=code,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started: list[Command] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for command in self._started:
            if command.poll() is None:
                command.send(signal.SIGKILL)
                command.wait()
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(
        self, results: Path, *arguments: str, edges: Sequence[str] = (), **env: str
    ) -> Command:
        """The command, running, its results in `results`."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        kept |= {"RUNNER_RESULTS": str(results), "RUNNER_TASKS_DIR": str(TASKS), **self._env}
        if cache := os.environ.get("RUNNER_CACHE"):
            kept["RUNNER_CACHE"] = cache
        results.mkdir(parents=True, exist_ok=True)
        out = results / f"out-{len(self._started)}.txt"
        request = {
            "argv": list(arguments),
            "env": kept | env,
            "out": str(out),
            "edges": [*self._edges, *edges],
        }
        command = Command(self, int(self.ask(request)["pid"]), out)
        self._started.append(command)
        return command

    def run(self, results: Path, *arguments: str, edges: Sequence[str] = (), **env: str) -> Command:
        """The command, run to its end."""
        command = self.start(results, *arguments, edges=edges, **env)
        command.wait()
        return command

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
