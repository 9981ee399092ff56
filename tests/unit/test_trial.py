import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from fakes import CARD, DictSandbox, PlayedModel, bash, calls, entry, ran, says, task

from runner.agent.loop import DELEGATE
from runner.config.arms import Arm, ExecutorSeat, Limits, Seat
from runner.errors import (
    EnvironmentProblem,
    ModelFailure,
    SandboxFailure,
    ToolError,
    UsageError,
)
from runner.events import CallReserved, CheckDone, Event, Phase, TrialEnded, TrialStarted
from runner.judge.change import Change
from runner.judge.judge import REPORT
from runner.ledger.transcript import Entry, Opened
from runner.trial import Prompts, TrialSpec, World, run_trial
from runner.types import ExecResult, Message, Model, Reply, Role, ToolCall, ToolSpec, TreeEntry

STARTING = {"typer/a.py": b"x = 1\n"}
TEST = "tests/test_a.py::test_1"
GREEN = {
    "mypy": {"exit": 0},
    "ruff_check": {"exit": 0},
    "pytest": {"exit": 0, "tests": {TEST: "passed"}},
}
RED = {**GREEN, "mypy": {"exit": 1}}
SOLO = Arm("S", "Solo", Seat("anthropic", "big"), None, {"default": 4}, Limits())
PAIR = replace(SOLO, id="P", executor=ExecutorSeat("ollama", "small", summary_chars=500))


