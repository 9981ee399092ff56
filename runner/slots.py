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
        """Raise `ValueError` for no place at all: who asks for one would wait for ever."""
        if count < 1:
            raise ValueError(f"{count} places are too few")
        self.count = count
        self._taken = 0
        self._freed = Condition()

    @property
    def taken(self) -> int:
        """How many are in use at this moment."""
        return self._taken

    @contextmanager
    def held(self, told: Told) -> Iterator[None]:
        """Have a place for as long as the context lasts, waiting for one first.

        Whatever `told` raises passes through, and the place is free again.
        """
        began = time.monotonic()
        waits = not self._try()
        if waits:
            told(None)  # outside of the lock: it writes to a disk
            with self._freed:
                self._freed.wait_for(self._free)
                self._taken += 1
        try:
            if waits:
                told(time.monotonic() - began)
            yield
        finally:
            with self._freed:
                self._taken -= 1
                self._freed.notify()

    def _try(self) -> bool:
        with self._freed:
            if not self._free():
                return False
            self._taken += 1
            return True

    def _free(self) -> bool:
        return self._taken < self.count
