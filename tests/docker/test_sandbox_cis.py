"""The CIS benchmark's container settings, on a container of ours and on a plain one."""

from collections.abc import Iterator

import pytest
from plain_image_parts import Opener

from runner.attack.box import BoxPlan, open_box
from runner.sandbox.cis import broken
from runner.sandbox.container import DockerSandbox
from runner.sandbox.engine import Engine, inspect_container
from runner.sandbox.limits import AGENT
from runner.sandbox.programs import open_exec

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def sandbox(open_plain: Opener) -> Iterator[DockerSandbox]:
    with open_plain() as sandbox:
        yield sandbox


def broken_ids(engine: Engine, container: str) -> set[str]:
    found = inspect_container(engine, container)
    assert found is not None
    return {setting.id for setting in broken(found)}


def test_a_plain_container_breaks_many(engine: Engine, plain_image: str) -> None:
    socket = "/var/run/docker.sock"
    plan = BoxPlan(user="0:0", network="host", host={"binds": [f"{socket}:{socket}:ro"]})
    with open_box(engine, plain_image, plan, run_id="test", trial_id="cis") as box:
        assert broken_ids(engine, box.container) >= {
            *("5.4", "5.6", "5.10", "5.12", "5.13", "5.17", "5.19", "5.20"),
            *("5.22", "5.26", "5.30", "5.31", "5.32"),
        }


def test_a_container_of_ours_breaks_none(engine: Engine, sandbox: DockerSandbox) -> None:
    assert broken_ids(engine, sandbox.container) == set()


def test_no_program_is_started_in_it_as_root_or_with_privileges(
    engine: Engine, sandbox: DockerSandbox
) -> None:
    found = inspect_container(engine, sandbox.container)
    assert found is not None
    (program,) = found["ExecIDs"]  # the tool server, which starts all else
    asked = engine.client.api.exec_inspect(program)["ProcessConfig"]
    assert (asked["privileged"], asked["user"]) == (False, AGENT)


def test_the_engine_says_as_whom_a_program_was_started(
    engine: Engine, sandbox: DockerSandbox
) -> None:
    wire = open_exec(engine, sandbox.container, ["sleep", "60"], "10003:10003", {})
    asked = engine.client.api.exec_inspect(wire.program)["ProcessConfig"]
    wire.close()
    assert asked["user"] == "10003:10003"


def test_there_is_no_ssh_server(sandbox: DockerSandbox) -> None:
    search = "find / -xdev '(' -name sh -o -name 'sshd*' ')' 2>/dev/null"
    found = sandbox.run(["sh", "-c", search], timeout_s=60).output.split()
    assert {path.rpartition(b"/")[2] for path in found} == {b"sh"}
