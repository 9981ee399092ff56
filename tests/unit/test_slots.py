"""Places for what is heavy on the processors."""

from collections.abc import Callable
from threading import Barrier, Lock, Thread
from threading import Event as Flag

import pytest

from runner.slots import Slots

PATIENCE_S = 60.0


def silent(seconds: float | None) -> None:
    raise AssertionError("there was no wait to tell of")


@pytest.mark.parametrize("count", [0, -1])
def test_there_is_at_least_one_place(count: int) -> None:
    with pytest.raises(ValueError, match="too few"):
        Slots(count)


def test_a_place_is_free_again_whatever_happened_in_it() -> None:
    slots = Slots(1)
    with pytest.raises(RuntimeError, match="harness"), slots.held(silent):
        raise RuntimeError("harness")
    assert slots.taken == 0
    with slots.held(silent):
        assert slots.taken == 1


def in_thread(work: Callable[[], None]) -> Thread:
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_who_waits_is_told_when_it_begins_and_how_long_it_was() -> None:
    slots, told, waits = Slots(1), list[float | None](), Flag()

    def tell(seconds: float | None) -> None:
        told.append(seconds)
        waits.set()

    def work() -> None:
        with slots.held(tell):
            pass

    with slots.held(silent):
        second = in_thread(work)
        assert waits.wait(PATIENCE_S)
        assert told == [None]
        assert slots.taken == 1
    second.join(PATIENCE_S)
    begun, seconds = told
    assert begun is None
    assert seconds is not None
    assert seconds > 0
    assert slots.taken == 0


@pytest.mark.parametrize("moment", ["begins", "is over"])
def test_a_wait_that_cannot_be_told_of_takes_no_place(moment: str) -> None:
    slots, waits = Slots(1), Flag()
    raised: list[Exception] = []

    def tell(seconds: float | None) -> None:
        waits.set()
        if (seconds is None) == (moment == "begins"):
            raise OSError("the disk is full")

    def work() -> None:
        try:
            with slots.held(tell):
                raise AssertionError("it must not come this far")
        except OSError as error:
            raised.append(error)

    with slots.held(silent):
        second = in_thread(work)
        assert waits.wait(PATIENCE_S)
    second.join(PATIENCE_S)
    assert len(raised) == 1
    with slots.held(silent):
        assert slots.taken == 1


def test_others_take_and_leave_places_while_a_wait_is_being_told() -> None:
    slots, told, go = Slots(1), Flag(), Flag()

    def slowly(seconds: float | None) -> None:
        told.set()
        assert go.wait(PATIENCE_S)  # a disk that takes its time

    def work() -> None:
        with slots.held(slowly):
            pass

    with slots.held(silent):
        second = in_thread(work)
        assert told.wait(PATIENCE_S)
    with slots.held(silent):
        pass
    go.set()
    second.join(PATIENCE_S)
    assert not second.is_alive()


def test_never_more_than_there_are_and_never_fewer_than_could_be() -> None:
    slots, lock, full = Slots(3), Lock(), Barrier(3, timeout=PATIENCE_S)
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with slots.held(lambda seconds: None):
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait()  # all three places are taken at once, again and again
            with lock:
                inside -= 1

    threads = [in_thread(work) for _ in range(30)]
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert (most, slots.taken) == (3, 0)
