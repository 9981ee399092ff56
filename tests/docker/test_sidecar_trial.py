"""Trials whose executor is a local model, through the command line: the stand-in's container, a
server of somebody else's, and none at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commandline import ROOT, runner
from fast_image import TASKS, ensure_fast_images
from sidecars import MODEL, standin

from runner.config.ollama import load_pins
from runner.config.tasks import load_tasks
from runner.ledger.duck import query
from runner.models.ollama_store import pull_model
from runner.sandbox.engine import Engine, inspect_container
from runner.scripted.server import ScriptedServer, endpoint
from runner.scripted.solutions import tell
from runner.scripted.spec import Address
from runner.sidecar.container import running
from runner.sidecar.served import NAME, STANDIN
from runner.types import JsonObject

pytestmark = pytest.mark.docker

S1 = ("trial", "--task", "S1", "--arm")
FAST = {"RUNNER_TASKS_DIR": str(TASKS)}
PROGRAMS = ROOT / "tests" / "programs"
NO_REGISTRY = "127.0.0.1:9/ollama:none"


@pytest.fixture(scope="module", autouse=True)
def images(engine: Engine) -> None:
    ensure_fast_images(engine)


@contextmanager
def lead(role: str) -> Iterator[dict[str, str]]:
    """What a live lead needs: a key, and a vendor on loopback."""
    solutions = {task.id: task.solution for task in load_tasks(TASKS).values()}
    with ScriptedServer(solutions) as server:
        url = endpoint(server, "oracle", "S1", role)
        yield {**FAST, "ANTHROPIC_API_KEY": "a-key-of-nobody", "ANTHROPIC_BASE_URL": url}


def executor_calls(results: Path) -> list[tuple[int, int, float, JsonObject]]:
    """Tokens in and out, seconds and detail of each call of the executor's that was answered."""
    sql = (
        "select input_tokens, output_tokens, latency_s, detail from calls "
        "where role = 'executor' and error is null order by seq"
    )
    rows = query(results / "trials.duckdb", sql).rows
    return [
        (int(str(read)), int(str(written)), float(str(seconds)), json.loads(str(detail)))
        for read, written, seconds, detail in rows
    ]


def trial_of(results: Path) -> tuple[str, JsonObject, JsonObject]:
    """Status, the manifest's `ollama`, and what was waited for."""
    sql = "select status, manifest->'ollama', detail->'waits_s' from trials"
    ((status, ollama, waits),) = query(results / "trials.duckdb", sql).rows
    return str(status), json.loads(str(ollama)), json.loads(str(waits))


# ---- nothing to ask -------------------------------------------------------------------------


def test_without_ollama_arm_b_says_how_to_get_it_and_the_arms_without_it_run(
    engine: Engine, tmp_path: Path
) -> None:
    if inspect_container(engine, NAME):
        pytest.skip("a real Ollama runs here")
    with lead("orchestrator") as env:
        done = runner(tmp_path, *S1, "B", **env, OLLAMA_IMAGE=NO_REGISTRY)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "there is no Ollama: the Docker engine could not pull" in done.stderr
    for fix in ("docker load", "OLLAMA_IMAGE", "OLLAMA_HOST", "need none"):
        assert fix in done.stderr
    assert not (tmp_path / "journal").exists() or not list((tmp_path / "journal").iterdir())
    assert inspect_container(engine, NAME) is None
    with lead("solo") as env:
        for arm in ("A", "D"):
            done = runner(tmp_path, *S1, arm, **env, OLLAMA_IMAGE=NO_REGISTRY)
            assert done.returncode == 0, done.stdout + done.stderr
        done = runner(tmp_path, *S1, "C", "--dry-run", **env, OLLAMA_IMAGE=NO_REGISTRY)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- the stand-in ---------------------------------------------------------------------------


