"""How long one model call may take, whatever the server does: retries, waits, slow bodies.

The SDK retries by itself, obeys a `retry-after` of any length and lets a body drip for ever.
This bounds it from the outside, through its public middleware and event hooks. Retried is only
what cannot have been billed: a refused connection, or an answer that is an error. A request
that was sent and whose answer got lost may have been billed, so it ends the call: a second
attempt needs money set aside of its own, and that is the caller's business.
"""

import email.utils
import time
from collections.abc import Callable, Iterator

import anthropic
import httpx2
from anthropic import APIRequest, APIResponse, CallNext

BODY_CAP = 32 * 1024 * 1024  # bytes; the longest real reply is under 1 MB
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)


class CallLost(anthropic.AnthropicError):
    """A call given up; an SDK error so that the SDK passes it on and does not retry.

    `lost` says whether a request was sent whose answer never came whole.
    """

    def __init__(self, kind: str, message: str, *, lost: bool = True) -> None:
        super().__init__(message)
        self.kind = kind
        self.lost = lost


class Attempts:
    """Counts and bounds the attempts of one call at a time."""

    def __init__(
        self, timeout_s: float, deadline_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._clock = clock
        self._started = self._attempt_started = clock()
        self.count = 0

    def begin(self) -> None:
        """Start counting for a new call."""
        self._started = self._attempt_started = self._clock()
        self.count = 0

    @property
    def wait_s(self) -> float:
        """Seconds from the call's start to its last attempt: failed attempts and pauses."""
        return self._attempt_started - self._started

    @property
    def latency_s(self) -> float:
        """Seconds since the last attempt began."""
        return self._clock() - self._attempt_started

    def attempt(self, request: APIRequest, call_next: CallNext) -> "APIResponse[object]":
        """Middleware of the SDK: runs once for every attempt."""
        self._attempt_started = self._clock()
        self.count += 1
        seconds = min(self._timeout_s, self._left(lost=False))
        timeout = httpx2.Timeout(seconds, connect=min(10.0, seconds))
        try:
            response = call_next(request.copy(timeout=timeout))
        except anthropic.APIConnectionError as error:
            cause = error.__cause__
            if isinstance(cause, _NEVER_SENT) or not isinstance(cause, httpx2.HTTPError):
                raise
            raise _lost(cause, seconds) from None
        if self._pause(response.headers) >= self._left_or_zero():
            response.headers["x-should-retry"] = "false"
        return response

    def watch(self, response: httpx2.Response) -> None:
        """Event hook of the HTTP client: bounds the body before anything reads it."""
        stream = response.stream
        if isinstance(stream, httpx2.SyncByteStream):
            response.stream = _BoundedBody(stream, self._left, self._timeout_s)

    def _left_or_zero(self) -> float:
        return max(0.0, self._deadline_s - (self._clock() - self._started))

    def _left(self, *, lost: bool = True) -> float:
        left = self._left_or_zero()
        if left <= 0:
            raise CallLost("deadline", f"no whole answer within {self._deadline_s:g} s", lost=lost)
        return left

    def _pause(self, headers: httpx2.Headers) -> float:
        """Seconds the SDK would wait before it tries again: as asked, or its own back-off."""
        for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
            asked = headers.get(name, "")
            try:
                return float(asked) * unit
            except ValueError:
                if date := email.utils.parsedate_tz(asked):
                    return email.utils.mktime_tz(date) - time.time()
        return min(8.0, 0.5 * 2.0 ** min(self.count - 1, 10))


class _BoundedBody(httpx2.SyncByteStream):
    """A body that ends in `CallLost` when it is too long, too slow or cut off."""

    def __init__(
        self, body: httpx2.SyncByteStream, left: Callable[[], float], timeout_s: float
    ) -> None:
        self._body = body
        self._left = left
        self._timeout_s = timeout_s

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        try:
            for chunk in self._body:
                size += len(chunk)
                if size > BODY_CAP:
                    raise CallLost("malformed_reply", f"the answer is over {BODY_CAP} bytes")
                self._left()
                yield chunk
        except httpx2.HTTPError as error:
            raise _lost(error, self._timeout_s) from None

    def close(self) -> None:
        self._body.close()


def _lost(cause: BaseException | None, seconds: float) -> CallLost:
    if isinstance(cause, httpx2.TimeoutException):
        return CallLost("timeout", f"no answer for {seconds:.3g} s after the request was sent")
    what = str(cause) or type(cause).__name__
    if isinstance(cause, httpx2.DecodingError | httpx2.TooManyRedirects):
        return CallLost("malformed_reply", f"the server's answer is not a reply: {what}")
    return CallLost("connection_lost", f"the connection broke after the request was sent: {what}")
