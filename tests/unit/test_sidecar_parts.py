"""What a local model's server is held to: its digests, what it can do, and whose fault it is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runner.config.arms import Arm, ExecutorSeat, Limits, Seat
from runner.config.ollama import Pins, load_pins
from runner.errors import EnvironmentProblem, ModelFailure, UsageError
from runner.models.ollama_store import ModelFacts, load_model, loaded_models
from runner.scripted.server import ScriptedServer
from runner.sidecar.gpu import NOT_ASKED, no_gpu, on_cpu
from runner.sidecar.power import Draw
from runner.sidecar.seats import LocalSeat, check_able, local_seats
from runner.sidecar.served import Screen, Served, serve_given
from runner.sidecar.warm import warmed
from runner.sidecar.watch import Sampler

MODEL = "qwen3.5:9b"
SEAT = LocalSeat(MODEL, 8192, loading={"num_ctx": 8192})
FACTS = ModelFacts(MODEL, "ab" * 32, 9, "9.7B", "Q4_K_M", "qwen35", 262_144, ("tools", "thinking"))


# ---- what is asked of a model ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "seat", "said"),
    [
        (replace(FACTS, capabilities=("completion",)), SEAT, "cannot do tools"),
        (replace(FACTS, capabilities=("tools",)), replace(SEAT, thinks=True), "cannot do thinking"),
        (replace(FACTS, context_length=4096), SEAT, "context of 4096 tokens, and num_ctx is 8192"),
    ],
)
def test_what_a_model_cannot_do_is_refused(facts: ModelFacts, seat: LocalSeat, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_able(seat, facts)


def test_what_a_server_does_not_tell_is_no_reason_to_refuse() -> None:
    check_able(SEAT, replace(FACTS, capabilities=(), context_length=None))
    check_able(replace(SEAT, thinks=True), FACTS)


def test_the_largest_context_of_all_seats_is_loaded_with_all_that_loading_depends_on() -> None:
    options = {"num_ctx": 8192, "num_gpu": 20, "num_thread": 4, "temperature": 0.5, "think": True}
    lead = Seat("ollama", MODEL, options=options)
    small = ExecutorSeat("ollama", MODEL, 100, options={"num_ctx": 4096, "keep_alive": "1m"})
    arm = Arm("X", "x", lead, small, {"default": 1}, Limits())
    (seat,) = local_seats((arm, replace(arm, lead=Seat("anthropic", "m"))))
    loading = {"num_ctx": 8192, "num_gpu": 20, "num_thread": 4}
    assert seat == LocalSeat(MODEL, 8192, "1h", loading, thinks=True)
    (short,) = local_seats((replace(arm, lead=Seat("anthropic", "m")),))
    assert short.keep_alive == "1m"


def test_a_model_is_loaded_to_stay_as_long_as_its_calls_keep_it() -> None:
    with ScriptedServer({}, keep=9) as server:
        load_model(server.url, MODEL, {"num_ctx": 4096}, SEAT.keep_alive)
        (asked,) = (each.body for each in server.requests)
    assert isinstance(asked, dict)
    assert asked["keep_alive"] == "1h"


# ---- GPUs -----------------------------------------------------------------------------------

NVIDIA = (
    "OCI runtime create failed: container init caused: Running hook #0:: error running hook\n"
    "nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown"
)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            'could not select device driver "nvidia" with capabilities: [[gpu]]',
            "the Docker engine has no NVIDIA runtime",
        ),
        (
            NVIDIA,
            "NVIDIA's runtime failed: initialization error: nvml error: driver not loaded: unknown",
        ),
        ("port is already allocated", None),
        ("no space left on device", None),
    ],
)
def test_only_an_error_about_gpus_means_that_there_is_none(said: str, why: str | None) -> None:
    assert no_gpu(said) == why


def test_a_sidecar_that_was_started_without_asking_is_only_to_be_started_anew() -> None:
    for why in NOT_ASKED.values():
        said = on_cpu("runner-ollama", why)
        assert "`runner ollama --stop`, then repeat" in said
        assert "install" not in said
    assert "install NVIDIA's driver" in on_cpu("runner-ollama", "the engine has no runtime")


# ---- a server of somebody else's ------------------------------------------------------------


@pytest.fixture
def pins() -> Pins:
    """Of models none: the stand-in's are not those that are pinned."""
    return replace(load_pins(), models={})


@pytest.fixture
def given() -> Iterator[str]:
    """The address of one that holds the model; its disk is its memory."""
    with ScriptedServer({}) as server:
        load_model(server.url, MODEL, {"num_ctx": 4096}, None)
        yield server.url


