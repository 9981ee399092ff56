"""Money that may be spent: set aside before a call is sent, settled after it.

A limit holds for what is spent and set aside together, however many threads ask at once.
Amounts come in and go out as USD; inside they are whole numbers of a small unit, so that what
was set aside and given back is zero again, to the last digit.
"""

import math
import time
from collections.abc import Callable, Iterator
from threading import Condition

from runner.errors import LimitReached, Scope

_UNITS = 10**12  # in one USD
_SLACK = 1_000  # units that may be missing: the sum of many amounts is known no better
_LOOK_S = 0.5  # seconds a wait lasts before it looks whether it should go on


class Account:
    """What may be spent by one call's trial, by an arm or by a run, in USD.

    A trial's account draws on its arm's, which draws on the run's. Shared by threads. Amounts
    that are negative or no number are refused with a `ValueError`: with them no limit would hold.
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
        self._limit = None if limit_usd is None else _units(limit_usd) + _SLACK
        self._parent = parent
        self._spent = _units(spent_usd)
        self._reserved = 0
        self._changed: Condition = parent._changed if parent else Condition()

    @property
    def spent_usd(self) -> float:
        """Settled, lost replies' reserves included."""
        with self._changed:
            return self._spent / _UNITS

    @property
    def reserved_usd(self) -> float:
        """Set aside for calls in flight."""
        with self._changed:
            return self._reserved / _UNITS

    def reserve(self, usd: float, stopped: Callable[[], object] = lambda: None) -> float | None:
        """Set `usd` aside here and in every account above, in one step.

        Waits while only the reserves of calls in flight stand in the way: most calls cost far
        less than their worst case. Who waits does so in no order. Gives the seconds it waited,
        or None when `stopped()` said something meanwhile; then nothing was set aside.

        Raises:
            LimitReached: what is spent for good leaves no room; nothing was set aside.
        """
        began, units = time.monotonic(), _units(usd)
        with self._changed:
            while not self._take(units):
                if stopped():
                    return None
                self._changed.wait(_LOOK_S)
        return time.monotonic() - began

    def try_reserve(self, usd: float) -> bool:
        """As `reserve`, but False where that would wait."""
        units = _units(usd)
        with self._changed:
            return self._take(units)

    def settle(self, reserved_usd: float, spent_usd: float) -> None:
        """Give back what was set aside, the same amount, and count what was spent.

        More may have been spent than was set aside: it is counted all the same.
        """
        reserved, spent = _units(reserved_usd), _units(spent_usd)
        with self._changed:
            if any(reserved > account._reserved for account in self._chain()):
                raise ValueError(f"${reserved_usd} given back is more than was set aside")
            for account in self._chain():
                account._reserved -= reserved
                account._spent += spent
            self._changed.notify_all()

    def _take(self, units: int) -> bool:
        for account in self._chain():
            account._check(units)
        if any(account._crowded(units) for account in self._chain()):
            return False
        for account in self._chain():
            account._reserved += units
        return True

    def _check(self, units: int) -> None:
        if self._limit is not None and self._spent + units > self._limit:
            raise LimitReached(
                f"${self._spent / _UNITS:.4f} is spent and the next call may cost "
                f"${units / _UNITS:.4f}: over the {self.scope}'s limit of ${self.limit_usd:.2f}",
                "budget",
                self.scope,
            )

    def _crowded(self, units: int) -> bool:
        return self._limit is not None and self._spent + self._reserved + units > self._limit

    def _chain(self) -> "Iterator[Account]":
        account: Account | None = self
        while account is not None:
            yield account
            account = account._parent


def _units(usd: float) -> int:
    if not math.isfinite(usd) or usd < 0:
        raise ValueError(f"${usd} is no amount of money")
    return round(usd * _UNITS)
