"""Money that may be spent: set aside before a call is sent, settled after it.

A limit holds for what is spent and set aside together, however many threads ask at once.
"""

import time
from collections.abc import Iterator
from threading import Condition

from runner.errors import LimitReached, Scope

_CENT_FRACTION = 1e-9  # sums of floats may be off by less than this many USD


class Account:
    """What may be spent by one call's trial, by an arm or by a run, in USD.

    A trial's account draws on its arm's, which draws on the run's. Shared by threads.
    """

    def __init__(
        self,
        scope: Scope,
        limit_usd: float | None,
        parent: "Account | None" = None,
        spent_usd: float = 0.0,
    ) -> None:
        """`limit_usd` None is no limit; `spent_usd` is what earlier sessions spent."""
        self.scope = scope
        self.limit_usd = limit_usd
        self._parent = parent
        self._spent = spent_usd
        self._reserved = 0.0
        self._changed: Condition = parent._changed if parent else Condition()

    @property
    def spent_usd(self) -> float:
        """Settled, lost replies' reserves included."""
        with self._changed:
            return self._spent

    @property
    def reserved_usd(self) -> float:
        """Set aside for calls in flight."""
        with self._changed:
            return self._reserved

    def reserve(self, usd: float) -> float:
        """Set `usd` aside here and in every account above, in one step.

        Waits while only the reserves of calls in flight stand in the way: most calls cost far
        less than their worst case. Gives the seconds it waited.

        Raises:
            LimitReached: what is spent for good leaves no room; nothing was set aside.
        """
        began = time.monotonic()
        with self._changed:
            while not self._take(usd):
                self._changed.wait()
        return time.monotonic() - began

    def try_reserve(self, usd: float) -> bool:
        """As `reserve`, but False where that would wait."""
        with self._changed:
            return self._take(usd)

    def settle(self, reserved_usd: float, spent_usd: float) -> None:
        """Give back what was set aside and count what was spent."""
        with self._changed:
            for account in self._chain():
                account._reserved = max(0.0, account._reserved - reserved_usd)
                account._spent += spent_usd
            self._changed.notify_all()

    def _take(self, usd: float) -> bool:
        for account in self._chain():
            account._check(usd)
        if any(account._crowded(usd) for account in self._chain()):
            return False
        for account in self._chain():
            account._reserved += usd
        return True

    def _check(self, usd: float) -> None:
        if self.limit_usd is not None and self._spent + usd > self.limit_usd + _CENT_FRACTION:
            raise LimitReached(
                f"${self._spent:.4f} is spent and the next call may cost ${usd:.4f}: "
                f"over the {self.scope}'s limit of ${self.limit_usd:.2f}",
                "budget",
                self.scope,
            )

    def _crowded(self, usd: float) -> bool:
        return (
            self.limit_usd is not None
            and self._spent + self._reserved + usd > self.limit_usd + _CENT_FRACTION
        )

    def _chain(self) -> "Iterator[Account]":
        account: Account | None = self
        while account is not None:
            yield account
            account = account._parent
