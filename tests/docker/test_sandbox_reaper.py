"""Containers of dead runners go, everybody else's stay; ours never outlive their block."""

import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from plain_image_parts import Opener

from runner.errors import SandboxFailure
from runner.sandbox import container as sandbox_container
from runner.sandbox import engine as sandbox_engine
from runner.sandbox.engine import (
    Engine,
    create_container,
    inspect_container,
    remove_container,
    start_container,
)
from runner.sandbox.limits import Limits
from runner.sandbox.reaper import OWNER_LABEL, live_containers, owner, reap

pytestmark = pytest.mark.docker


def made(engine: Engine, image: str, label: str | None) -> str:
    name = f"reaper-test-{uuid.uuid4().hex[:12]}"
    labels = {} if label is None else {OWNER_LABEL: label}
    create_container(
        engine, image, name, {"network_mode": "none"}, command=["sleep", "300"], labels=labels
    )
    start_container(engine, name)
    return name


@pytest.fixture
def dead_owner() -> str:
    program = "from runner.sandbox.reaper import owner; print(owner())"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def container(engine: Engine, plain_image: str, request: pytest.FixtureRequest) -> Iterator[str]:
    name = made(engine, plain_image, request.param)
    yield name
    remove_container(engine, name)


def test_a_dead_runners_container_is_removed(
    engine: Engine, plain_image: str, dead_owner: str
) -> None:
    name = made(engine, plain_image, dead_owner)
    removed = reap(engine)
    assert inspect_container(engine, name) is None
    assert dead_owner in {container.owner for container in removed}


def test_a_later_process_with_the_same_id_is_not_the_owner(
    engine: Engine, plain_image: str
) -> None:
    machine, pid, started = owner().split(":")
    name = made(engine, plain_image, f"{machine}:{pid}:{int(started) - 1}")
    reap(engine)
    assert inspect_container(engine, name) is None


@pytest.mark.parametrize(
    "container",
    [None, "", "nonsense", "a:b:c", "another-machine-4026531836:1:1", owner()],
    indirect=True,
    ids=["unlabelled", "empty", "garbage", "no-pid", "another-machine", "alive"],
)
def test_everybody_elses_containers_survive(engine: Engine, container: str) -> None:
    reap(engine)
    found = inspect_container(engine, container)
    assert found is not None
    assert found["State"]["Running"]


def test_a_living_sandbox_is_listed_and_survives(engine: Engine, open_plain: Opener) -> None:
    with open_plain() as sandbox:
        reap(engine)
        (mine,) = [item for item in live_containers(engine) if item.owner == owner()]
        assert (mine.run_id, mine.state, mine.orphan) == ("test", "running", False)
        assert sandbox.run(["true"], timeout_s=5).exit_code == 0


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt, SystemExit, SandboxFailure])
def test_no_container_outlives_its_block(
    engine: Engine, open_plain: Opener, problem: type[BaseException]
) -> None:
    with pytest.raises(problem), open_plain() as sandbox:
        raise problem("in the block")
    assert inspect_container(engine, sandbox.container) is None


def test_a_container_that_cannot_start_is_removed(engine: Engine, open_plain: Opener) -> None:
    before = {item.id for item in live_containers(engine)}
    # Less memory than the engine's smallest: refused when it is made; a folder too small for
    # the tree: refused when its tool server starts.
    for limits in (Limits(memory_bytes=1), Limits(work_bytes=4096)):
        with pytest.raises(SandboxFailure), open_plain(limits):
            pytest.fail("it opened")
    mine = [item for item in live_containers(engine) if item.owner == owner()]
    assert not {item.id for item in mine} - before


@pytest.mark.parametrize("phase", ["create_container", "start_container", "open_exec"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_interrupt_while_it_opens_leaves_no_container(
    engine: Engine, open_plain: Opener, monkeypatch: pytest.MonkeyPatch, phase: str, after: bool
) -> None:
    """Ctrl-C around each request to the engine; the request itself is the real one."""
    place = sandbox_container if phase == "open_exec" else sandbox_engine
    real = getattr(place, phase)

    def interrupted(*arguments: object, **settings: object) -> object:
        if after and hasattr(result := real(*arguments, **settings), "close"):
            result.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(place, phase, interrupted)
    with pytest.raises(KeyboardInterrupt), open_plain():
        pytest.fail("it opened")
    assert not [item for item in live_containers(engine) if item.owner == owner()]
