"""A small record on disk for reports, with text in it that must never run, and its report."""

import argparse
import base64
import gzip
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from analysis.report.changes import UNKNOWN_START
from analysis.report.rows import Question, Record, read_record
from runner.cli import report
from runner.config.rates import load_cards
from runner.config.settings import ROOT
from runner.errors import Status
from runner.events import (
    CallReserved,
    CallSettled,
    CheckDone,
    Event,
    ToolUsed,
    TrialEnded,
    TrialStarted,
)
from runner.judge.change import Change, packed
from runner.ledger.database import sync
from runner.ledger.journal import Journal
from runner.ledger.transcript import Answered, Entry, Opened, Returned, Told, TranscriptWriter
from runner.types import ProviderKind, Role, ToolCall, Usage

CARD, AGAINST = "list-2026-11", "paper-2026-06"
OPUS, HAIKU = "claude-opus-4-7", "claude-haiku-4-5-20251001"
HOSTILE = (
    '<script>window.ran = 1</script><img src=x onerror="window.ran = 2">\x1b[31mred\x1b[0m\u202e'
)
NO_UTF8 = "half a character: \udcff"
OPTIONS = ("OUT", "FORMAT", "TERMINAL", "KIND", "RUN", "CARD", "AGAINST", "PAPER", "RUNNER_DB",
           "RUNNER_CARD", "RUNNER_RATES_DIR")  # fmt: skip


def spend(name: str, seq: int, role: Role, model: str, read: int) -> list[Event]:
    used = Usage(100, 50, 400, 0, read)
    return [
        CallReserved(name, seq, seq, role, model, 0.5),
        CallSettled(name, seq, seq, role, model, used, 2.0, "tool_use", f"req_{seq}"),
    ]


def trial(
    arm: str = "A",
    task: str = "T1",
    number: int = 0,
    *,
    kind: ProviderKind = "live",
    status: Status = "solved",
    read: int = 10_000,
    reason: str = "because",
    **detail: object,
) -> list[Event]:
    """A trial of two calls of its lead; arms B and C delegate in the first."""
    name = f"{kind}-{arm}-{task}-{number}-1"
    lead: Role = "orchestrator" if arm in "BC" else "solo"
    model = HAIKU if arm == "D" else OPUS
    solved = status == "solved"
    tool = "bash" if lead == "solo" else "delegate_to_executor"
    at = "2026-11-23T10:00:00Z"
    events: list[Event] = [
        TrialStarted(name, f"{kind}-run", arm, task, number, 1, kind, at, manifest(arm, kind)),
        *spend(name, 1, lead, model, 0),
        ToolUsed(name, 1, 1, lead, tool, 0.5, 0, False, False, 900, False, "ls"),
        *spend(name, 2, lead, model, read),
        CheckDone(name, "mypy", True, {"errors": 0}),
        CheckDone(name, "pytest", solved, {"failures": {HOSTILE: NO_UTF8}}),
    ]
    ended = TrialEnded(
        name, status, solved, solved, 2, 60.0 + number, 40.0, 10.0, 5.0, 0.5, at, reason, detail
    )
    return [*events, ended]


def manifest(arm: str, kind: str) -> dict[str, object]:
    """What a trial was made of, as far as the report looks."""
    return {
        "arm": {
            "id": arm,
            "lead": {"model": OPUS},
            "executor": {"model": HAIKU, "summary_chars": 1500} if arm == "C" else None,
            "limits": {"usd": 10.0, "seconds": 5400.0},
        },
        "max_turns": 40,
        "persona": "oracle" if kind == "scripted" else None,
        "image": {
            "tag": "runner/typer:t1-0",
            "id": "sha256:0",
            "labels": {"runner.image.tree": "t"},
        },
        "versions": {"runner": "0.1.0"},
    }


def write(results: Path, trials: Iterable[Sequence[Event]], name: str = "run") -> None:
    """Put these trials on record as one journal."""
    (results / "journal").mkdir(exist_ok=True)
    with Journal.create(results / "journal" / f"{name}.jsonl") as journal:
        for events in trials:
            for event in events:
                journal.append(event)


def said(results: Path, events: Sequence[Event], output: str = HOSTILE) -> None:
    """The transcript of a trial, whose tool returned `output`."""
    (name,) = {event.trial_id for event in events if isinstance(event, TrialStarted)}
    entries: list[Entry] = [
        Opened("solo", 0, OPUS, f"You repair code. {HOSTILE}", ()),
        Told("solo", 0, 1, "Repair it."),
        Answered("solo", 0, 1, f"I look. {HOSTILE}", (ToolCall("t1", "bash", {"command": "ls"}),),
                 "tool_use", Usage(100, 50), 2.0),
        Returned("solo", 0, 1, "t1", "bash", output, False),
    ]  # fmt: skip
    with TranscriptWriter(results / "transcripts" / f"{name}.jsonl") as transcript:
        for entry in entries:
            transcript.write(entry)


def changed(results: Path, trial_id: str, files: dict[str, bytes], deleted: str = "") -> Path:
    """A stored change, as the runner keeps it."""
    path = results / "changes" / f"{trial_id}.tar"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(Change(files, tuple(deleted.splitlines()), (), {})))
    return path


def matrix(kind: ProviderKind, n: int = 4, arms: str = "ABCD") -> list[list[Event]]:
    """n trials of each arm on T1 and T3, one of them a failure for arm B, no two alike."""
    return [
        trial(
            arm, task, number, kind=kind, read=20_000 * (place + 1) + 700 * number,
            status="failed" if (arm, task, number) == ("B", "T1", 0) else "solved",
            reason=HOSTILE if number == 0 else "every check passed",
        )
        for task in ("T1", "T3")
        for place, arm in enumerate(arms)
        for number in range(n)
    ]  # fmt: skip


def reported(results: Path, *options: str) -> str:
    """What `runner report` prints about these results."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNNER_RESULTS", str(results))
        return printed(*options)


def printed(*options: str) -> str:
    """What `runner report` prints; its results are where RUNNER_RESULTS says."""
    parser = argparse.ArgumentParser()
    report.add_options(parser)
    screen = Console(file=io.StringIO(), width=160, highlight=False)
    assert report.run(parser.parse_args(options), screen) == 0
    screen_file = screen.file
    assert isinstance(screen_file, io.StringIO)
    return screen_file.getvalue()


def records_in(page: str) -> dict[str, str]:
    """The records that a page holds, as HTML, by trial."""
    found = page.split('id="details">')[1].split("</script>")[0]
    return {
        name: gzip.decompress(base64.b64decode(record)).decode()
        for name, record in json.loads(found).items()
    }


def shows_a_simulated_trial_of_t3(page: str) -> None:
    """It has its mark, and of a solved trial the whole transcript and a diff a file."""
    assert "<title>SIMULATED: " in page
    record = next(text for text in records_in(page).values() if "every check passed" in text)
    files = record.split('<section class="file">')[1:]
    names = {file.split("<h4>")[1].split(" ")[0] for file in files}
    assert {"typer/__init__.py", "typer/_version_banner.py"} <= names
    assert "notes.json" not in names  # the runner's own, beside the files
    assert all("<ins>+" in file for file in files)
    assert UNKNOWN_START not in record
    assert record.count('class="said returned"') > 3
    assert "There is no transcript" not in record


def record_of(folder: Path, *trials: list[Event]) -> Record:
    """These trials, by way of journal and database."""
    write(folder, trials)
    cards = load_cards(ROOT / "runner" / "rates")
    sync(folder / "trials.duckdb", folder / "journal", cards)
    return read_record(Question(folder / "trials.duckdb", ("live",), CARD, AGAINST))
