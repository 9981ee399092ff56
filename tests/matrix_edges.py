"""What a `runner` command of the fault suite finds at its edges: no Docker, a full disk, an end.

Each function changes this process for good; they are called in a process that becomes one
command. What is replaced lies outside of the runner: the container engine, the disk, the clock.
"""

import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from court import honest, stream, told
from fakes import DictSandbox, entry, ran

from runner import wiring
from runner.catalogue import Catalogue
from runner.cli import matrix_session
from runner.config.arms import Arm
from runner.config.settings import Settings
from runner.config.solution import Create
from runner.config.tasks import Task
from runner.errors import EnvironmentProblem, SandboxFailure
from runner.image.build import ImageRef
from runner.image.states import starting_tree
from runner.judge.hearing import REPORT
from runner.matrix import attempts
from runner.sandbox.engine import Engine, EngineInfo
from runner.types import ExecResult, TreeEntry

TREE = {
    "typer/__init__.py": b"x = 1\n",
    "typer/colors.py": b"# Variable names to colors, just for completion\nRED = 'red'\n",
}
ABOUT = EngineInfo("nowhere", "0", "0", "0", "amd64", "0", "none", "2", (), 4, 1 << 30, "/")


def put(owner: object, name: str, value: object) -> None:
    """Let a name of a module or a class stand for something else from now on."""
    setattr(owner, name, value)


# ---- no container engine ----------------------------------------------------------------


def no_docker() -> None:
    """Containers are folders in memory, in which only the harness runs, played too."""

    def prepare(
        settings: Settings, catalogue: Catalogue, task: Task, say: Callable[[str], None]
    ) -> wiring.Bench:
        image = ImageRef("stand-in", "sha256:0", "stand-in", {"runner.image.key": task.id})
        start = starting_tree(TREE, task)
        engine = Engine("nowhere", 1.0)
        return wiring.Bench(settings, catalogue, engine, ABOUT, image, task, TREE, start)

    put(wiring, "prepare", prepare)
    put(wiring, "sandbox", _played)
    put(attempts, "answers", lambda _engine: True)
    put(matrix_session, "remove_own", lambda _engine: 0)


@contextmanager
def _played(
    bench: wiring.Bench, run_id: str, trial_id: str, purpose: str
) -> Iterator["PlayedSandbox"]:
    yield PlayedSandbox(bench)


