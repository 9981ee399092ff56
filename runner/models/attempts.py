"""How often one model call is tried, with which pauses and for how long: for every vendor alike.

Tried again is only what cannot have been billed: a request that never left, or one answered by
an error. A request that was sent and whose answer got lost may have been billed, so it ends the
call: to send it again needs money set aside anew, and that is the caller's business.

All durations come from a monotonic clock. The one use of the time of day is a `retry-after`
given as a date, and there the answer's own date is what it is compared with.
"""

import email.utils
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from runner.errors import ModelFailure
from runner.models.connection import Connection
from runner.types import Reply

BODY_CAP = 32 * 1024 * 1024  # bytes; the longest real reply is under 1 MB
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0  # of our own; one that is asked for may fill the call's deadline
_BELIEVED = 10  # so often; who then still asks for a moment only is not asked without end
SPREAD = 0.1  # what is added at most to a pause asked for, so that not all come back at once


class Refused(Exception):
    """An attempt that cannot have been billed and may do better after a pause.

    `asked_s` is the pause the server asked for; `most` bounds the attempts further.
    """

    def __init__(
        self, failure: ModelFailure, asked_s: float | None = None, most: int | None = None
    ) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.asked_s = asked_s
        self.most = most


class Attempts:
    """Counts, spaces and bounds the attempts of one call at a time."""

    def __init__(
        self,
        connection: Connection,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance` gives numbers from 0 up to 1."""
        self._connection = connection
        self._clock = clock
        self._chance = chance
        self._started = self._attempt_started = clock()
        self.count = 0

    def run(self, attempt: Callable[[], Reply]) -> Reply:
        """Make attempts until one gives a reply or none may be made any more.

        The reply's `latency_s` is the last attempt's; `detail` gets `attempts` and `wait_s`,
        the seconds lost before it.

        Raises:
            ModelFailure: the last attempt's, with the same `detail`.
        """
        self._started, self.count = self._clock(), 0
        while True:
            self._attempt_started = self._clock()
            self.count += 1
            try:
                reply = attempt()
            except ModelFailure as failure:
                raise self._given_up(failure) from failure.__cause__
            except Refused as refused:
                if not self._paused(refused):
                    raise self._given_up(refused.failure) from refused.failure.__cause__
                continue
            took = self._clock() - self._attempt_started
            return replace(reply, latency_s=took, detail={**reply.detail, **self._detail()})

    @property
    def silence_s(self) -> float:
        """Seconds the attempt that runs may be silent."""
        return max(0.001, min(self._connection.timeout_s, self.left_s))

    def bounded(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks of a body as they come; raises `ModelFailure` for too many or too slow."""
        size = 0
        for chunk in body:
            size += len(chunk)
            if size > BODY_CAP:
                raise ModelFailure(f"the answer is over {BODY_CAP} bytes", kind="malformed_reply")
            if self.left_s <= 0:
                allowed = f"{self._connection.deadline_s:g} s"
                raise ModelFailure(f"no whole answer within {allowed}", kind="deadline")
            yield chunk

    @property
    def left_s(self) -> float:
        """Seconds until the call's deadline; below 0 when it is over."""
        return self._connection.deadline_s - (self._clock() - self._started)

    def _paused(self, refused: Refused) -> bool:
        """Wait for the next attempt; False when there is none to be made."""
        bounds = (self._connection.max_retries, refused.most)
        pause_s = self._pause_s(refused.asked_s)
        if any(most is not None and self.count > most for most in bounds):
            return False
        if pause_s >= self.left_s:
            return False
        asked = "" if refused.asked_s is None else f", asked to wait {refused.asked_s:.3g} s"
        self._connection.on_pause(pause_s, f"{refused.failure.kind}{asked}")
        return not self._connection.wait(pause_s)

    def _pause_s(self, asked_s: float | None) -> float:
        if asked_s is not None and self.count < _BELIEVED:
            return asked_s * (1 + SPREAD * self._chance())
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self.count - 1, 10))
        return max(asked_s or 0.0, longest * (1 + self._chance()) / 2)

    def _detail(self) -> dict[str, object]:
        return {
            "attempts": self.count,
            "wait_s": round(self._attempt_started - self._started, 6),
        }

    def _given_up(self, failure: ModelFailure) -> ModelFailure:
        tries = f" ({self.count} attempts)" if self.count > 1 else ""
        return ModelFailure(
            f"{failure}{tries}",
            kind=failure.kind,
            request_id=failure.request_id,
            lost=failure.lost,
            detail=self._detail(),
        )


def asked_pause_s(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds an answer asks to wait, or None when it does not or says nothing sensible.

    Args:
        headers: the answer's, names in any case the mapping takes.
        now: the time of day, for a date in an answer that does not tell its own.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        asked = headers.get(name, "")
        try:
            seconds = float(asked) * unit
        except ValueError:
            seconds = _until(asked, headers.get("date", ""), now)
        if seconds > 0:  # which is false for what is no number
            return seconds
    return None


def _until(asked: str, answered: str, now: Callable[[], float]) -> float:
    """Seconds from the answer's own date to the date asked for; NaN when that is none."""
    until, since = _moment(asked), _moment(answered)
    return until - (now() if math.isnan(since) else since)


def _moment(text: str) -> float:
    """A date of HTTP's in seconds since 1970; NaN for anything else."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return math.nan
