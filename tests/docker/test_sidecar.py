"""The container that serves local models, played by the stand-in: real engine, real client."""

import io
import json
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from commandline import ROOT
from sidecars import MODEL, recipe, removed, standin, state_of

from runner.config.ollama import Pins, load_pins
from runner.config.settings import Gpu
from runner.errors import EnvironmentProblem
from runner.image.standin import ensure_standin
from runner.models.ollama_store import Pulled, model_facts, pull_model
from runner.sandbox.engine import Engine, inspect_container
from runner.sidecar import served
from runner.sidecar.container import Sidecar, start
from runner.sidecar.power import Draw
from runner.sidecar.seats import LocalSeat
from runner.sidecar.served import (
    STANDIN,
    Screen,
    serve_given,
    serve_sidecar,
    serve_standin,
)
from runner.sidecar.warm import warmed
from runner.sidecar.watch import Sampler, Watch, power_source
from runner.types import UserText

pytestmark = pytest.mark.docker

PROGRAMS = ROOT / "tests" / "programs"
GO = [UserText("go")]
SEAT = LocalSeat(MODEL, 8192, loading={"num_ctx": 8192})


def say_nothing(line: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def pins() -> Pins:
    """Of models none: the stand-in's are not those that are pinned."""
    return replace(load_pins(), models={})


@pytest.fixture(scope="module")
def there(engine: Engine) -> Iterator[Sidecar]:
    """One without faults, with its model."""
    with standin(engine) as sidecar:
        pull_model(sidecar.host, MODEL, lambda progress: None)
        yield sidecar


# ---- GPUs: the real engine is asked ---------------------------------------------------------


@pytest.fixture
def no_nvidia(engine: Engine) -> None:
    if "nvidia" in engine.client.info()["Runtimes"]:
        pytest.skip("this engine has the runtime whose absence is tested")


@pytest.mark.usefixtures("no_nvidia")
def test_a_gpu_that_must_be_and_is_not_is_said_in_a_line_with_the_fix(engine: Engine) -> None:
    wanted = recipe(engine, gpu="on")
    with removed(engine, wanted.name):
        with pytest.raises(EnvironmentProblem) as caught:
            start(engine, wanted, say_nothing)
        assert inspect_container(engine, wanted.name) is None
    said = str(caught.value)
    assert said.startswith("OLLAMA_GPU=on, and the Docker engine has no NVIDIA runtime: install")
    assert "nvidia-ctk runtime configure --runtime=docker" in said
    assert "OLLAMA_GPU=off" in said
    assert "\n" not in said


@pytest.mark.usefixtures("no_nvidia")
def test_without_a_gpu_auto_takes_the_cpu_and_says_so_each_time(engine: Engine) -> None:
    told: list[str] = []
    wanted = recipe(engine, gpu="auto")
    with removed(engine, wanted.name):
        first = start(engine, wanted, told.append)
        again = start(engine, wanted, told.append)
    assert (first.gpu, first.why) == ("cpu", "the Docker engine has no NVIDIA runtime")
    assert again == first
    assert len(told) == 2
    assert all("runs on the CPU, slowly: the Docker engine has no NVIDIA" in line for line in told)


@pytest.mark.usefixtures("no_nvidia")
def test_one_that_was_started_without_a_gpu_is_not_taken_for_one_with(engine: Engine) -> None:
    wanted = recipe(engine, gpu="auto")
    with removed(engine, wanted.name):
        start(engine, wanted, say_nothing)
        with pytest.raises(EnvironmentProblem, match=r"was started without a GPU.*ollama --stop"):
            start(engine, recipe(engine, gpu="on", name=wanted.name), say_nothing)


def test_one_that_was_started_as_the_cpus_is_not_blamed_on_the_machine(engine: Engine) -> None:
    told: list[str] = []
    wanted = recipe(engine, gpu="off")
    with removed(engine, wanted.name):
        start(engine, wanted, told.append)
        assert told == []
        start(engine, replace(wanted, gpu="auto"), told.append)
    (line,) = told
    assert "`runner ollama --stop`, then repeat" in line
    assert "install" not in line


# ---- the container --------------------------------------------------------------------------


def test_it_is_bound_to_this_machine_capable_of_nothing_and_started_again_when_it_dies(
    engine: Engine, there: Sidecar
) -> None:
    state = state_of(engine, there.name)
    host, config = state["HostConfig"], state["Config"]
    assert [each["HostIp"] for each in host["PortBindings"]["11434/tcp"]] == ["127.0.0.1"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["CapDrop"] == ["ALL"]
    assert host["DeviceRequests"] is None
    assert config["Labels"]["runner.sidecar"] == "standin"
    assert config["Healthcheck"]["Test"][0] == "CMD"


def test_docker_finds_it_healthy(engine: Engine, there: Sidecar) -> None:
    state = state_of(engine, there.name)
    # An event of before is told again, and the wait ends long after the first look is due.
    looks = engine.client.events(
        since=int(datetime.fromisoformat(state["Created"][:19] + "+00:00").timestamp()),
        until=int(time.time() + 120),
        filters={"container": there.name, "event": "health_status"},
        decode=True,
    )
    with closing(looks):
        assert next(looks, {}).get("Action") == "health_status: healthy"


def test_it_is_found_again_and_left_as_it_is(engine: Engine) -> None:
    wanted = recipe(engine)
    with removed(engine, wanted.name):
        first = start(engine, wanted, say_nothing)
        made = state_of(engine, wanted.name)["Id"]
        assert start(engine, wanted, say_nothing) == first
        assert state_of(engine, wanted.name)["Id"] == made
        engine.client.api.stop(wanted.name, timeout=0)
        assert start(engine, wanted, say_nothing).host == first.host
        assert state_of(engine, wanted.name)["Id"] == made


def test_one_of_other_settings_or_of_somebody_elses_is_not_taken_over(engine: Engine) -> None:
    wanted = recipe(engine)
    other = recipe(engine, {"STANDIN_FAULTS": "500@1"}, name=wanted.name)
    with removed(engine, wanted.name):
        start(engine, wanted, say_nothing)
        with pytest.raises(EnvironmentProblem, match="another image or with other settings"):
            start(engine, other, say_nothing)


# ---- models ---------------------------------------------------------------------------------


def test_a_model_is_pulled_with_progress_and_its_facts_are_known(
    engine: Engine, tmp_path: Path
) -> None:
    heard: list[Pulled] = []
    screen = Screen(pulling=lambda what, progress: heard.append(progress))
    _, image = ensure_standin(engine, None, say_nothing)
    key = uuid.uuid4().hex
    with removed(engine, f"{STANDIN}-{key[:12]}"):
        there = serve_standin(engine, key, image.id, (SEAT,), tmp_path, screen)
        warm = warmed(there, (SEAT,)).facts()
    done = [each.completed for each in heard]
    assert done == sorted(done)
    assert len(set(done)) > 10
    assert heard[-1].status == "success"
    assert there.place == "standin"
    facts = warm["models"][MODEL]
    assert facts["size"] == heard[-1].total == 6_594_001_466
    assert (facts["context_length"], facts["context_loaded"]) == (262_144, 8192)
    assert facts["capabilities"] == ("completion", "thinking", "tools")
    assert (facts["quantisation"], facts["gpu_share"]) == ("none", 0.0)
    assert 0 <= facts["preload_s"] < 10
    assert json.loads((tmp_path / "ollama.json").read_text()) == {
        "scripted model": {MODEL: facts["digest"]}
    }


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ("pull-missing@*", "there is no such model; check the name"),
        ("pull-full@*", "free some space"),
        ("pull-error@*", "repeat the command where the model registry can be reached"),
    ],
)
def test_a_model_that_cannot_be_had_is_given_up_with_the_fix(
    engine: Engine, faults: str, said: str
) -> None:
    with standin(engine, faults) as there, pytest.raises(EnvironmentProblem, match=said):
        pull_model(there.host, MODEL, lambda progress: None, wait=lambda seconds: None)


