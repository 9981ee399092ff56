"""The sandbox suite in containers, and what a command cannot do to its container."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from commandline import listen_to_interrupts
from plain_image_parts import Opener, base_image
from sandbox_conformance import CommandsConformance, sh
from sandbox_files_conformance import EntriesConformance, FilesConformance

from runner.errors import EnvironmentProblem, SandboxFailure, ToolError
from runner.sandbox.container import DockerSandbox, open_sandbox
from runner.sandbox.engine import (
    Engine,
    container_processes,
    inspect_container,
    remove_container,
)
from runner.sandbox.limits import AGENT, Limits
from runner.sandbox.programs import open_exec
from runner.sandbox.reaper import live_containers

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def shared(open_plain: Opener) -> Iterator[DockerSandbox]:
    with open_plain() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: DockerSandbox) -> DockerSandbox:
    """One container for the suite: commands leave nothing behind, so files are all to clear."""
    sh(shared, "cd ..; rm -rf repo home cache; mkdir repo home cache")
    return shared


@pytest.fixture
def fresh(open_plain: Opener) -> Iterator[DockerSandbox]:
    with open_plain() as sandbox:
        yield sandbox


class TestCommands(CommandsConformance):
    pass


class TestFiles(FilesConformance):
    pass


class TestEntries(EntriesConformance):
    pass


def test_the_task_s_tree_is_there_at_the_first_call(fresh: DockerSandbox) -> None:
    assert fresh.listing("") == (".git/", "README.md", "pkg/")
    assert sh(fresh, "cat ../cache/mypy/seed").output == b"warm\n"


def test_an_image_that_is_not_there_names_the_fix(engine: Engine) -> None:
    with (
        pytest.raises(EnvironmentProblem, match="make image"),
        open_sandbox(engine, "runner/no-such:image", run_id="test", trial_id="test"),
    ):
        pytest.fail("it opened")


@pytest.mark.parametrize("bomb", [":(){ :|:& };:", "f(){ setsid bash -c f & f; }; export -f f; f"])
def test_a_fork_bomb_ends_with_its_command(fresh: DockerSandbox, bomb: str) -> None:
    began = time.monotonic()
    sh(fresh, bomb + "; sleep 60", timeout_s=2)
    assert sh(fresh, "echo calm").output == b"calm\n"
    assert time.monotonic() - began < 20
    fresh.quiesce()


def test_a_memory_bomb_kills_the_command_not_the_sandbox(open_plain: Opener) -> None:
    with open_plain(Limits(memory_bytes=128 * 1024 * 1024)) as small:
        result = small.run(["python3", "-c", "x = b'x' * 10**9"], timeout_s=30)
        assert result.exit_code != 0
        assert sh(small, "echo alive").output == b"alive\n"


def test_a_full_work_folder_is_told_and_the_sandbox_lives(open_plain: Opener) -> None:
    with open_plain(Limits(work_bytes=8 * 1024 * 1024)) as small:
        assert b"No space left" in sh(small, "head -c 20000000 /dev/zero > big").output
        with pytest.raises(ToolError, match="No space left"):
            small.write("file", b"x" * 100_000)
        sh(small, "rm big")
        small.write("file", b"x" * 100_000)
        assert small.listing("") == (".git/", "README.md", "file", "pkg/")


def test_killing_everything_leaves_the_container_and_a_new_server(fresh: DockerSandbox) -> None:
    result = sh(fresh, "echo x > kept; kill -9 -1; sleep 5")
    assert result.signal == 9
    assert b"tool server" in result.output
    assert not result.timed_out
    assert fresh.read("kept") == b"x\n"


def test_what_outlived_a_killed_server_is_killed_too(fresh: DockerSandbox) -> None:
    sh(fresh, "(setsid sleep 300 &) & kill -9 $PPID; sleep 300")
    assert b"sleep" not in sh(fresh, "cat /proc/[0-9]*/cmdline | grep -av infinity").output


def test_the_keep_alive_cannot_be_killed_by_a_command(fresh: DockerSandbox) -> None:
    assert sh(fresh, "kill -9 1; pkill -9 sleep; kill -9 $(seq 2 8) 2>/dev/null; true").output
    assert sh(fresh, "echo alive").output == b"alive\n"


def test_a_server_killed_again_and_again_ends_in_an_answer_to_the_model(
    fresh: DockerSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.sandbox.container._LOSSES_CAP", 2)
    for _ in range(2):
        assert sh(fresh, "kill -9 -1").signal == 9
    with pytest.raises(ToolError, match="too often"):
        sh(fresh, "true")
    assert fresh.read("README.md") == b"a task\n"


def test_a_stopped_server_meets_the_host_s_deadline(
    fresh: DockerSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.sandbox.served.BACKSTOP_S", 1.0)
    result = sh(fresh, "kill -STOP $PPID; sleep 300", timeout_s=1)
    assert result.timed_out
    assert result.signal == 9
    assert sh(fresh, "echo after").output == b"after\n"


def test_a_fork_bomb_that_first_kills_the_server_is_cleared(fresh: DockerSandbox) -> None:
    result = sh(fresh, "kill -9 $PPID; :(){ :|:& };:; sleep 60", timeout_s=5)
    assert result.signal == 9
    assert sh(fresh, "echo calm").output == b"calm\n"


@pytest.mark.parametrize("script", ["sleep 300", "yes"])
def test_a_container_removed_in_mid_command_is_a_failure_at_once(
    engine: Engine, open_plain: Opener, script: str
) -> None:
    with open_plain() as sandbox:
        removal = threading.Timer(0.5, remove_container, (engine, sandbox.container))
        removal.start()
        began = time.monotonic()
        with pytest.raises(SandboxFailure, match="container"):
            sh(sandbox, script, timeout_s=60)
        assert time.monotonic() - began < 10
        removal.join()
        for again in (lambda: sandbox.read("README.md"), sandbox.quiesce):
            with pytest.raises(SandboxFailure):
                again()


def test_quiesce_leaves_the_keep_alive_and_nothing_else(
    engine: Engine, fresh: DockerSandbox
) -> None:
    # A process no command of ours started, as an escaped one would be.
    stray = open_exec(engine, fresh.container, ["sleep", "300"], AGENT, {})
    fresh.quiesce()
    stray.close()
    names = {row["comm"] for row in container_processes(engine, fresh.container)}
    assert names == {"docker-init", "sleep"}
    assert len(container_processes(engine, fresh.container)) == 2
    assert sh(fresh, "echo on").output == b"on\n"


def test_entries_quiesce_first(engine: Engine, fresh: DockerSandbox) -> None:
    stray = open_exec(
        engine, fresh.container, ["bash", "-c", "while :; do date > /work/repo/x; done"], AGENT, {}
    )
    written_by = time.monotonic() + 30
    while "x" not in fresh.listing("."):
        assert time.monotonic() < written_by
    first = fresh.entries()
    stray.close()
    assert fresh.entries() == first
    assert {entry.path for entry in first} == {"README.md", "pkg/mod.py", "x"}


def test_an_image_without_a_tool_server_says_what_is_missing(engine: Engine) -> None:
    image = base_image(engine)
    with (
        pytest.raises(SandboxFailure, match=r"toolserver\.py.*No such file"),
        open_sandbox(engine, image, run_id="test", trial_id="bare"),
    ):
        pytest.fail("it opened")
    assert "bare" not in {container.trial_id for container in live_containers(engine)}


def test_a_signal_in_mid_command_leaves_no_container(engine: Engine, plain_image: str) -> None:
    program = (
        "from runner.sandbox.container import open_sandbox\n"
        "from runner.sandbox.engine import connect\n"
        f"with open_sandbox(connect(), {plain_image!r}, run_id='test', trial_id='int') as s:\n"
        "    print(s.container, flush=True)\n"
        "    s.run(['sleep', '300'], timeout_s=400)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        preexec_fn=listen_to_interrupts,
    )
    assert child.stdout is not None
    with child:
        name = child.stdout.readline().decode().strip()
        assert inspect_container(engine, name) is not None
        child.send_signal(2)
        child.wait(20)
    assert inspect_container(engine, name) is None
