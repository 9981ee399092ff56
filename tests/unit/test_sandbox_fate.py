"""Whose failure a lost container is, and that it stays so all the way to the record."""

import pickle
from collections.abc import Callable

import pytest
from fakes import bash, calls
from stage import Stage

from runner.errors import SandboxFailure

STARVED = SandboxFailure("commands used up the container's memory", "failed")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stage([calls(bash("ls"))], at={"command": STARVED}),
        lambda: Stage(at={"quiesce": STARVED}),
    ],
    ids=["in mid command", "at its end"],
)
def test_a_trial_whose_commands_starved_the_container_is_a_result(
    make: Callable[[], Stage],
) -> None:
    ended = make()()
    assert (ended.status, ended.success) == ("failed", False)
    assert "used up" in ended.reason


def test_a_lost_container_is_the_machine_s_failure_unless_said_otherwise() -> None:
    assert SandboxFailure("gone").status == "infra"


def test_whose_failure_it_is_survives_the_way_from_another_process() -> None:
    assert pickle.loads(pickle.dumps(STARVED)).status == "failed"
