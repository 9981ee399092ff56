from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from fakes import PlayedModel, bash, calls, ran, says
from stage import PAIR, RED, Stage

from runner.agent.loop import DELEGATE
from runner.config.arms import Seat
from runner.errors import SandboxFailure, ToolError
from runner.events import CallReserved, CheckDone, Phase, TrialStarted
from runner.judge.change import Change
from runner.judge.static import COMMON
from runner.ledger.transcript import Opened
from runner.types import ExecResult, Message, Model, Reply, Role, ToolCall, ToolSpec


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
    tools = ("mypy", "ruff_check", "pytest", "evidence", "test_ids", "canaries")
    assert list(done) == ["change", *COMMON, "applied", *tools]
    assert [name for name, passed in done.items() if not passed] == ["mypy"]


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
    assert ended.detail["harness"] == detail


def test_an_agent_whose_commands_are_run_no_more_is_not_green_and_is_judged() -> None:
    ended = Stage(at={"own harness": ToolError("no more of them are run")})()
    assert (ended.success, ended.harness_green) == (True, False)
    assert ended.detail["harness"] == {"output": ["no more of them are run"]}


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