class PlayedSandbox(DictSandbox):
    """A repository in memory; its `harness` is green when the task's solution is in it."""

    def __init__(self, bench: wiring.Bench) -> None:
        super().__init__(files=dict(bench.starting), on_run=self._ran)
        self.tests = wiring.expected_tests(bench.task)
        self.wanted = {
            step.path: (step.text if isinstance(step, Create) else step.new).encode()
            for step in bench.task.solution
        }

    def entries(self) -> Sequence[TreeEntry]:
        return [entry(path, data) for path, data in sorted(self.files.items())]

    def _ran(self, _sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        said = " ".join(argv)
        if "harness" not in said:
            return ran(b"", 3 if "exit 3" in said else 0)
        found = {path: self.files.get(path, b"") for path in self.wanted}
        complete = all(text in found[path] for path, text in self.wanted.items())
        spoilt = any(b"undefined_name" in data for data in found.values())
        red = int(spoilt or not (complete or "--quick" in said))
        if "suite" in argv:
            return ran(b"", 1)
        if "court" in argv:
            tests = dict.fromkeys(self.tests, "failed" if red else "passed")
            tools = {tool: {"exit": red} for tool in ("mypy", "ruff_check")}
            lines = told({**tests, **honest(self.files, argv)})
            self.files[REPORT] = json.dumps({**tools, "stream": stream(lines)}).encode()
            return ran()
        return ran(b'{"stand_in": true}\n', red)


def sandboxes_fail(first: str, last: str) -> None:
    """The openings of a sandbox from the `first` to the `last` (from 1) fail."""
    numbers = itertools.count(1)
    before = wiring.sandbox

    @contextmanager
    def sandbox(*given: Any) -> Iterator[Any]:
        if int(first) <= next(numbers) <= int(last):
            raise SandboxFailure("the Docker engine could not create a container: no such image")
        with before(*given) as opened:
            yield opened

    put(wiring, "sandbox", sandbox)


def local_models(loaded: str) -> None:
    """Arms with a local model are played here; `loaded` no says that it cannot be had."""

    def preloaded(players: Any, arm: Arm, *_more: object) -> None:
        if loaded == "no" and arm.local_models:
            raise EnvironmentProblem("model qwen cannot be loaded: no memory")

    put(wiring, "with_server", lambda players, *_more: players)
    put(wiring, "preloaded", preloaded)


def bug(number: str) -> None:
    """The opening of a sandbox of that number (from 1) meets an error that nobody expects."""
    numbers = itertools.count(1)
    before = wiring.sandbox

    @contextmanager
    def sandbox(*given: Any) -> Iterator[Any]:
        if next(numbers) == int(number):
            raise KeyError("a bug")
        with before(*given) as opened:
            yield opened

    put(wiring, "sandbox", sandbox)


# ---- the disk ---------------------------------------------------------------------------


def disk_full(folder: str, after: str) -> None:
    """Writes below results/`folder` fail once `after` of them were made; what fits is written."""
    left = [int(after)]

    def guarded(write: Callable[..., int]) -> Callable[..., int]:
        def wrapped(fd: int, data: bytes, *place: int) -> int:
            if f"/{folder}/" in str(Path(f"/proc/self/fd/{fd}").readlink()):
                left[0] -= 1
                if left[0] == -1:
                    return write(fd, data[: len(data) // 2], *place)
                if left[0] < -1:
                    raise OSError(28, os.strerror(28))
            return write(fd, data, *place)

        return wrapped

    put(os, "write", guarded(os.write))
    put(os, "pwrite", guarded(os.pwrite))
    write_bytes = Path.write_bytes

    def write_file(path: Path, data: bytes) -> int:
        if f"/{folder}/" in str(path) and not path.name.startswith("."):
            raise OSError(28, os.strerror(28))
        return write_bytes(path, data)

    put(Path, "write_bytes", write_file)


# ---- nobody listens ---------------------------------------------------------------------


def output_gone(how: str) -> None:
    """What is printed meets a `pipe` whose reader has left, or a `disk` that is full."""
    if how == "pipe":
        reader, out = os.pipe()
        os.close(reader)
    else:
        out = os.open("/dev/full", os.O_WRONLY)
    for standard in (1, 2):
        os.dup2(out, standard)


def no_hangup() -> None:
    """As `nohup` starts a program."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


# ---- an end at a known point ------------------------------------------------------------


def killed_at(kind: str, number: str, when: str) -> None:
    """SIGKILL as the `number`-th event of that kind is `torn`, `written` or `synced`."""
    mark = f'"event":{{"kind":"{kind}"'.encode()
    left = [int(number)]
    pwrite, fsync = os.pwrite, os.fsync

    def write(fd: int, data: bytes, place: int) -> int:
        if mark in data[:200]:
            left[0] -= 1
            if left[0] == 0 and when != "synced":
                pwrite(fd, data[: len(data) // 2] if when == "torn" else data, place)
                os.kill(os.getpid(), signal.SIGKILL)
        return pwrite(fd, data, place)

    def sync(fd: int) -> None:
        fsync(fd)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    put(os, "pwrite", write)
    put(os, "fsync", sync)


# ---- the clock --------------------------------------------------------------------------


def clock_jumps() -> None:
    """The time of day jumps a day back or ahead whenever it is asked."""
    real, signs = time.time, itertools.cycle((1, -1))
    put(time, "time", lambda: real() + next(signs) * 86_400.0)
    put(time, "time_ns", lambda: int(time.time() * 1e9))
