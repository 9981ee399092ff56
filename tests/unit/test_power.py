"""What GPUs draw while a local model computes, told by NVIDIA's tool or by nobody."""

import socket
import threading
import time
from pathlib import Path
from threading import Event

import pytest

from runner.config.rates import GPU_SECONDS, WATT_HOURS, measured_wh
from runner.sidecar.power import Draw, read_draw
from runner.sidecar.watch import Sampler, Watch, over_time, power_source

PROGRAMS = Path(__file__).parents[1] / "programs"
HERE = "http://127.0.0.1:11434"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The shipped stand-in for nvidia-smi is the first on PATH."""
    monkeypatch.setenv("PATH", f"{PROGRAMS}:/usr/bin:/bin")
    return monkeypatch


# ---- who tells ------------------------------------------------------------------------------


def test_without_the_tool_nobody_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert power_source(HERE) is None


def test_a_tool_that_finds_no_driver_tells_nothing(tool: pytest.MonkeyPatch) -> None:
    tool.delenv("FAKE_GPUS", raising=False)
    assert power_source(HERE) is None


def test_this_machines_tool_is_not_asked_about_another_machine(tool: pytest.MonkeyPatch) -> None:
    tool.setenv("FAKE_GPUS", "200.0, 100")
    assert power_source("http://gpu.example:11434") is None


def test_this_machines_tool_is_asked_about_a_server_on_it(tool: pytest.MonkeyPatch) -> None:
    tool.setenv("FAKE_GPUS", "200.5, 100\\n20.0, 25")
    source = power_source(HERE)
    assert source is not None
    assert source.ask() == Draw(220.5, 1.25)


@pytest.mark.parametrize(
    ("table", "draw"),
    [
        ("", None),
        ("NVIDIA-SMI has failed", None),
        ("100.0, 50, 3\n", None),
        ("100.0, [N/A]\n", None),
        ("100.0, -1\n", None),
        ("[N/A], 50\n", Draw(None, 0.5)),
        ("100.0, 50\n[Not Supported], 50\n", Draw(None, 1.0)),
        ("nan, 0\n", Draw(None, 0.0)),
        ("100.0, 0\n", Draw(100.0, 0.0)),
    ],
)
def test_the_table_is_read_or_it_is_none(table: str, draw: Draw | None) -> None:
    assert read_draw(table) == draw


# ---- what a call took -----------------------------------------------------------------------


class Told:
    """Answers in turn, then the last for ever; `asked` is set by the n-th question."""

    def __init__(self, *draws: Draw | None) -> None:
        self.draws = list(draws)
        self.asked = Event()
        self.count = 0

    def __call__(self) -> Draw | None:
        draw = self.draws.pop(0) if len(self.draws) > 1 else self.draws[0]
        self.count += 1
        self.asked.set()
        return draw


def test_a_call_has_the_watt_hours_and_gpu_seconds_of_its_own_time() -> None:
    told, now = Told(Draw(100.0, 0.5)), [0.0]
    with Watch(Sampler(told, lambda: now[0])) as watch:
        told.asked.wait(5)
        now[0] = 36.0
    spent = watch.spent()
    assert spent == {GPU_SECONDS: 18.0, WATT_HOURS: 1.0}
    assert measured_wh(spent) == 1.0


def test_a_tool_that_falls_silent_in_mid_call_leaves_the_call_without_a_figure() -> None:
    told = Told(Draw(100.0, 0.5), None)
    with Watch(Sampler(told)) as watch:
        told.asked.wait(5)
    assert told.count == 2
    assert watch.spent() == {}


def test_gpus_that_do_not_tell_their_power_still_tell_that_they_are_busy() -> None:
    told = Told(Draw(None, 1.0))
    with Watch(Sampler(told)) as watch:
        told.asked.wait(5)
    assert set(watch.spent()) == {GPU_SECONDS}


def test_the_shortest_call_is_sampled_when_it_is_over() -> None:
    told = Told(Draw(100.0, 1.0))
    with Watch(Sampler(told)) as watch:
        pass
    assert told.count >= 1
    assert watch.spent()[GPU_SECONDS] >= 0.0


def test_a_tool_that_hangs_neither_holds_a_call_up_nor_is_asked_a_second_time() -> None:
    release, asked = Event(), []

    def hang() -> Draw | None:
        asked.append(time.monotonic())
        release.wait()
        return Draw(100.0, 1.0)

    sampler = Sampler(hang, patience_s=0.2)
    began = time.monotonic()
    assert not sampler.answers()
    for _ in range(3):
        with Watch(sampler) as watch:
            pass
        assert watch.spent() == {}
    assert 0.2 <= time.monotonic() - began < 2.0
    assert len(asked) == 1
    release.set()


def test_a_tool_that_hung_and_came_back_tells_of_later_calls() -> None:
    release = Event()

    def hang() -> Draw | None:
        release.wait()
        return Draw(100.0, 1.0)

    sampler = Sampler(hang, patience_s=0.05)
    with Watch(sampler) as first:
        pass
    release.set()
    sampler._patience_s = 5.0
    with Watch(sampler) as second:
        pass
    assert (first.spent() == {}, GPU_SECONDS in second.spent()) == (True, True)


def test_the_wait_for_the_last_sample_is_told() -> None:
    leave = Event()
    timer = threading.Timer(0.1, leave.set)

    def slow() -> Draw | None:
        leave.wait(5)
        return Draw(100.0, 1.0)

    with Watch(Sampler(slow)) as watch:
        timer.start()
    assert 0.1 <= watch.over_s < 5
    assert GPU_SECONDS in watch.spent()


def test_two_calls_side_by_side_are_sampled_by_one_thread() -> None:
    threads: set[str] = set()

    def told() -> Draw | None:
        threads.add(str(threading.get_ident()))
        return Draw(100.0, 1.0)

    sampler = Sampler(told)
    with Watch(sampler) as one, Watch(sampler) as two:
        pass
    assert GPU_SECONDS in one.spent()
    assert GPU_SECONDS in two.spent()
    assert len(threads) == 1


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_calls_leave_no_file_open_whatever_a_thread_opens_to_ask() -> None:
    """As the Docker engine's client does: one connection for each thread, kept."""
    own, kept = threading.local(), []

    def told() -> Draw | None:
        if not hasattr(own, "pair"):
            own.pair = socket.socketpair()
            kept.append(own.pair)
        return Draw(100.0, 1.0)

    sampler = Sampler(told)
    assert sampler.answers()
    before = open_files()
    for _ in range(20):
        with Watch(sampler):
            pass
    assert open_files() <= before
    for each in (end for pair in kept for end in pair):
        each.close()


def test_a_thread_that_nobody_needs_any_more_ends_and_another_begins_when_one_does() -> None:
    left: list[Event] = [Event(), Event()]
    ends = iter(left)
    sampler = Sampler(Told(Draw(1.0, 1.0)), idle_s=0.01, leave=lambda: next(ends).set())
    assert sampler.answers()
    assert left[0].wait(5)
    assert sampler.answers()
    assert left[1].wait(5)


@pytest.mark.parametrize(
    ("samples", "whole"),
    [
        ([(0.0, 10.0)], 100.0),
        ([(5.0, 10.0)], 100.0),
        ([(0.0, 0.0), (10.0, 10.0)], 50.0),
        ([(2.0, 0.0), (4.0, 10.0)], 10.0 + 60.0),
        ([(12.0, 10.0)], 100.0),
    ],
)
def test_between_samples_lines_are_straight_and_ends_hold(
    samples: list[tuple[float, float]], whole: float
) -> None:
    assert over_time(samples, 0.0, 10.0) == pytest.approx(whole)