def test_a_layer_that_breaks_goes_on_where_it_was(engine: Engine) -> None:
    heard: list[Pulled] = []
    with standin(engine, "pull-break@1-2") as there:
        pull_model(there.host, MODEL, heard.append, wait=lambda seconds: None)
        assert model_facts(there.host, MODEL) is not None
    broken = [place for place, each in enumerate(heard) if "broke off" in each.status]
    assert len(broken) == 2
    had = heard[broken[0]].completed
    assert had >= 6_594_000_000 // 2
    after = [each.completed for each in heard[broken[1] + 1 :] if each.total]
    assert min(after) >= had
    assert heard[-1].status == "success"


def test_a_pull_that_falls_silent_goes_on_where_it_was(engine: Engine) -> None:
    heard: list[Pulled] = []
    with standin(engine, "pull-hang@1") as there:
        pull_model(there.host, MODEL, heard.append, lambda seconds: None, silence_s=1.0)
        assert model_facts(there.host, MODEL) is not None
    (broken,) = [place for place, each in enumerate(heard) if "broke off" in each.status]
    after = [each.completed for each in heard[broken + 1 :] if each.total]
    assert min(after) >= heard[broken].completed > 0
    assert heard[-1].status == "success"


def test_another_digest_than_the_first_stops_the_run(
    engine: Engine, there: Sidecar, pins: Pins, tmp_path: Path
) -> None:
    serve_given(there.host, (SEAT,), tmp_path, pins)
    with standin(engine, "digest@*") as other:
        pull_model(other.host, MODEL, lambda progress: None)
        with pytest.raises(EnvironmentProblem, match=r"results of two must not be mixed"):
            serve_given(other.host, (SEAT,), tmp_path, pins)
        serve_given(other.host, (SEAT,), tmp_path / "new", pins)


