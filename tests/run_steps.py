"""Steps of the fault suite: wait for a point of a run, and go on with it."""

import time
from collections.abc import Callable
from pathlib import Path

from fast_image import TASKS
from run_record import ended, events_of, faults_in, kinds_of
from warm import Command, Warm

SOON_S = 60.0


def until(happened: Callable[[], object], command: Command) -> None:
    """Wait until something of a running command shows from outside."""
    deadline = time.monotonic() + SOON_S
    while not happened():
        assert command.poll() is None, command.said
        assert time.monotonic() < deadline, command.said
        time.sleep(0.005)  # a file tells nobody that it has grown


def seen(results: Path, kind: str, times: int = 1) -> bool:
    """Whether the journal has that many events of the kind."""
    return any(
        kinds_of(path).count(kind) >= times for path in (results / "journal").glob("*.jsonl")
    )


def goes_on(warm: Warm, results: Path, *command: str, n: int = 2, tasks: Path = TASKS) -> Command:
    """The same command completes the run: `n` trials solved, nothing in it twice."""
    again = warm.run(results, *command, RUNNER_TASKS_DIR=str(tasks))
    assert again.code == 0, again.said
    assert "COMPLETE" in again.said
    assert faults_in(events_of(results)) == []
    assert sum(end.status == "solved" for end in ended(results)) == n
    return again
