from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes import bash, calls, entry, says
from stage import PAIR, RED, SOLO, Stage

from runner.config.arms import Limits
from runner.errors import (
    EnvironmentProblem,
    ModelFailure,
    SandboxFailure,
    ToolError,
    UsageError,
)
from runner.events import CheckDone, TrialEnded
from runner.types import DELEGATE, ToolCall

# ---- what a trial counts as --------------------------------------------------------------

POOR = replace(SOLO, limits=Limits(usd=0.0001))
HASTY = replace(SOLO, limits=Limits(seconds=1e-9))
DELEGATED = ToolCall("d1", DELEGATE, {"instruction": "Fix a.py"})
LONG = ModelFailure("too long", kind="context_length", lost=False)

STATUSES: dict[str, tuple[Callable[[], Stage], str, bool, str]] = {
    "right": (Stage, "solved", True, "every check passed"),
    "wrong": (lambda: Stage(report=RED), "failed", False, "checks not passed: mypy"),
    "no report": (
        lambda: Stage(silent=1),
        "failed",
        False,
        "mypy, ruff_check, pytest, evidence, test_ids, canaries",
    ),
    "no report without the change either": (
        lambda: Stage(silent=2),
        "infra",
        False,
        "without the change too",
    ),
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
        "without the change too: the container was lost",
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


@pytest.mark.parametrize("kind", ["truncated", "context_size"])
@pytest.mark.parametrize("role", ["solo", "executor"])
def test_a_prompt_that_may_have_been_cut_says_nothing_of_the_arm(kind: str, role: str) -> None:
    cut = ModelFailure("the server cut the prompt", kind=kind)
    alone = Stage([calls(bash("ls")), cut])
    pair = Stage([calls(DELEGATED)], executor=[calls(bash("ls")), cut], arm=PAIR)
    stage = alone if role == "solo" else pair
    ended = stage()
    assert (ended.status, ended.success) == ("infra", False)
    assert ended.detail["kind"] == kind
    assert "judge's tools" not in stage.steps
    assert "context_full" not in ended.detail


def test_an_executors_full_context_is_the_arms_and_marked_on_the_trial() -> None:
    stage = Stage(
        [calls(DELEGATED), calls(DELEGATED), says("DONE")],
        executor=[calls(bash("ls")), LONG, LONG],
        arm=PAIR,
    )
    ended = stage()
    assert (ended.status, ended.detail["context_full"]) == ("solved", 2)
    assert "context_full" not in Stage()().detail


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
    ends = [event for event in stage.events if isinstance(event, TrialEnded)]
    # On record as the runner's stop, unless not even the beginning could be put there.
    assert [(end.status, "disk full" in end.reason) for end in ends] == (
        [] if place == "TrialStarted" else [("infra", True)]
    )
    assert stage.steps.count("open agent") == stage.steps.count("close agent") + (
        place == "open agent"
    )
