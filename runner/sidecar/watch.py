"""What GPUs drew during a call: one thread a server asks, and each call has its own account."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import Condition, Thread
from types import TracebackType
from typing import Self

from runner.config.rates import GPU_SECONDS, WATT_HOURS
from runner.sandbox.engine import Engine
from runner.sidecar.power import Ask, Draw, asks_for
from runner.types import JsonObject

EVERY_S = 0.5
PATIENCE_S = 6.0  # the tool is ended after 5 s; one that not even that ends is left alone
IDLE_S = 30.0
_HOUR_S = 3600

Clock = Callable[[], float]


class Sampler:
    """Asks what the GPUs draw, again and again, while anybody watches.

    On one thread, whatever number of calls there is: a thread that asks the Docker engine holds
    a connection of its own, and one that hangs must not be followed by a second.
    """

    def __init__(
        self,
        ask: Ask,
        clock: Clock = time.monotonic,
        *,
        patience_s: float = PATIENCE_S,
        idle_s: float = IDLE_S,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin to ask when the first one watches.

        Args:
            ask: tells what they draw now; may hang.
            clock: monotonic, in seconds; samples carry its time.
            patience_s: how long an answer is waited for when a watch ends.
            idle_s: how long the thread waits for the next watch before it ends.
            leave: called by the thread as it ends.
        """
        self.ask = ask
        self.clock = clock
        self._patience_s = patience_s
        self._idle_s = idle_s
        self._leave = leave
        self._news = Condition()
        self._watches: set[Watch] = set()
        self._thread: Thread | None = None
        self._hurry = False  # somebody came or goes: no pause before the next question
        self._begun = self._answered = 0  # questions
        self._since: float | None = None  # the moment of the question without an answer

    def answers(self) -> bool:
        """Whether there is anybody who tells, within the patience."""
        with Watch(self) as watch:
            pass
        return bool(watch.spent())

    def begin(self, watch: "Watch") -> None:
        """Sample for `watch` from now on."""
        with self._news:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="power", daemon=True)
                self._thread.start()
            self._wake()

    def end(self, watch: "Watch") -> bool:
        """One more sample, begun from now on; False when none comes within the patience."""
        with self._news:
            last = self._begun + 1
            asked = time.monotonic() if self._since is None else self._since
            self._wake()
            told = self._news.wait_for(
                lambda: self._answered >= last or watch.silent,
                max(0.0, asked + self._patience_s - time.monotonic()),
            )
            self._watches.discard(watch)
        return told

    def _wake(self) -> None:
        self._hurry = True
        self._news.notify_all()

    def _run(self) -> None:
        while self._wanted():
            draw = self.ask()
            with self._news:
                self._since, self._answered = None, self._begun
                for watch in self._watches:
                    watch.told(self.clock(), draw)
                self._news.notify_all()
                self._news.wait_for(lambda: self._hurry, EVERY_S)
        self._leave()

    def _wanted(self) -> bool:
        """Wait until somebody listens; False after a long time in which nobody did."""
        with self._news:
            if not self._news.wait_for(self._heard, self._idle_s):
                self._thread = None
                return False
            self._hurry = False
            self._begun += 1
            self._since = time.monotonic()
        return True

    def _heard(self) -> bool:
        return any(not watch.silent for watch in self._watches)


class Watch:
    """The account of one call: what was sampled while the context lasted, and once at its end."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._samples: list[tuple[float, Draw]] = []
        self._began = self._ended = 0.0
        self.silent = False  # nobody told, once at least: there is no figure
        self.over_s = 0.0  # seconds from the end of the context to the last sample

    def __enter__(self) -> Self:
        self._began = self._sampler.clock()
        self._sampler.begin(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = self._sampler.clock()
        since = time.monotonic()
        self.silent = not self._sampler.end(self) or self.silent
        self.over_s = time.monotonic() - since

    def told(self, at: float, draw: Draw | None) -> None:
        """Take a sample; the sampler's thread calls this."""
        if draw is None:
            self.silent = True
        else:
            self._samples.append((at, draw))

    def spent(self) -> JsonObject:
        """For a call's detail: watt-hours and the seconds GPUs were busy; what was not told is
        left out."""
        if self.silent or not self._samples:
            return {}
        busy = over_time([(at, draw.busy) for at, draw in self._samples], self._began, self._ended)
        found = {GPU_SECONDS: round(busy, 3)}
        watts = [(at, draw.watts) for at, draw in self._samples if draw.watts is not None]
        if len(watts) == len(self._samples):
            joules = over_time(watts, self._began, self._ended)
            found[WATT_HOURS] = round(joules / _HOUR_S, 6)
        return found


def power_source(host: str, inside: tuple[Engine, str] | None = None) -> Sampler | None:
    """What tells the draw of the GPUs of the server at `host`; None where nothing does.

    `inside` is the container it runs in.
    """
    leave = inside[0].disconnect if inside else lambda: None
    samplers = (Sampler(ask, leave=leave) for ask in asks_for(host, inside))
    return next((each for each in samplers if each.answers()), None)


def over_time(samples: Sequence[tuple[float, float]], began: float, ended: float) -> float:
    """The integral of sampled values from `began` to `ended`, straight lines between samples.

    Before the first and after the last sample their values hold.
    """
    inside = [(min(max(at, began), ended), value) for at, value in samples]
    line = [(began, inside[0][1]), *inside, (ended, inside[-1][1])]
    return sum((b - a) * (low + high) / 2 for (a, low), (b, high) in pairwise(line))
