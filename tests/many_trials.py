"""A large record for reports: trials with calls, growing prompts, transcripts and changes.

Sizes are those of the published trials: some 30 calls each, prompts that grow from 2,000 to 25,000
tokens, tools that return some 2,000 characters. All is drawn by a seed, all text is this project's
own source. It goes the way of real trials: a journal on disk, and from there into DuckDB.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from report_record import HAIKU, OPUS, changed

from runner.config.rates import load_cards
from runner.config.settings import ROOT
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
from runner.image.states import Tree, tree_digest
from runner.ledger.codec import encode
from runner.ledger.database import sync
from runner.ledger.journal_format import Writer
from runner.ledger.journal_lines import line
from runner.ledger.transcript import Answered, Entry, Opened, Returned, Told, TranscriptWriter
from runner.types import ProviderKind, Role, ToolCall, Usage

QWEN = "qwen3.5:9b"
LEADS = {"A": OPUS, "B": OPUS, "C": OPUS, "D": HAIKU}
EXECUTORS = {"B": QWEN, "C": HAIKU}
TASKS = ("T1", "T2", "T3")
ENDS: tuple[Status, ...] = (*("solved",) * 16, *("failed",) * 2, "cap", "infra")
CHECKS = ("change", "files", "source_text", "tests_kept", "no_new_suppressions", "imports",
          "applied", "mypy", "ruff_check", "evidence", "test_ids", "canaries")  # fmt: skip
AT = "2026-11-23T10:00:00.000+00:00"


def fill(
    results: Path,
    trials: int,
    kind: ProviderKind = "live",
    starts: Mapping[str, Tree] | None = None,
) -> None:
    """Put so many trials on record in `results`: journal, transcripts, changes and database.

    `starts` is what the trials of a task start from; without, their changes have no diff.
    """
    journal = results / "journal"
    journal.mkdir(parents=True)
    text = "\n".join(path.read_text() for path in sorted((ROOT / "runner").rglob("*.py")))
    digests = {task: tree_digest(tree) for task, tree in (starts or {}).items()}
    with (journal / f"{kind}-many.jsonl").open("wb") as file:
        for number, event in enumerate(happened(results, trials, kind, text, digests), start=1):
            file.write(line(number, encode(event)))
    for number in range(trials):
        name, tree = named(number, kind), (starts or {}).get(place(number)[1], {})
        changed(results, name, left(name, tree, text))
    sync(results / "trials.duckdb", journal, load_cards(ROOT / "runner" / "rates"))


def place(number: int) -> tuple[str, str, int]:
    """Arm, task and number within its cell of the so-manieth trial."""
    return "ABCD"[number % 4], TASKS[number // 4 % 3], number // 12


def named(number: int, kind: ProviderKind) -> str:
    """Its id."""
    arm, task, trial = place(number)
    return f"{kind}-many-{arm}-{task}-{trial}-1"


def happened(
    results: Path, trials: int, kind: ProviderKind, text: str, digests: Mapping[str, str]
) -> Iterator[Event | Writer]:
    """The run's events in order; each trial's transcript is written on the way."""
    run = f"{kind}-many"
    yield Writer(1, 1)
    yield RunStarted(run, kind, {"arms": "ABCD"}, AT)
    yield SessionStarted(run, trials // 12 + 1, True, 1, 4, None, None, "here", AT)
    for number in range(trials):
        arm, task, trial = place(number)
        name = named(number, kind)
        yield AttemptIssued(run, name, arm, task, trial, 1)
        manifest = made_of(arm, kind, digests.get(task, ""))
        yield TrialStarted(name, run, arm, task, trial, 1, kind, AT, manifest)
        made = Made(name, text, random.Random(number))
        made.play(arm, task)
        yield from made.events
        with TranscriptWriter(results / "transcripts" / f"{name}.jsonl") as transcript:
            for entry in made.entries:
                transcript.write(entry)
    yield SessionEnded(run, "complete", "every cell has what it needs", AT)


def made_of(arm: str, kind: str, digest: str) -> dict[str, object]:
    """What a trial was made of, as far as the report looks."""
    executor = {"model": EXECUTORS[arm], "summary_chars": 1500} if arm in EXECUTORS else None
    limits = {"usd": 10.0, "seconds": 5400.0}
    labels = {"runner.image.tree": digest}
    return {
        "arm": {"id": arm, "lead": {"model": LEADS[arm]}, "executor": executor, "limits": limits},
        "max_turns": 40,
        "persona": "oracle" if kind == "scripted" else None,
        "image": {"tag": "runner/typer:t1-0", "id": "sha256:0", "labels": labels},
        "versions": {"runner": "0.1.0"},
    }


@dataclass
class Talk:
    """One conversation: its prompt (tokens) grows by what was said and returned in it."""

    role: Role
    number: int
    model: str
    prompt: int = 2_000
    fresh: int = 2_000  # of the prompt, what no call has read yet


@dataclass
class Made:
    """A trial that is being made up."""

    name: str
    text: str
    draw: random.Random
    events: list[Event] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    seq: int = 0
    model_s: float = 0.0

    def play(self, arm: str, task: str) -> None:
        """All of it: a lead, alone or with executors, and the judge's checks."""
        delegates = arm in EXECUTORS
        lead = Talk("orchestrator" if delegates else "solo", 0, LEADS[arm])
        turns = self.draw.randint(14, 22) if delegates else self.draw.randint(22, 38)
        self.opens(lead)
        for turn in range(1, turns + 1):
            if delegates and turn % 5 == 3:
                tool = "delegate_to_executor"
                seq = self.asks(lead, turn, tool, self.slice(600))
                output = self.executed(turn // 5 + 1, EXECUTORS[arm])
            else:
                tool = "bash"
                seq = self.asks(lead, turn, tool, f"grep -rn {self.slice(20)!r} typer | head")
                output = self.slice(self.draw.randint(50, 4_000))
            self.returns(lead, turn, seq, tool, output)
        self.ends(self.draw.choice(ENDS), turns, task)

    def executed(self, number: int, model: str) -> str:
        """One delegation; what the executor says at its end."""
        talk, tool = Talk("executor", number, model), "str_replace_editor"
        self.opens(talk)
        for turn in range(1, self.draw.randint(2, 5)):
            seq = self.asks(talk, turn, tool, self.slice(300))
            self.returns(talk, turn, seq, tool, self.slice(800))
        return self.slice(1_500)

    def opens(self, talk: Talk) -> None:
        """Instructions and task."""
        opened = Opened(talk.role, talk.number, talk.model, self.slice(3_000), ())
        self.entries += [opened, Told(talk.role, talk.number, 1, self.slice(2_000))]

    def asks(self, talk: Talk, turn: int, tool: str, command: str) -> int:
        """A call of the model, which asks for a tool; its number."""
        self.seq += 1
        said = self.draw.randint(60, 400)
        used = Usage(self.draw.randint(1, 60), said, talk.fresh, 0, talk.prompt - talk.fresh)
        if talk.model == QWEN:
            used = Usage(talk.prompt, said)
        took = 1 + said / 60
        self.model_s += took
        who = (self.name, self.seq, turn, talk.role, talk.model)
        request, detail = f"req_{self.seq}", {"attempts": 1}
        self.events += [
            CallReserved(*who, 0.4),
            CallSettled(*who, used, took, "tool_use", request, detail=detail),
        ]
        calls = (ToolCall(f"call_{self.seq}", tool, {"command": command}),)
        text = self.slice(2 * said)
        self.entries.append(
            Answered(talk.role, talk.number, turn, text, calls, "tool_use", used, took)
        )
        talk.prompt, talk.fresh = talk.prompt + said, said
        return self.seq

    def returns(self, talk: Talk, turn: int, seq: int, tool: str, output: str) -> None:
        """What the tool that call `seq` asked for gave back."""
        size, who = len(output), (self.name, seq, turn, talk.role, tool)
        self.events.append(ToolUsed(*who, 0.5, 0, False, False, size, False, output[:60]))
        self.entries.append(
            Returned(talk.role, talk.number, turn, f"call_{seq}", tool, output, False)
        )
        talk.prompt, talk.fresh = talk.prompt + size // 4, talk.fresh + size // 4

    def ends(self, status: Status, turns: int, task: str) -> None:
        """Harness, judge and the end."""
        solved = status == "solved"
        for name in ("agent", "harness", "judge"):
            self.events += [Phase(self.name, name), Phase(self.name, name, 20.0)]
        if status != "infra":
            self.events += [
                CheckDone(self.name, n, True, {"found": [], "count": 0}) for n in CHECKS
            ]
            failures = [] if solved else [self.slice(1_000)]
            self.events.append(CheckDone(self.name, "pytest", solved, {"failures": failures}))
        wall_s = self.model_s + 60
        reason = "every check passed" if solved else f"{status} on {task}"
        self.events.append(
            TrialEnded(self.name, status, solved, solved, turns, wall_s, self.model_s, 20.0, 40.0,
                       2.0, AT, reason, {"harness": {"mypy": 0, "ruff": 0, "pytest": 0}})
        )  # fmt: skip

    def slice(self, length: int) -> str:
        """Some of the text."""
        at = self.draw.randrange(len(self.text) - length)
        return self.text[at : at + length]


def left(name: str, tree: Tree, text: str) -> dict[str, bytes]:
    """What a trial left: files of its tree with some lines replaced, and a new one."""
    draw = random.Random(name)
    ours = sorted(path for path in tree if path.startswith("typer/") and path.endswith(".py"))
    files = {path: edited(tree[path], draw) for path in draw.sample(ours, min(6, len(ours)))}
    at = draw.randrange(len(text) // 2)
    return {**files, "typer/_new.py": text[at : at + 3_000].encode()}


def edited(data: bytes, draw: random.Random) -> bytes:
    """Some lines gone, some new."""
    lines = data.splitlines(keepends=True)
    for _ in range(3):
        at = draw.randrange(len(lines) + 1)
        lines[at : at + 2] = [b"# another line\n"]
    return b"".join(lines)