def test_nobody_at_the_address_is_said_with_what_to_do(pins: Pins, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"`ollama serve`.*unset it to have a server"):
        serve_given("http://127.0.0.1:9", (SEAT,), tmp_path, pins)


def test_a_missing_model_is_named_with_the_command(given: str, pins: Pins, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="ollama pull another"):
        serve_given(given, (replace(SEAT, model="another"),), tmp_path, pins)


def test_another_build_than_the_pinned_is_refused(given: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=f"model {MODEL} .*ollama.toml pins 6488c96fa5fa"):
        serve_given(given, (SEAT,), tmp_path, load_pins())


def test_that_nobody_tells_its_power_is_said_once(
    given: str, pins: Pins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    served = serve_given(given, (SEAT, SEAT), tmp_path, pins, Screen(say=said.append))
    assert served.power is None
    assert len(said) == 1
    assert "GPU-seconds and watt-hours are not recorded" in said[0]


def test_a_model_that_changed_between_trials_is_refused(
    given: str, pins: Pins, tmp_path: Path
) -> None:
    served = serve_given(given, (SEAT,), tmp_path, pins)
    before = replace(served.models[0], digest="cd" * 32)
    with pytest.raises(EnvironmentProblem, match=r"was cdcd.*results of two must not be mixed"):
        warmed(replace(served, models=(before,)), (SEAT,))


def test_a_model_is_loaded_when_no_call_to_it_runs(
    given: str, pins: Pins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    served = serve_given(given, (SEAT,), tmp_path, pins)
    looked: list[float] = []

    def never(seconds: float) -> bool:
        looked.append(seconds)
        return len(looked) > 3  # told to stop while it waits

    with served.places(MODEL, 1).held(lambda: None, never):
        assert warmed(served, (SEAT,), wait=never).warm == {}
        assert loaded_models(given)[0].context_length == 4096
        assert set(warmed(served, (SEAT,), slots=2).warm) == {MODEL}
    assert len(looked) > 3
    assert loaded_models(given)[0].context_length == 8192


def test_a_sidecar_holds_one_model_so_its_places_are_those_of_all() -> None:
    def give_up(seconds: float) -> bool:
        return True

    ours = Served("sidecar", "http://127.0.0.1:1", "1", ())
    with (
        ours.places("a", 1).held(lambda: None, give_up),
        pytest.raises(ModelFailure),
        ours.places("b", 1).held(lambda: None, give_up),
    ):
        raise AssertionError("two models at once")
    yours = replace(ours, place="given")
    one, two = (yours.places(name, 1).held(lambda: None, give_up) for name in "ab")
    with one as first, two as second:
        assert (first, second) == (0.0, 0.0)


def test_a_gpu_that_docker_gave_and_ollama_does_not_use_is_none(
    given: str, pins: Pins, tmp_path: Path
) -> None:
    """The stand-in has no memory on a GPU, whatever Docker gave it."""
    power = Sampler(lambda: Draw(10.0, 0.0))
    served = serve_given(given, (SEAT,), tmp_path, pins)
    served = replace(served, place="sidecar", gpu="gpu", power=power)
    cpu = warmed(served, (SEAT,))
    assert (cpu.gpu, cpu.power) == ("cpu", None)
    assert cpu.why == f"the container has a GPU, and Ollama put nothing of {MODEL} on it"
    assert cpu.facts()["why_no_gpu"] == cpu.why
    with pytest.raises(EnvironmentProblem) as caught:
        warmed(replace(served, insists=True), (SEAT,))
    said = str(caught.value)
    assert said.startswith(f"OLLAMA_GPU=on, and {cpu.why}: `docker logs runner-ollama` says why")
    assert "OLLAMA_GPU=off" in said


def test_a_model_that_is_asked_to_stay_off_the_gpu_may(
    given: str, pins: Pins, tmp_path: Path
) -> None:
    served = replace(serve_given(given, (SEAT,), tmp_path, pins), gpu="gpu", insists=True)
    off = replace(SEAT, loading={"num_ctx": 8192, "num_gpu": 0})
    assert warmed(served, (off,)).gpu == "gpu"


def test_the_manifests_facts_are_json_and_hold_no_password(
    given: str, pins: Pins, tmp_path: Path
) -> None:
    served = serve_given(given, (SEAT,), tmp_path, pins)
    facts = json.loads(json.dumps(warmed(served, (SEAT,)).facts()))
    assert facts["models"][MODEL]["context_loaded"] == 8192
    assert facts["models"][MODEL]["preload_s"] >= 0
    secret = Served("given", "http://me:hunter2@gpu:11434", "1", ()).facts()
    assert "hunter2" not in json.dumps(secret)