def test_a_given_server_without_the_model_is_not_told_to_get_it(
    engine: Engine, pins: Pins, tmp_path: Path
) -> None:
    with standin(engine) as there:
        with pytest.raises(EnvironmentProblem, match=f"get it there with `ollama pull {MODEL}`"):
            serve_given(there.host, (SEAT,), tmp_path, pins)
        assert model_facts(there.host, MODEL) is None


# ---- power ----------------------------------------------------------------------------------


def test_power_is_asked_inside_the_container_that_computes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # this machine has no such tool
    wanted = recipe(engine, {"FAKE_GPUS": "150.0, 25"})
    with removed(engine, wanted.name):
        there = start(engine, wanted, say_nothing)
        assert power_source(there.host, (engine, there.name)) is None
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(PROGRAMS / "nvidia-smi", "nvidia-smi")
        engine.client.api.put_archive(there.name, "/usr/local/bin", packed.getvalue())
        source = power_source("http://gpu.example:11434", (engine, there.name))
        assert source is not None
        assert source.ask() == Draw(150.0, 0.25)
        watched(source)  # docker's client keeps up to ten connections
        before = len(list(Path("/proc/self/fd").iterdir()))
        watched(source)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before


def watched(source: Sampler) -> None:
    """Twenty calls' worth of power."""
    for _ in range(20):
        with Watch(source) as watch:
            pass
        assert watch.spent().keys() == {"gpu_s", "watt_hours"}


# ---- the whole of it, as a live trial finds or starts it ------------------------------------


@pytest.mark.usefixtures("no_nvidia")
def test_a_live_trials_server_is_started_filled_and_marked_as_the_cpus(
    engine: Engine, pins: Pins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"runner-ollama-test-{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(served, "NAME", name)  # nobody's own server and models are touched
    monkeypatch.setattr(served, "VOLUME", name)
    _, image = ensure_standin(engine, None, say_nothing)

    def serve(gpu: Gpu, image: str = image.id) -> served.Served:
        screen = Screen(say=told.append)
        return serve_sidecar(engine, pins, (SEAT,), tmp_path, gpu=gpu, image=image, screen=screen)

    told: list[str] = []
    with removed(engine, name):
        with pytest.raises(EnvironmentProblem, match="OLLAMA_GPU=on, and the Docker engine"):
            serve("on")
        facts = serve("auto").facts()
        assert serve("auto").host == facts["host"]
        state = state_of(engine, name)
        (tmp_path / "ollama.json").write_text(
            json.dumps({"image": {"ollama/ollama": "sha256:other"}})
        )
        with pytest.raises(EnvironmentProblem, match="these results began with sha256:other"):
            serve("auto")
    assert (facts["place"], facts["gpu"]) == ("sidecar", "cpu")
    assert facts["why_no_gpu"] == "the Docker engine has no NVIDIA runtime"
    assert facts["image"] == image.id
    assert facts["power_measured"] is False
    assert len(told) == 2
    assert all("runs on the CPU, slowly" in line for line in told)
    assert "OLLAMA_NUM_PARALLEL=1" in state["Config"]["Env"]
    assert state["Mounts"][0]["Destination"] == "/root/.ollama"
