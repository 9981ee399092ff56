"""Calls to a local model: one at a time on a server, the wait and the power told apart."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from fakes import PlayedModel, meter, says
from wire_samples import free_port_url

from runner.errors import EnvironmentProblem, ModelFailure
from runner.models.connection import PLACE_WAIT
from runner.recording.replay import unhurried
from runner.scripted.server import ScriptedServer
from runner.sidecar.calls import LocalCalls, Places
from runner.sidecar.power import Ask, Draw
from runner.sidecar.watch import Sampler
from runner.types import Message, Reply, ToolSpec, UserText

HOST = "http://127.0.0.1:11434"


class Played:
    """A model that does something, then says DONE."""

    name = "qwen3.5:9b"

    def __init__(self, do: Callable[[], object] = lambda: None) -> None:
        self.do = do

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        self.do()
        return says("DONE")


def fail() -> None:
    raise ModelFailure("it is gone", kind="connection_lost", detail={"attempts": 1})


def refuse() -> None:
    raise ModelFailure("no", kind="api_error", detail={"attempts": 1})


def patient(seconds: float) -> bool:
    time.sleep(0.001)
    return False


def calls(
    places: Places,
    model: Played,
    power: Ask | None = None,
    began: Callable[[], None] = lambda: None,
    wait: Callable[[float], bool] = patient,
    host: str = HOST,
) -> LocalCalls:
    sampler = Sampler(power) if power else None
    return LocalCalls(model, host, places, sampler, began, wait)


def ask(model: LocalCalls) -> Reply:
    return model.reply("", [UserText("go")], ())


@pytest.fixture
def one(tmp_path: Path) -> Places:
    return Places(HOST, "qwen3.5:9b", 1, tmp_path)


# ---- places ---------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="file/locks: cannot be made"):
        Places(HOST, "m", 1, tmp_path / "file" / "locks")


def test_who_is_told_to_stop_while_it_waits_has_sent_nothing(one: Places) -> None:
    sent: list[str] = []
    with one.held(lambda: None, patient), pytest.raises(ModelFailure, match="stopped") as caught:
        ask(calls(one, Played(lambda: sent.append("sent")), wait=lambda seconds: True))
    assert not caught.value.lost
    assert sent == []


def test_a_place_is_free_again_after_a_failure(one: Places) -> None:
    with pytest.raises(ModelFailure):
        ask(calls(one, Played(refuse)))
    assert PLACE_WAIT not in ask(calls(one, Played())).detail


def test_a_second_call_waits_for_the_first_and_says_how_long(one: Places, tmp_path: Path) -> None:
    inside, leave, waits = Event(), Event(), Event()
    first = Thread(target=ask, args=[calls(one, Played(lambda: (inside.set(), leave.wait(5))))])
    first.start()
    assert inside.wait(5)
    found: list[Reply] = []
    # As another process would: with places of its own.
    again = calls(Places(HOST, "qwen3.5:9b", 1, tmp_path), Played(), began=waits.set)
    second = Thread(target=lambda: found.append(ask(again)))
    second.start()
    assert waits.wait(5)
    assert found == []
    leave.set()
    first.join(5)
    second.join(5)
    waited = found[0].detail[PLACE_WAIT]
    assert isinstance(waited, float)
    assert 0 < waited < 5


def test_two_places_and_two_models_do_not_wait(tmp_path: Path) -> None:
    two = Places(HOST, "qwen3.5:9b", 2, tmp_path)
    with two.held(lambda: None, patient) as first, two.held(lambda: None, patient) as second:
        other = Places(HOST, "other", 1, tmp_path)
        with other.held(lambda: None, patient) as third:
            assert (first, second, third) == (0.0, 0.0, 0.0)


def test_the_wait_is_no_model_time_and_told_apart() -> None:
    counted = meter([])
    reply = replace(says("hello"), detail={PLACE_WAIT: 7.5, "wait_s": 2.0})
    counted.call(PlayedModel("big", [reply]), "solo", 1, "", [UserText("go")], (), 64)
    assert counted.waits_s == {"rate limit": 2.0, "local model": 7.5}
    assert counted.model_s == reply.latency_s


def test_a_replay_does_not_wait_as_the_trial_did() -> None:
    assert unhurried({PLACE_WAIT: 7.5}) == {f"recorded_{PLACE_WAIT}": 7.5}


# ---- power ----------------------------------------------------------------------------------


def test_power_is_told_of_replies_and_of_failures(one: Places) -> None:
    def power() -> Draw:
        return Draw(100.0, 1.0)

    detail = ask(calls(one, Played(), power)).detail
    assert {"watt_hours", "gpu_s"} <= set(detail)
    assert PLACE_WAIT in detail  # for the last sample, after the reply had come
    with pytest.raises(ModelFailure) as caught:
        ask(calls(one, Played(refuse), power))
    assert {"watt_hours", "gpu_s", "attempts"} <= set(caught.value.detail)


def test_a_server_that_died_is_waited_for_before_anybody_asks_again(one: Places) -> None:
    with ScriptedServer({}) as server:
        looks = [server.url, free_port_url()]

        def come_back(seconds: float) -> bool:
            model._host = looks[0]
            return False

        model = calls(one, Played(fail), host=looks[1], wait=come_back)
        with pytest.raises(ModelFailure) as caught:
            ask(model)
    waited = caught.value.detail[PLACE_WAIT]
    assert isinstance(waited, float)
    assert waited > 0
    assert model._host == looks[0]


def test_who_is_told_to_stop_does_not_wait_for_a_server_that_died(one: Places) -> None:
    began = time.monotonic()
    with pytest.raises(ModelFailure):
        ask(calls(one, Played(fail), host=free_port_url(), wait=lambda seconds: True))
    assert time.monotonic() - began < 5


def test_without_power_nothing_is_told_of_it(one: Places) -> None:
    assert ask(calls(one, Played())).detail == says("DONE").detail