@dataclass
class Stage:
    """A made-up world: its models are played, its sandboxes are dicts."""

    lead: list[Reply | Exception] = field(default_factory=lambda: [says("DONE")])
    executor: list[Reply | Exception] = field(default_factory=list)
    arm: Arm = SOLO
    report: object = field(default_factory=lambda: GREEN)
    own_harness: ExecResult = field(default_factory=lambda: ran(b'{"green": true}'))
    found: Sequence[TreeEntry] = (entry("typer/a.py", b"x = 1\n"),)
    at: dict[str, BaseException] = field(default_factory=dict)  # what fails, by name
    events: list[Event] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)  # what happened outside, in order
    kept: list[Change] = field(default_factory=list)

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.at:
            raise self.at[name]

    def run(self, sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        if "--report" in argv:
            self.step("judge's tools")
            sandbox.files[REPORT] = json.dumps(self.report).encode()
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
        world = World(
            open_sandbox=self.open_sandbox,
            open_model=self.open_model,
            pristine=STARTING,
            starting=STARTING,
            expected_tests=frozenset({TEST}),
            keep_change=self.keep,
            bash_timeout_s=10,
            bash_timeout_max_s=20,
            judge_timeout_s=30,
        )
        spec = replace(given, **changed)  # type: ignore[arg-type]
        return run_trial(spec, world, self.record, self.entries.append)


# ---- what a trial counts as --------------------------------------------------------------

POOR = replace(SOLO, limits=Limits(usd=0.0001))
HASTY = replace(SOLO, limits=Limits(seconds=1e-9))
LONG = ModelFailure("too long", kind="context_length", lost=False)

STATUSES: dict[str, tuple[Callable[[], Stage], str, bool, str]] = {
    "right": (Stage, "solved", True, "every check passed"),
    "wrong": (lambda: Stage(report=RED), "failed", False, "checks not passed: mypy"),
    "no report": (lambda: Stage(report=[]), "failed", False, "mypy, ruff_check, pytest, test_ids"),
    "silent and right": (lambda: Stage([says()] * 3), "solved", True, "every check"),
    "silent and wrong": (lambda: Stage([says()] * 3, report=RED), "failed", False, "'silent'"),
    "refused": (lambda: Stage([says("No.", "refusal")], report=RED), "failed", False, "'refused'"),
    "context": (lambda: Stage([LONG], report=RED), "failed", False, "'context'"),
    "blocked": (lambda: Stage([says("BLOCKED: why")]), "blocked", True, "BLOCKED: why"),
    "cap, wrong": (lambda: Stage([calls(bash("ls"))] * 4, report=RED), "cap", False, "4 turns"),
    "cap, right": (lambda: Stage([calls(bash("ls"))] * 4), "cap", True, "all its 4 turns"),
    "no money": (lambda: Stage(arm=POOR), "budget", True, "limit of $0.00"),
    "no time": (lambda: Stage(arm=HASTY), "timeout", True, "its limit is 1e-09 s"),
    "model gone": (
        lambda: Stage([ModelFailure("overloaded", kind="overloaded_error")]),
        "infra",
        False,
        "overloaded",
    ),
    "no agent sandbox": (
        lambda: Stage(at={"open agent": SandboxFailure("no engine")}),
        "infra",
        False,
        "no engine",
    ),
    "sandbox gone": (
        lambda: Stage([calls(bash("ls"))], at={"command": SandboxFailure("gone")}),
        "infra",
        False,
        "gone",
    ),
    "never at rest": (
        lambda: Stage(at={"quiesce": SandboxFailure("still running")}),
        "infra",
        False,
        "still running",
    ),
    "judge gone": (
        lambda: Stage(at={"judge's tools": SandboxFailure("judge lost")}),
        "infra",
        False,
        "judge lost",
    ),
    "a monstrous tree": (
        lambda: Stage(at={"look through": ToolError("more than 50000 entries")}),
        "failed",
        False,
        "checks not passed: change",
    ),
    "a link": (
        lambda: Stage(found=[entry("typer/a.py", kind="symlink", sha256=None)]),
        "failed",
        False,
        "checks not passed: change",
    ),
}


@pytest.mark.parametrize("name", STATUSES)
def test_how_a_trial_is_counted_and_why(name: str) -> None:
    make, status, success, reason = STATUSES[name]
    stage = make()
    ended = stage()
    assert (ended.status, ended.success) == (status, success)
    assert reason in ended.reason
    assert stage.events[-1] == ended
    assert [type(event) for event in stage.events].count(TrialEnded) == 1
    opened = {step.removeprefix("open ") for step in stage.steps if step.startswith("open ")}
    closed = {step.removeprefix("close ") for step in stage.steps if step.startswith("close ")}
    assert closed == opened - set(step.removeprefix("open ") for step in stage.at)


def test_a_limit_met_is_judged_all_the_same() -> None:
    stage = Stage(arm=POOR)
    stage()
    assert "judge's tools" in stage.steps
    assert any(isinstance(event, CheckDone) for event in stage.events)


def test_a_model_that_is_gone_is_not_judged_and_its_turns_count() -> None:
    stage = Stage([calls(bash("ls")), ModelFailure("gone", kind="connection")])
    assert stage().iterations == 2
    assert "open judge" not in stage.steps
    assert "look through" not in stage.steps


# ---- what ends more than the trial -------------------------------------------------------

PLACES = ["open agent", "open solo", "command", "quiesce", "keep", "own harness", "open judge"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a bug")], ids=["^C", "bug"])
def test_an_interrupt_or_a_bug_is_on_record_and_then_raised(
    place: str, error: BaseException
) -> None:
    stage = Stage([calls(bash("ls")), says("DONE")], at={place: error})
    with pytest.raises(type(error)):
        stage()
    ended = stage.events[-1]
    assert isinstance(ended, TrialEnded)
    assert (ended.status, ended.success) == ("infra", False)
    said = "interrupted" if isinstance(error, KeyboardInterrupt) else "a bug"
    assert said in ended.reason


@pytest.mark.parametrize("place", [*PLACES, "CallReserved", "TrialStarted", "CheckDone"])
@pytest.mark.parametrize("kind", [EnvironmentProblem, UsageError])
def test_what_the_operator_must_mend_is_raised_at_once(place: str, kind: type[Exception]) -> None:
    stage = Stage([calls(bash("ls")), says("DONE")], at={place: kind("disk full")})
    with pytest.raises(kind, match="disk full"):
        stage()
    assert not any(isinstance(event, TrialEnded) for event in stage.events)
    assert stage.steps.count("open agent") == stage.steps.count("close agent") + (
        place == "open agent"
    )


# ---- what is on record -------------------------------------------------------------------


def test_the_first_line_says_what_is_tried() -> None:
    stage = Stage()
    stage()
    first = stage.events[0]
    assert isinstance(first, TrialStarted)
    assert (first.trial_id, first.run_id, first.arm, first.task) == ("t1", "r1", "S", "T9")
    assert (first.trial, first.attempt, first.provider_kind) == (2, 3, "scripted")
    assert first.manifest == {"seed": 1}
    assert first.started_at.endswith("+00:00")


def test_phases_come_in_order_and_end_with_their_seconds() -> None:
    stage = Stage()
    stage()
    phases = [event for event in stage.events if isinstance(event, Phase)]
    begun = [phase.name for phase in phases if phase.seconds is None]
    ended = [phase.name for phase in phases if phase.seconds is not None]
    assert begun == ["sandbox", "agent", "harness", "judge"]
    assert ended == begun


def test_the_agent_is_at_rest_before_its_tree_is_read_and_gone_before_the_judge_comes() -> None:
    stage = Stage()
    stage()
    outside = [step for step in stage.steps if not step[0].isupper()]
    assert outside == [
        "open agent",
        "open solo",
        "close solo",
        "quiesce",
        "look through",
        "keep",
        "own harness",
        "close agent",
        "open judge",
        "judge's tools",
        "close judge",
    ]


def test_every_check_of_the_verdict_is_on_record() -> None:
    stage = Stage(report=RED)
    stage()
    done = {event.name: event.passed for event in stage.events if isinstance(event, CheckDone)}
    assert done == {
        "change": True,
        "applied": True,
        "mypy": False,
        "ruff_check": True,
        "pytest": True,
        "test_ids": True,
    }


@pytest.mark.parametrize(
    ("own", "green", "detail"),
    [
        (ran(b'noise\n{"mypy": 0}'), True, {"mypy": 0}),
        (ran(b'{"mypy": 1}', 1), False, {"mypy": 1}),
        (ran(b"no json"), True, {"output": ["no json"]}),
        (ran(b"[" * 9999), True, {"output": ["[" * 9999]}),
        (ran(b""), True, {"output": []}),
        (ran(b"{}", None, 9), False, {}),
        (ran(b"{}", 0, None, timed_out=True), False, {}),
    ],
)
def test_the_published_criterion_is_kept_beside_the_verdict(
    own: ExecResult, green: bool, detail: object
) -> None:
    ended = Stage(own_harness=own)()
    assert (ended.success, ended.harness_green) == (True, green)
    assert ended.detail == {"harness": detail}


def test_the_change_is_kept_before_anything_is_judged() -> None:
    stage = Stage(found=())
    stage()
    assert stage.kept == [Change({}, ("typer/a.py",), (), {})]


def test_seconds_add_up() -> None:
    ended = Stage([calls(bash("ls")), says("DONE")])()
    assert ended.model_s == 1.0  # two replies of half a second, by their own account
    assert 0 < ended.tool_s < ended.wall_s
    assert 0 < ended.judge_s < ended.wall_s
    assert ended.iterations == 2


def test_judging_that_broke_off_took_its_time_too() -> None:
    ended = Stage(at={"judge's tools": SandboxFailure("lost")})()
    assert 0 < ended.judge_s < ended.wall_s


# ---- who plays ---------------------------------------------------------------------------


def test_a_solo_has_no_one_to_delegate_to() -> None:
    stage = Stage()
    stage()
    (opened,) = stage.entries[:1]
    assert isinstance(opened, Opened)
    assert (opened.role, opened.system) == ("solo", "You are alone.")
    assert [tool.name for tool in opened.tools] == ["bash", "str_replace_editor"]


def test_an_orchestrator_and_its_executor_work_in_the_same_sandbox() -> None:
    stage = Stage(
        lead=[calls(ToolCall("d1", DELEGATE, {"instruction": "Fix it."})), says("DONE")],
        executor=[calls(bash("ls")), says("DONE: fixed")],
        arm=PAIR,
    )
    assert stage().status == "solved"
    opened = [each for each in stage.entries if isinstance(each, Opened)]
    assert [(each.role, each.system, each.model) for each in opened] == [
        ("orchestrator", "You lead.", "big"),
        ("executor", "You obey.", "small"),
    ]
    assert [tool.name for tool in opened[0].tools][-1] == DELEGATE
    assert DELEGATE not in [tool.name for tool in opened[1].tools]
    assert stage.steps.count("open agent") == 1
    reserved = [event for event in stage.events if isinstance(event, CallReserved)]
    assert [event.role for event in reserved] == [
        "orchestrator",
        "executor",
        "executor",
        "orchestrator",
    ]


def test_a_cap_given_for_the_trial_counts_and_not_the_arms() -> None:
    stage = Stage([calls(bash("ls"))] * 4)
    ended = stage(max_turns=2)
    assert (ended.status, ended.iterations) == ("cap", 2)


def test_the_task_is_what_the_lead_is_told() -> None:
    seen: list[tuple[Message, ...]] = []

    class Listening(PlayedModel):
        def reply(
            self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
        ) -> Reply:
            seen.append(tuple(messages))
            return super().reply(system, messages, tools)

    class Heard(Stage):
        @contextmanager
        def open_model(self, seat: Seat, role: Role) -> Iterator[Model]:
            yield Listening(seat.model, self.lead)

    Heard()()
    assert [message.text for message in seen[0]] == ["Mend it."]  # type: ignore[union-attr]
