"""Ollama's client with our rules, and its errors in our words: the one edge to it."""

import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Timer

import httpx

from runner.errors import ModelFailure, UsageError
from runner.models.answer import malformed
from runner.models.attempts import Refused, asked_pause_s
from runner.models.connection import is_local, shown_address
from runner.models.failures import retried
from runner.models.tls import trusted

try:
    import ollama
except ValueError as error:  # the package makes a client of its own when it is imported
    raise UsageError(f"OLLAMA_HOST in the environment is no address: {error}") from error

OLLAMA_ERRORS = (ollama.ResponseError, ollama.RequestError, httpx.HTTPError, ConnectionError)
# A 500 often is a tool call the server could not parse: another sample may do, but each one
# takes as long as a reply.
SAMPLES = 2
_UNREADABLE = re.compile(r"tool call|xml|pars(e|ing)|unexpected end of", re.I)
_TOO_LONG = re.compile(r"prompt (is )?too long|exceed\w* .*context|context length", re.I)
_KIND_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}

Bounded = Callable[[Iterable[bytes]], Iterator[bytes]]


class Ear:
    """Hears one call's traffic: bounds it, and holds what came.

    The client's own types drop and refuse fields, so the bytes are what is read.
    """

    def __init__(
        self, silence_s: Callable[[], float], left_s: Callable[[], float], bounded: Bounded
    ) -> None:
        """`silence_s()` is how long the server may be silent, `left_s()` how long it has until
        its answer must be whole, in seconds."""
        self._silence_s = silence_s
        self._left_s = left_s
        self._bounded = bounded
        self.forget()

    def forget(self) -> None:
        """Begin with a new attempt."""
        self.body = b""
        self.headers: Mapping[str, str] = {}

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bound what is asked in the context by `seconds` alone, whatever the call has left."""
        until = time.monotonic() + seconds
        before = self._silence_s, self._left_s, self._bounded
        self._silence_s = self._left_s = lambda: max(0.001, until - time.monotonic())
        self._bounded = iter
        try:
            yield
        finally:
            self._silence_s, self._left_s, self._bounded = before

    def asked(self, request: httpx.Request) -> None:
        """Event hook: what a request may take."""
        seconds = self._silence_s()
        timeout = httpx.Timeout(seconds, connect=min(10.0, seconds))
        request.extensions = {**request.extensions, "timeout": timeout.as_dict()}

    def heard(self, response: httpx.Response) -> None:
        """Event hook: hold the answer."""
        self.headers = response.headers
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _BoundedBody(response.stream, self._bounded)
        with _cut_off(response, self._left_s()):
            self.body = response.read()


@contextmanager
def _cut_off(response: httpx.Response, left_s: float) -> Iterator[None]:
    """End the connection when the time is up: a limit on each silence alone would let an answer
    that comes in drops outlive its deadline by one more silence.

    Raises:
        ModelFailure: it was ended.
    """
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream else None
    over = Event()

    def end() -> None:
        over.set()
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    timer = Timer(max(0.0, left_s), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except httpx.HTTPError as error:
        if over.is_set():
            raise ModelFailure("no whole answer before its deadline", kind="deadline") from error
        raise
    finally:
        timer.cancel()


class _BoundedBody(httpx.SyncByteStream):
    """A body that goes through `bounded`."""

    def __init__(self, body: httpx.SyncByteStream, bounded: Bounded) -> None:
        self._body = body
        self._bounded = bounded

    def __iter__(self) -> Iterator[bytes]:
        return self._bounded(self._body)

    def close(self) -> None:
        self._body.close()


def open_client(host: str, timeout_s: float, ear: Ear | None = None) -> ollama.Client:
    """The vendor's client, no redirects and no proxy to this machine; `timeout_s` bounds each
    silence where no `ear` does.

    Raises:
        UsageError: the host is no address.
    """
    hooks = {"request": [ear.asked], "response": [ear.heard]} if ear else {}
    try:
        return ollama.Client(
            host,
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
            verify=trusted(),
            event_hooks=hooks,
            follow_redirects=False,
            trust_env=not is_local(host),
        )
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"OLLAMA_HOST '{shown_address(host)}' is no address: {error}") from error


def translated(
    error: Exception, host: str, silence_s: float, headers: Mapping[str, str]
) -> ModelFailure | Refused:
    """The client's error in our words: `Refused` for what may be tried again.

    `headers` are the answer's, empty when there is none.
    """
    where = f"Ollama at {shown_address(host)}"
    if isinstance(error, ollama.ResponseError | ollama.RequestError):
        return _refusal(error, where, headers)
    if isinstance(error, ConnectionError | httpx.ConnectTimeout | httpx.ConnectError):
        said = f"no Ollama answers at {shown_address(host)}"
        return Refused(ModelFailure(said, kind="connection", lost=False))
    if isinstance(error, httpx.TimeoutException):
        return ModelFailure(f"{where} was silent for {silence_s:.3g} s", kind="silent")
    if isinstance(error, httpx.DecodingError):
        return malformed(str(error))
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ModelFailure(f"{where}: {error}", kind="client_error", lost=False)
    why = str(error) or type(error).__name__
    return ModelFailure(f"{where}: the connection broke: {why}", kind="connection_lost")


def _refusal(
    error: ollama.ResponseError | ollama.RequestError, where: str, headers: Mapping[str, str]
) -> ModelFailure | Refused:
    status = getattr(error, "status_code", -1)
    if status < 0:
        return ModelFailure(f"{where}: {error.error}", kind="client_error", lost=False)
    by_range = "api_error" if status >= 500 else "invalid_request_error"
    kind = "redirect" if status < 400 else _KIND_BY_STATUS.get(status, by_range)
    if status == 500 and _UNREADABLE.search(str(error.error)):
        kind = "model_format"
    if status == 400 and _TOO_LONG.search(str(error.error)):
        kind = "context_length"
    said = f"{where} answered {status}: {error.error}"
    failure = ModelFailure(said, kind=kind, lost=False)
    if not retried(kind, status):
        return failure
    return Refused(failure, asked_pause_s(headers), SAMPLES if status == 500 else None)
