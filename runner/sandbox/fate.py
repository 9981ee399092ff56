"""What became of a container or a program in it, and whose doing that was."""

import time

from runner.errors import SandboxFailure
from runner.sandbox.engine import Engine, inspect_container
from runner.sandbox.programs import program_code

_DEATH_WAIT_S = 1.0
_END_WAIT_S = 5.0


def runs(engine: Engine, container: str) -> bool:
    """Whether it runs. Raises `SandboxFailure` when the engine does not answer."""
    state = inspect_container(engine, container)
    return state is not None and bool(state["State"]["Running"])


def lost(engine: Engine, container: str, why: str) -> SandboxFailure:
    """The failure to raise for a container that is of no more use; `why` says how that shows.

    Its status is `failed` when the container died of its own commands' hunger for memory: they
    can have its keep-alive killed in their place, and must not get a second try for that.
    """
    deadline = time.monotonic() + _DEATH_WAIT_S
    # The engine hears of a death a moment after the line is cut by it.
    while (state := inspect_container(engine, container)) is not None:
        if not state["State"]["Running"]:
            break
        if time.monotonic() > deadline:
            return SandboxFailure(why)
        time.sleep(0.05)
    if state is not None and state["State"].get("OOMKilled"):
        said = "commands used up the container's memory until it was killed"
        return SandboxFailure(f"{said}: {why}", "failed")
    return SandboxFailure(f"the container is gone: {why}")


def was_killed(engine: Engine, program: str) -> bool:
    """Whether a tool server that hung up was killed, which is the agent's doing.

    It ends by itself, with exit code 0, only when the engine hangs up on it.
    """
    deadline = time.monotonic() + _END_WAIT_S
    while (code := program_code(engine, program)) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)  # the engine tells it a moment after the line is closed
    return code != 0
