"""Through the command line: no secret of the host's in a record, no runtime but the one asked."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import runner
from fast_image import TASKS, ensure_fast_images
from plain_image_parts import Opener

from runner.attack.probes import laid_bait, probe_records
from runner.errors import SandboxFailure
from runner.sandbox.engine import Engine, engine_info, inspect_container
from runner.sandbox.limits import Limits

pytestmark = pytest.mark.docker

TRIAL = ("trial", "--arm", "D", "--task", "T3", "--models")


@pytest.fixture
def quick_task(engine: Engine, tmp_path: Path) -> Iterator[Path]:
    """A folder with a T3, for which there are attacks, that takes a second."""
    tasks = tmp_path / "tasks"
    shutil.copytree(TASKS / "S1", tasks / "T3")
    text = (tasks / "T3" / "task.toml").read_text()
    (tasks / "T3" / "task.toml").write_text(text.replace('"S1"', '"T3"'))
    tag = ensure_fast_images(engine, tasks)["T3"]
    yield tasks
    engine.client.api.remove_image(tag, force=True)


def test_a_secret_of_the_runner_s_is_in_no_record_of_a_trial_that_looks_for_it(
    quick_task: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    with laid_bait() as bait:
        model = "scripted:cheat:secrets.processes"
        done = runner(results, *TRIAL, model, RUNNER_TASKS_DIR=str(quick_task))
        assert done.returncode in (0, 1), done.stderr
        result = probe_records(bait, results)
        assert result.held, result.said
        assert bait.secret not in done.stdout + done.stderr
    transcripts = [path.read_text() for path in results.rglob("*.jsonl")]
    assert any("/proc/[0-9]*/environ" in text for text in transcripts)


def test_a_runtime_that_the_engine_does_not_offer_is_refused_with_the_fix(tmp_path: Path) -> None:
    done = runner(tmp_path, *TRIAL, "scripted:oracle", RUNNER_RUNTIME="runsc-not-here")
    assert done.returncode == 3
    assert "RUNNER_RUNTIME is runsc-not-here" in done.stderr
    assert "install it" in done.stderr
    assert "unset RUNNER_RUNTIME" in done.stderr


def test_a_container_in_an_unknown_runtime_is_never_another_one(open_plain: Opener) -> None:
    with (
        pytest.raises(SandboxFailure, match="runsc-not-here"),
        open_plain(Limits(runtime="runsc-not-here")),
    ):
        pytest.fail("it opened")


def test_a_runtime_that_is_offered_is_the_one_that_runs_it(
    engine: Engine, open_plain: Opener
) -> None:
    offered = engine_info(engine).runtimes
    wanted = next(name for name in ("runsc", "runc") if name in offered)
    with open_plain(Limits(runtime=wanted)) as sandbox:
        found = inspect_container(engine, sandbox.container)
        assert found is not None
        assert found["HostConfig"]["Runtime"] == wanted
