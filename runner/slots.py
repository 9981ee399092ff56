"""Places for what is heavy on the processors: so many at a time, the wait told apart."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

# Told None when a wait begins and its seconds when it is over; nothing when there was none.
Told = Callable[[float | None], None]


class Slots:
    """`count` places, shared by threads."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._taken = 0
        self._freed = Condition()

    @property
    def taken(self) -> int:
        """How many are in use at this moment."""
        return self._taken

    @contextmanager
    def held(self, told: Told) -> Iterator[None]:
        """Have a place for as long as the context lasts, waiting for one first."""
        began = None
        with self._freed:
            if self._taken >= self.count:
                began = time.monotonic()
                told(None)
                self._freed.wait_for(lambda: self._taken < self.count)
            self._taken += 1
        try:
            if began is not None:
                told(time.monotonic() - began)
            yield
        finally:
            with self._freed:
                self._taken -= 1
                self._freed.notify()
