"""A journal of the size of a large study: one run of made-up trials, a driver's lines in all.

100,000 trials of 30 calls are about 4 GB.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runner.errors import Status
from runner.events import (
    AttemptIssued,
    CallReserved,
    CallSettled,
    CheckDone,
    Event,
    Phase,
    RunStarted,
    SessionEnded,
    SessionStarted,
    ToolUsed,
    TrialEnded,
    TrialStarted,
)
from runner.ledger.codec import encode
from runner.ledger.journal_format import Writer
from runner.ledger.journal_lines import line
from runner.types import Role, Usage

RUN = "bench"
NAME = "@TRIAL@"  # in a pattern, where a trial's id goes
PATTERNS = 600
SIDE_BY_SIDE = 16
AT = "2026-11-23T10:00:00.000+00:00"
CARD = "list-2026-11"
CHECKS = ("change", "applied", "mypy", "ruff_check", "pytest", "test_ids")
LEADS = {"A": "claude-opus-4-7", "B": "claude-opus-4-7", "C": "claude-opus-4-7"}
EXECUTORS = {"B": "qwen3.5:9b", "C": "claude-haiku-4-5-20251001"}


def write(path: Path, trials: int, calls: int) -> None:
    """A run's journal: trials side by side, as a driver would have written them."""
    with path.open("wb", buffering=1 << 20) as file:
        for number, text in enumerate(texts(trials, calls), start=1):
            file.write(line(number, text))


def texts(trials: int, calls: int) -> Iterator[str]:
    """The events' JSON, without their numbers."""
    patterns = [pattern(number, calls) for number in range(PATTERNS)]
    draw = random.Random(1)
    yield encode(Writer(1, 1))
    yield encode(RunStarted(RUN, "scripted", {"arms": "ABCD"}, AT))
    yield encode(SessionStarted(RUN, trials, True, 1, SIDE_BY_SIDE, None, None, "here", AT))
    begun = (one_trial(patterns, number, draw) for number in range(trials))
    running = [each for _, each in zip(range(SIDE_BY_SIDE), begun, strict=False)]
    while running:
        place = draw.randrange(len(running))
        text = next(running[place], None)
        if text is not None:
            yield text
        elif (following := next(begun, None)) is not None:
            running[place] = following
        else:
            del running[place]
    yield encode(SessionEnded(RUN, "complete", "every cell has what it needs", AT))


Pattern = tuple[list[str], TrialStarted, TrialEnded]


def one_trial(patterns: list[Pattern], number: int, draw: random.Random) -> Iterator[str]:
    """A trial's events, its seconds its own."""
    inner, started, ended = patterns[draw.randrange(len(patterns))]
    trial_id = f"{RUN}-{started.arm}-{started.task}-{number}-1"
    yield encode(AttemptIssued(RUN, trial_id, started.arm, started.task, number, 1))
    yield encode(replace(started, trial_id=trial_id, trial=number))
    for text in inner:
        yield text.replace(NAME, trial_id)
    wall_s = ended.wall_s * draw.uniform(0.5, 2)
    yield encode(replace(ended, trial_id=trial_id, wall_s=wall_s))


def pattern(number: int, calls: int) -> Pattern:
    """What one trial might look like: its inner events as text, its first and its last."""
    draw = random.Random(number)
    arm, task = draw.choice("ABCD"), draw.choice(("T1", "T2", "T3"))
    statuses: tuple[Status, ...] = ("solved", "solved", "solved", "failed", "cap", "infra")
    status = draw.choice(statuses)
    manifest = {"card": CARD, "source_sha256": "0" * 64, "arm": {"text": "x" * 2000}}
    started = TrialStarted(NAME, RUN, arm, task, 0, 1, "scripted", AT, manifest)
    solved = status == "solved"
    ended = TrialEnded(
        NAME, status, solved, solved, calls, 60.0, 30.0, 10.0, 15.0, 2.5, AT, "every check passed",
        {"harness": {"mypy": 0, "ruff": 0, "pytest": 0}, "waits_s": {"slot": 2.5}},
    )  # fmt: skip
    return [encode(event) for event in happenings(draw, arm, calls, solved)], started, ended


def happenings(draw: random.Random, arm: str, calls: int, solved: bool) -> Iterator[Event]:
    """The events between a trial's first and its last."""
    yield Phase(NAME, "sandbox")
    yield Phase(NAME, "sandbox", 1.25)
    yield Phase(NAME, "agent")
    lead: Role = "orchestrator" if arm in EXECUTORS else "solo"
    for seq in range(1, calls + 1):
        by_executor = arm in EXECUTORS and seq % 5 not in (0, 1)
        role: Role = "executor" if by_executor else lead
        model = EXECUTORS[arm] if by_executor else LEADS.get(arm, "claude-haiku-4-5-20251001")
        yield from one_call(draw, seq, role, model)
    yield Phase(NAME, "agent", draw.uniform(10, 60))
    for name in ("harness", "judge"):
        yield Phase(NAME, name)
        yield Phase(NAME, name, draw.uniform(5, 20))
    for name in CHECKS:
        passed = solved or name != "pytest"
        yield CheckDone(NAME, name, passed, {"exit_code": 0, "errors": [], "seconds": 1.5})


def one_call(draw: random.Random, seq: int, role: Role, model: str) -> Iterator[Event]:
    """A call, on record as the meter does it, and the tool it asked for."""
    usage = Usage(draw.randrange(2000), draw.randrange(900), draw.randrange(3000), 0, 900 * seq)
    yield CallReserved(NAME, seq, seq, role, model, draw.uniform(0.1, 0.9))
    if draw.random() < 0.002:
        yield CallSettled(
            NAME, seq, seq, role, model, Usage(), 60.0, error="timeout: no answer", lost=True
        )
        return
    yield CallSettled(
        NAME, seq, seq, role, model, usage, draw.uniform(0.5, 9), "tool_use",
        f"req_{draw.getrandbits(96):024x}", detail={"attempts": 1, "wait_s": 0.0},
    )  # fmt: skip
    yield ToolUsed(
        NAME, seq, seq, role, "bash", draw.uniform(0.01, 3), 0, False, False,
        draw.randrange(8000), False, "cd /repo && grep -rn 'get_params_from_function' typer | head",
    )  # fmt: skip


def grown(trials: int, calls: int) -> list[str]:
    """One more trial."""
    return list(one_trial([pattern(0, calls)], trials, random.Random(2)))


def in_flight(number: int, first: int) -> Iterator[Event]:
    """The beginning of a trial that goes on: `first` trials came before, each with its id."""
    trial, made_of = first + number, {"card": CARD}
    trial_id = f"{RUN}-A-T1-{trial}-1"
    yield AttemptIssued(RUN, trial_id, "A", "T1", trial, 1)
    yield TrialStarted(trial_id, RUN, "A", "T1", trial, 1, "scripted", AT, made_of)
    yield Phase(trial_id, "agent")
    for event in one_call(random.Random(number), 1, "solo", LEADS["A"]):
        yield replace(event, trial_id=trial_id)
