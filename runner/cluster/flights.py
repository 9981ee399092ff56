"""The attempts that are handed out and not back: each is taken out once, by whoever counts it."""

import threading
import time
from dataclasses import dataclass

from distributed import Future

from runner.matrix.engine import Attempt


@dataclass(frozen=True)
class Flight:
    """An attempt handed out, on the monotonic clock; without a `future` Dask never got it."""

    attempt: Attempt
    future: "Future[bytes] | None"
    deadline: float


class Flights:
    """By trial id. Thread-safe."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}
        self._mutex = threading.Lock()

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, trial_id: object) -> bool:
        return trial_id in self._flights

    def add(self, flight: Flight) -> None:
        """It is handed out."""
        with self._mutex:
            self._flights[flight.attempt.trial_id] = flight

    def take(self, trial_id: str) -> Flight | None:
        """It is back, or given up; None when somebody took it before."""
        with self._mutex:
            return self._flights.pop(trial_id, None)

    def take_late(self) -> list[Flight]:
        """Those whose deadline has passed."""
        now = time.monotonic()
        with self._mutex:
            late = [i for i, flight in self._flights.items() if flight.deadline < now]
            return [self._flights.pop(trial_id) for trial_id in late]

    def ids(self) -> set[str]:
        """The trial ids at this moment."""
        with self._mutex:
            return set(self._flights)
