"""What GPUs draw while a local model computes, asked of NVIDIA's own tool where it answers."""

import math
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from runner.errors import EnvironmentProblem, SandboxFailure
from runner.models.connection import is_local
from runner.sandbox.engine import Engine
from runner.sidecar.engine import said_inside

_ASK_S = 5
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


def asks_for(host: str, inside: tuple[Engine, str] | None) -> tuple[Ask, ...]:
    """Who may tell what the GPUs of the server at `host` draw, the likeliest first.

    `inside` is the container it runs in. This machine's own tool is asked when the server is on
    this machine and its container has none.
    """
    here = (_draw_here,) if is_local(host) else ()
    return (partial(_draw_inside, *inside), *here) if inside else here


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
        said = said_inside(engine, container, ("timeout", "-s", "KILL", str(_ASK_S), *_QUERY))
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
