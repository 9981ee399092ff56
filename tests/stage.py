"""A made-up world for one trial: played models, sandboxes over dicts, events in a list."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from court import honest, stream, told
from fakes import CARD, DictSandbox, PlayedModel, entry, ran, says, task

from runner.budget import Account
from runner.config.arms import Arm, ExecutorSeat, Limits, Seat
from runner.events import Event, TrialEnded
from runner.judge.change import Change
from runner.judge.hearing import REPORT
from runner.ledger.transcript import Entry
from runner.slots import Slots
from runner.trial.run import run_trial
from runner.trial.spec import Prompts, TrialSpec, World
from runner.types import ExecResult, Model, Reply, Role, TreeEntry

STARTING = {"typer/a.py": b"x = 1\n"}
TEST = "tests/test_a.py::test_1"
GREEN = {"mypy": {"exit": 0}, "ruff_check": {"exit": 0}}
RED = {**GREEN, "mypy": {"exit": 1}}
SOLO = Arm("S", "Solo", Seat("anthropic", "big"), None, {"default": 4}, Limits())
PAIR = replace(SOLO, id="P", executor=ExecutorSeat("ollama", "small", summary_chars=500))


@dataclass
class Stage:
    """A made-up world: its models are played, its sandboxes are dicts."""

    lead: list[Reply | Exception] = field(default_factory=lambda: [says("DONE")])
    executor: list[Reply | Exception] = field(default_factory=list)
    arm: Arm = SOLO
    report: Mapping[str, object] = field(default_factory=lambda: GREEN)
    silent: int = 0  # how many of the judge's containers report nothing
    own_harness: ExecResult = field(default_factory=lambda: ran(b'{"green": true}'))
    found: Sequence[TreeEntry] = (entry("typer/a.py", b"x = 1\n"),)
    at: dict[str, BaseException] = field(default_factory=dict)  # what fails, by name
    events: list[Event] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)  # what happened outside, in order
    kept: list[Change] = field(default_factory=list)
    run_account: Account | None = None
    slots: Slots = field(default_factory=lambda: Slots(1))
    stopped: str | None = None

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.at:
            raise self.at[name]

    def run(self, sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        if "suite" in argv:
            return ran(b"", 1)
        if "court" in argv:
            self.step("judge's tools")
            lines = told({TEST: "passed", **honest(sandbox.files, argv)})
            report = {**self.report, "stream": stream(lines)}
            if self.steps.count("open judge") <= self.silent:
                report = {}
            sandbox.files[REPORT] = json.dumps(report).encode()
            return ran()
        if argv[0] == "harness":
            self.step("own harness")
            return self.own_harness
        self.step("command")
        return ran(b"ok")

    @contextmanager
    def open_sandbox(self, purpose: str) -> Iterator[DictSandbox]:
        stage = self

        class Watched(DictSandbox):
            def quiesce(self) -> None:
                stage.step("quiesce")

            def entries(self) -> Sequence[TreeEntry]:
                stage.step("look through")
                return stage.found

        self.step(f"open {purpose}")
        try:
            yield Watched(on_run=self.run)
        finally:
            self.steps.append(f"close {purpose}")

    @contextmanager
    def open_model(self, seat: Seat, role: Role) -> Iterator[Model]:
        self.step(f"open {role}")
        try:
            yield PlayedModel(seat.model, self.executor if role == "executor" else self.lead)
        finally:
            self.steps.append(f"close {role}")

    def record(self, event: Event) -> None:
        self.step(type(event).__name__)
        self.events.append(event)

    def keep(self, change: Change) -> None:
        self.step("keep")
        self.kept.append(change)

    def world(self) -> World:
        """What the trial needs from outside."""
        return World(
            open_sandbox=self.open_sandbox,
            open_model=self.open_model,
            pristine=STARTING,
            starting=STARTING,
            expected_tests=frozenset({TEST}),
            keep_change=self.keep,
            bash_timeout_s=10,
            bash_timeout_max_s=20,
            judge_timeout_s=30,
            account=Account("trial", self.arm.limits.usd, self.run_account),
            slots=self.slots,
            stopped=lambda: self.stopped,
        )

    def __call__(self, **changed: object) -> TrialEnded:
        given = TrialSpec(
            trial_id="t1",
            run_id="r1",
            arm=self.arm,
            task=task(),
            trial=2,
            attempt=3,
            provider_kind="scripted",
            card=CARD,
            max_turns=4,
            prompts=Prompts("You are alone.", "You lead.", "You obey."),
            manifest={"seed": 1},
        )
        spec = replace(given, **changed)  # type: ignore[arg-type]
        return run_trial(spec, self.world(), self.record, self.entries.append)
