"""What GPUs draw while a local model computes, asked of NVIDIA's own tool where it answers."""

import math
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from threading import Event, Thread
from types import TracebackType
from typing import Self

from runner.config.rates import GPU_SECONDS, WATT_HOURS
from runner.errors import EnvironmentProblem, SandboxFailure
from runner.models.connection import is_local
from runner.sandbox.engine import Engine
from runner.sidecar.engine import said_inside
from runner.types import JsonObject

EVERY_S = 0.5
_ASK_S = 5.0
_HOUR_S = 3600
_TOOL = "nvidia-smi"
_QUERY = (_TOOL, "--query-gpu=power.draw,utilization.gpu", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Draw:
    """All GPUs of a machine at one moment.

    `watts` is what they draw together, None where a GPU does not tell; `busy` is how many of
    them compute, in parts.
    """

    watts: float | None
    busy: float


Ask = Callable[[], Draw | None]


def power_source(host: str, inside: tuple[Engine, str] | None = None) -> Ask | None:
    """Who tells what the GPUs of the server at `host` draw; None where nobody does.

    `inside` is the container it runs in. This machine's own tool is asked when the server is on
    this machine and its container has none.
    """
    asks: list[Ask] = [partial(_draw_inside, *inside)] if inside else []
    if is_local(host):
        asks.append(_draw_here)
    return next((ask for ask in asks if ask() is not None), None)


def _draw_here() -> Draw | None:
    program = shutil.which(_TOOL)
    if program is None:
        return None
    try:
        done = subprocess.run(
            (program, *_QUERY[1:]), capture_output=True, text=True, timeout=_ASK_S, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return read_draw(done.stdout)


def _draw_inside(engine: Engine, container: str) -> Draw | None:
    try:
        said = said_inside(engine, container, _QUERY)
    except (SandboxFailure, EnvironmentProblem):
        return None
    return None if said is None else read_draw(said)


def read_draw(table: str) -> Draw | None:
    """The tool's table, a line for each GPU; None when it is none, or no GPU tells anything."""
    rows = [line.split(",") for line in table.strip().splitlines()]
    if not rows or any(len(row) != 2 for row in rows):
        return None
    watts, busy = ([_number(row[place]) for row in rows] for place in (0, 1))
    if None in busy:
        return None
    known = [each for each in watts if each is not None]
    return Draw(
        sum(known) if len(known) == len(rows) else None,
        sum(each for each in busy if each is not None) / 100,
    )


def _number(text: str) -> float | None:
    """A value of the table; `[N/A]` and `[Not Supported]` are none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


class Watch:
    """Asks again and again while the context lasts, and once more when it is over."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is monotonic and in seconds."""
        self._ask = ask
        self._clock = clock
        self._over = Event()
        self._samples: list[tuple[float, Draw]] = []
        self._silent = False
        self._began = self._ended = 0.0
        self._thread = Thread(target=self._watch, name="power", daemon=True)

    def __enter__(self) -> Self:
        self._began = self._clock()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = self._clock()
        self._over.set()
        self._thread.join()

    def spent(self) -> JsonObject:
        """For a call's detail: watt-hours and the seconds GPUs were busy; what was not told is
        left out."""
        if self._silent or not self._samples:
            return {}
        busy = over_time([(at, draw.busy) for at, draw in self._samples], self._began, self._ended)
        found = {GPU_SECONDS: round(busy, 3)}
        watts = [(at, draw.watts) for at, draw in self._samples if draw.watts is not None]
        if len(watts) == len(self._samples):
            joules = over_time(watts, self._began, self._ended)
            found[WATT_HOURS] = round(joules / _HOUR_S, 6)
        return found

    def _watch(self) -> None:
        last = False
        while not last:
            last = self._over.is_set()
            draw = self._ask()
            if draw is None:
                self._silent = True
                return
            self._samples.append((self._clock(), draw))
            self._over.wait(EVERY_S)


def over_time(samples: Sequence[tuple[float, float]], began: float, ended: float) -> float:
    """The integral of sampled values from `began` to `ended`, straight lines between samples.

    Before the first and after the last sample their values hold.
    """
    inside = [(min(max(at, began), ended), value) for at, value in samples]
    line = [(began, inside[0][1]), *inside, (ended, inside[-1][1])]
    return sum((b - a) * (low + high) / 2 for (a, low), (b, high) in pairwise(line))