def test_a_scripted_arm_b_goes_through_the_container_which_dies_once_and_is_left_running(
    engine: Engine, tmp_path: Path
) -> None:
    played = "scripted:oracle?latency=0.02&fault=crash@2"
    done = runner(tmp_path, *S1, "B", "--models", played, **FAST)
    assert done.returncode == 0, done.stdout + done.stderr
    status, ollama, waits = trial_of(tmp_path)
    assert status == "solved"
    assert ollama["place"] == "standin"
    there = [each for each in running(engine, "standin") if each.host == ollama["host"]]
    assert len(there) == 1
    state = inspect_container(engine, there[0].name)
    assert state is not None
    assert state["RestartCount"] > 0
    model = ollama["models"][MODEL]
    assert model["size"] == 6_594_001_466
    assert model["capabilities"] == ["completion", "thinking", "tools"]
    assert (model["context_length"], model["context_loaded"]) == (262_144, 65_536)
    assert (ollama["gpu"], model["gpu_share"], model["quantisation"]) == ("cpu", 0.0, "none")
    assert len(model["digest"]) == 64
    assert model["preload_s"] >= 0
    lost = "select error from calls where role = 'executor' and error is not null"
    ((error,),) = query(tmp_path / "trials.duckdb", lost).rows
    assert str(error).startswith("connection_lost")
    assert 0 < waits["local model"] < 30
    calls = executor_calls(tmp_path)
    assert len(calls) == 3
    for read, written, seconds, detail in calls:
        assert read > 0
        assert written > 0
        assert seconds >= 0.02
        assert detail["context_loaded"] == 65_536
        assert detail["prompt_eval_s"] + detail["eval_s"] == pytest.approx(0.02)
        assert detail["tokens_per_s"] > 0
        assert detail["load_s"] == 0.0
        assert "watt_hours" not in detail


def test_clean_stops_it_and_takes_its_volume(engine: Engine, tmp_path: Path) -> None:
    with standin(engine) as there:
        done = runner(tmp_path, "clean")
        assert done.returncode == 0, done.stderr
        assert f"removed {there.name}" in done.stdout
        assert inspect_container(engine, there.name) is None
        volumes = engine.client.api.volumes(filters={"name": there.name})["Volumes"]
        assert not volumes


def test_the_command_starts_it_lists_its_models_and_stops_it(
    engine: Engine, tmp_path: Path
) -> None:
    scripted = ("ollama", "--models", "scripted")
    done = runner(tmp_path, *scripted, "--start")
    assert done.returncode == 0, done.stdout + done.stderr
    names = {each.name for each in running(engine, "standin")}
    assert any(name.startswith(STANDIN) for name in names)
    for options in ((), ("--pull", "another:1b")):
        done = runner(tmp_path, *scripted, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "on the CPU: a stand-in needs none" in done.stdout
        assert MODEL in done.stdout
    assert "another:1b: success" in done.stdout
    done = runner(tmp_path, *scripted, "--stop")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"stopped", *names}
    assert running(engine, "standin") == ()
    assert "it was not running" in runner(tmp_path, *scripted, "--stop").stdout
    assert "`runner ollama --start` starts it" in runner(tmp_path, *scripted).stdout


# ---- OLLAMA_HOST ----------------------------------------------------------------------------


def test_a_server_that_is_given_is_used_and_its_power_is_on_record(
    engine: Engine, tmp_path: Path
) -> None:
    solution = load_tasks(TASKS)["S1"].solution
    pinned = load_pins().models[MODEL]
    with standin(engine, digest=pinned) as there, lead("orchestrator") as env:
        pull_model(there.host, MODEL, lambda progress: None)
        task = tell(there.host, "S1", solution)
        host = there.host + Address("oracle?latency=0.02", task, "executor").path
        before = {each.name for each in running(engine, "ollama")}
        tools = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "FAKE_GPUS": "180.0, 50"}
        done = runner(tmp_path, *S1, "B", **env, **tools, OLLAMA_HOST=host)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {each.name for each in running(engine, "ollama")} == before
    status, ollama, _ = trial_of(tmp_path)
    assert (status, ollama["place"], ollama["power_measured"]) == ("solved", "given", True)
    assert ollama["models"][MODEL]["digest"] == pinned
    for _, _, seconds, detail in executor_calls(tmp_path):
        # The machine draws 180 W all the time, so a second is 0.05 Wh; half a GPU is busy.
        assert detail["watt_hours"] == pytest.approx(seconds * 0.05, rel=0.9, abs=1e-5)
        assert detail["gpu_s"] >= seconds * 0.5 - 0.001
