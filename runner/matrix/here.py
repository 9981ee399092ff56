"""Attempts on this machine: one thread each, all sharing its engine, slots and money."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Condition, Thread
from typing import TypeVar

from runner.errors import EnvironmentProblem, Stopped
from runner.matrix.engine import Attempt, Broken, Capacity, Done, Need, Outcome, StopAsked
from runner.stop import Stop
from runner.trial.spec import World

T = TypeVar("T")
Run = Callable[[Attempt, Stop], Done]


class LocalEngine:
    """A `TrialEngine` of daemon threads; a trial that hangs cannot keep the program alive."""

    def __init__(self, jobs: int, gpus: int, run: Run) -> None:
        """`run(attempt, stop)` runs one attempt to its end; what it raises is `Broken`."""
        self._outcomes: SimpleQueue[Outcome | StopAsked] = SimpleQueue()
        self._orders: SimpleQueue[Attempt | None] = SimpleQueue()
        self._capacity = Capacity(jobs, gpus)
        self._run = run
        self._stop = Stop()
        for number in range(jobs):
            Thread(target=self._work, name=f"trial-{number}", daemon=True).start()

    @property
    def outcomes(self) -> "SimpleQueue[Outcome | StopAsked]":
        """See `TrialEngine`."""
        return self._outcomes

    def capacity(self) -> Capacity:
        """See `TrialEngine`."""
        return self._capacity

    def reserve_usd(self, attempt: Attempt) -> float:
        """Nothing: each call reserves its own worst case."""
        return 0.0

    def submit(self, attempt: Attempt, need: Need) -> None:
        """See `TrialEngine`."""
        self._orders.put(attempt)

    def request_stop(self, reason: str) -> None:
        """See `TrialEngine`."""
        self._stop.say(reason)

    def close(self) -> None:
        """Let the threads end when they have nothing to do."""
        for _ in range(self._capacity.trials):
            self._orders.put(None)

    def _work(self) -> None:
        while (attempt := self._orders.get()) is not None:
            try:
                outcome: Outcome = self._run(attempt, self._stop)
            except BaseException as error:  # a thread has nobody else to tell
                outcome = Broken(attempt, error)
            self._outcomes.put(outcome)


class Gate:
    """Counts what is being opened, so that a sudden end can wait for it and shut the rest out."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._opening = 0
        self._shut = False

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Hold the gate open; raises `Stopped` once it is shut."""
        with self._changed:
            if self._shut:
                raise Stopped("the run is stopped at once")
            self._opening += 1
        try:
            yield
        finally:
            with self._changed:
                self._opening -= 1
                self._changed.notify_all()

    def shut(self, wait_s: float) -> None:
        """Let nothing more be opened, and wait at most `wait_s` seconds for what is half open."""
        with self._changed:
            self._shut = True
            self._changed.wait_for(lambda: not self._opening, wait_s)


@dataclass(frozen=True)
class _Guarded(AbstractContextManager[T]):
    """A context whose opening, not its life, goes through a gate."""

    inner: AbstractContextManager[T]
    gate: Gate

    def __enter__(self) -> T:
        with self.gate.opening():
            return self.inner.__enter__()

    def __exit__(self, *error: object) -> bool | None:
        return self.inner.__exit__(*error)  # type: ignore[arg-type]


def guarded(world: World, gate: Gate) -> World:
    """The same world, its sandboxes opened through a gate."""
    return replace(world, open_sandbox=lambda purpose: _Guarded(world.open_sandbox(purpose), gate))


def await_engine(answers: Callable[[], bool], wait_s: float, address: str) -> None:
    """Wait until the container engine is back, asking it every half second.

    Raises:
        EnvironmentProblem: it is not, after `wait_s` seconds.
    """
    deadline = time.monotonic() + wait_s
    while not answers():
        if time.monotonic() > deadline:
            raise EnvironmentProblem(
                f"the Docker engine at {address} has not answered for {wait_s:g} s: start it and "
                "run the same command again; `make doctor` explains what is missing"
            )
        time.sleep(0.5)  # the engine tells nobody that it is back
