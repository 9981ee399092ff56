"""Stands in for the program that runs a trial on a worker: no engine, no models, a diary.

`work` holds `diary` (a file to which every beginning and end is appended), `gate` (a file; the
trial's call is in flight until it is there), `size` (bytes of its transcript), `fault`, and `code`
where the worker's own code shall count.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from ledger_samples import OPUS, ended, started

from runner.errors import EnvironmentProblem
from runner.events import CallReserved, CallSettled, Record
from runner.manifest import code_digest
from runner.matrix.engine import Attempt
from runner.slots import Slots
from runner.types import JsonObject, Usage

USAGE = Usage(input_tokens=1000, output_tokens=100)
FACTS = "STAND_IN_FACTS"  # a variable by which a worker is made to differ


def facts_here(work: JsonObject) -> JsonObject:
    code = code_digest() if "code" in work else os.environ.get(FACTS, "same")
    return {"lock": {"code": code, "arms": ("A", "C")}}


def run_here(
    attempt: Attempt,
    work: JsonObject,
    folder: Path,
    slots: Slots,
    record: Record,
    stopped: Callable[[], str | None],
) -> None:
    trial_id = attempt.trial_id
    _note(work, f"began {trial_id} {os.getpid()} {slots.count}")
    record(started(trial_id, run_id=attempt.run_id, arm=attempt.cell.arm, task=attempt.cell.task))
    record(CallReserved(trial_id, 1, 1, "solo", OPUS, 0.5))
    gate = Path(str(work["gate"]))
    while not (reason := stopped()) and not gate.exists():
        time.sleep(0.01)  # a call to a model takes its time, and nobody tells when it is over
    record(CallSettled(trial_id, 1, 1, "solo", OPUS, USAGE, 0.1, "end_turn"))
    if work.get("fault") == "disk":
        raise EnvironmentProblem("the disk of this worker is full")
    transcript = folder / "transcripts" / f"{trial_id}.jsonl"
    transcript.parent.mkdir(parents=True, exist_ok=True)
    transcript.write_bytes(os.urandom(int(str(work.get("size", 10)))))
    record(ended(trial_id, "infra" if reason else "solved"))
    _note(work, f"ended {trial_id} {os.getpid()} {reason}")


def _note(work: JsonObject, text: str) -> None:
    """One line, at once and whole, however many processes write."""
    fd = os.open(str(work["diary"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(fd, f"{text}\n".encode())
    finally:
        os.close(fd)
