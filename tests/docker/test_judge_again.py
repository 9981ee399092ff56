"""`runner judge` on real containers of a quick stand-in image: what was kept, as it was judged."""

import json
import subprocess
from pathlib import Path

import pytest
from commandline import runner, start
from fast_image import TASKS, ensure_fast_images

from runner.sandbox.engine import Engine

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def results(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of two trials: one that solves its task, one that does nothing."""
    ensure_fast_images(engine)
    results = tmp_path_factory.mktemp("results")
    for persona in ("oracle", "nop"):
        command(results, "trial", "--arm", "D", "--task", "S1", "--models", f"scripted:{persona}")
    return results


def command(results: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return runner(results, *arguments, RUNNER_TASKS_DIR=str(TASKS))


@pytest.mark.parametrize(("trial", "code"), [("D-S1-0-1", 0), ("D-S1-0-2", 1)])
def test_a_stored_change_is_judged_again_as_it_was(results: Path, trial: str, code: int) -> None:
    again = [command(results, "judge", f"scripted-{trial}", "--json") for _ in range(2)]
    assert [done.returncode for done in again] == [code, code]
    assert again[0].stdout == again[1].stdout
    verdict = json.loads(again[0].stdout)
    lines = (results / "journal" / f"scripted-{trial}.jsonl").read_text().splitlines()
    events = [json.loads(line).get("event", {}) for line in lines]
    recorded = [
        {key: event[key] for key in ("name", "passed", "detail")}
        for event in events
        if event.get("kind") == "CheckDone"
    ]
    assert verdict == {"success": code == 0, "checks": recorded}


def test_a_stored_change_can_be_brought_as_a_file(results: Path) -> None:
    path = results / "changes" / "scripted-D-S1-0-1.tar"
    done = command(results, "judge", "--change", str(path), "--task", "S1")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "PASSED"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("judge", "scripted-D-S1-0-1"), 0),
        (("judge", "scripted-D-S1-0-2"), 1),
        (("trial", "--arm", "A", "--task", "S1", "--models", "scripted"), 0),
    ],
)
def test_work_whose_reader_has_left_comes_to_the_same_end(
    results: Path, arguments: tuple[str, ...], code: int
) -> None:
    with start(results, *arguments, RUNNER_TASKS_DIR=str(TASKS)) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate(timeout=300)
    assert (process.returncode, said.count("nothing more can be printed")) == (code, 1), said
    if arguments[0] == "trial":
        assert '"status":"solved"' in (results / "journal" / "scripted-A-S1-0-1.jsonl").read_text()
