"""The word to stop: said once, heard by every trial before its next call and in every pause."""

import signal
import time
from collections.abc import Callable
from threading import Event

_LOOK_S = 1.0  # how often a word said elsewhere is looked for


def ending_signals() -> tuple[signal.Signals, ...]:
    """Those that end the program at once; SIGHUP says that the terminal is gone.

    Who started it with `nohup` wants it to outlive the terminal.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return (signal.SIGTERM,)
    return (signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Call it for the reason to stop, None while there is none. Shared by threads."""

    def __init__(self, elsewhere: Callable[[], str | None] = lambda: None) -> None:
        """`elsewhere()` gives the reason when the word may be said outside this process too."""
        self._elsewhere = elsewhere
        self._reason: str | None = None
        self._said = Event()

    def __call__(self) -> str | None:
        """Why to stop, or None."""
        return self._reason or self._elsewhere()

    def say(self, reason: str) -> None:
        """Tell all to stop; the first reason stays."""
        self._reason = self._reason or reason
        self._said.set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the word is said; True when it is."""
        deadline = time.monotonic() + seconds
        while not self():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._said.wait(min(left, _LOOK_S))
        return True
