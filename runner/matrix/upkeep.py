"""Keeps the database up to date while a run goes on, without holding the run up."""

from collections.abc import Callable
from threading import Event, Thread
from traceback import format_exc

from runner.errors import EnvironmentProblem


class Upkeep:
    """Calls `sync` in a thread of its own after each `due()`, once for all that came meanwhile.

    A database that somebody else holds is no reason to stop a run, nor is a bug in here: the
    journal has it all, and the next call tries again. `told` hears of a problem once, until it
    is mended.
    """

    def __init__(self, sync: Callable[[], object], told: Callable[[str], None]) -> None:
        self._sync = sync
        self._told = told
        self._due = Event()
        self._over = False
        self._silent = False
        self._thread = Thread(target=self._work, name="upkeep", daemon=True)
        self._thread.start()

    def due(self) -> None:
        """Something was put in the journal that the database should have."""
        self._due.set()

    def close(self, wait_s: float | None = None) -> None:
        """Finish what is under way, waiting at most so long for it; nothing more is begun."""
        self._over = True
        self._due.set()
        self._thread.join(wait_s)

    def _work(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._over:
                return
            try:
                self._sync()
                self._silent = False
            except EnvironmentProblem as problem:
                self._tell(str(problem))
            except Exception:  # it ends this thread otherwise, and nobody hears of it
                self._tell(f"the database is not brought up to date:\n{format_exc()}")

    def _tell(self, said: str) -> None:
        if not self._silent:
            self._silent = True
            self._told(f"{said} (the run goes on: its journal has everything)")
