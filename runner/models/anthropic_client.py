"""The vendor's SDK with our rules, and its errors in our words: the one edge to it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

import anthropic
import httpx2
from anthropic import DefaultHttpxClient

from runner.errors import ModelFailure, UsageError
from runner.models.answer import malformed
from runner.models.attempts import Refused, asked_pause_s
from runner.models.connection import shown_address
from runner.models.failures import retried
from runner.models.tls import trusted

VENDOR_HOST = "api.anthropic.com"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_KIND_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "api_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_KEY = re.compile(r"[!-~]+")  # what an HTTP header takes, and no blanks
_TOO_LONG = re.compile(
    r"prompt is too long|exceed(s|ed)? (the )?(context|model's)|context limit", re.I
)
_SPENT = re.compile(r"credit balance|usage limits|spend(ing)? limit", re.I)
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
)
_NEVER_SENDABLE = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)

Bounded = Callable[[Iterable[bytes]], Iterator[bytes]]


def open_client(
    api_key: str,
    base_url: str | None,
    *,
    timeout_s: float = 600.0,
    bounded: Bounded = iter,
    headers: Mapping[str, str] | None = None,
) -> anthropic.Anthropic:
    """The SDK's client: the key we were given, no retries of its own, no redirects, no proxy
    to this machine.

    Args:
        api_key: sent as given; no environment variable or profile is consulted.
        base_url: the API's address; None leaves it to the SDK.
        timeout_s: seconds an answer may be silent.
        bounded: every answer's chunks go through it.
        headers: added to every request.

    Raises:
        UsageError: the key is none, or the base URL is no address.
    """
    if not _KEY.fullmatch(api_key):
        raise UsageError("ANTHROPIC_API_KEY is empty or holds characters no key has")
    # Named here because ANTHROPIC_CUSTOM_HEADERS would win over the key otherwise.
    every = {"Authorization": f"Bearer {api_key}"}

    def watch(response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _BoundedBody(response.stream, bounded)

    try:
        if base_url is not None:
            address = urlsplit(base_url)
            if address.scheme not in ("http", "https") or not address.hostname:
                raise ValueError("it must begin with http:// or https:// and name a host")
            if address.hostname != VENDOR_HOST:
                every["x-api-key"] = api_key  # what servers of the API's older version read
        http_client = DefaultHttpxClient(
            verify=trusted(),
            event_hooks={"response": [watch]},
            # A redirect would take the key along to wherever it points.
            follow_redirects=False,
            # A proxy of the environment must not be asked for this machine itself.
            mounts={f"all://{name}": None for name in _LOOPBACK},
        )
        return anthropic.Anthropic(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout_s,
            max_retries=0,
            default_headers={**every, **(headers or {})},
            http_client=http_client,
        )
    except (ValueError, httpx2.InvalidURL) as error:
        shown = shown_address(base_url or "")
        raise UsageError(f"ANTHROPIC_BASE_URL '{shown}' is no address: {error}") from error


class _BoundedBody(httpx2.SyncByteStream):
    """A body that goes through `bounded`."""

    def __init__(self, body: httpx2.SyncByteStream, bounded: Bounded) -> None:
        self._body = body
        self._bounded = bounded

    def __iter__(self) -> Iterator[bytes]:
        return self._bounded(self._body)

    def close(self) -> None:
        self._body.close()


def translated(
    error: anthropic.AnthropicError, client: anthropic.Anthropic, silence_s: float
) -> ModelFailure | Refused:
    """The SDK's error in our words: `Refused` for what may be tried again."""
    where = shown_address(str(client.base_url))
    if isinstance(error, anthropic.APIStatusError):
        return _refusal(error, where)
    if not isinstance(error, anthropic.APIConnectionError):
        return ModelFailure(f"{where}: {error}", kind="client_error", lost=False)
    cause = error.__cause__
    if isinstance(cause, ModelFailure):
        return cause  # a body out of bounds
    why = str(cause) or type(cause).__name__
    if isinstance(cause, _NEVER_SENT):
        failure = ModelFailure(f"no connection to {where}: {why}", kind="connection", lost=False)
        return Refused(failure)
    if isinstance(cause, _NEVER_SENDABLE) or not isinstance(cause, httpx2.HTTPError):
        return ModelFailure(f"{where}: {why}", kind="client_error", lost=False)
    if isinstance(cause, httpx2.TimeoutException):
        said = f"{where}: no answer for {silence_s:.3g} s after the request was sent"
        return ModelFailure(said, kind="timeout")
    if isinstance(cause, httpx2.DecodingError):
        return malformed(why)
    said = f"{where}: the connection broke after the request was sent: {why}"
    return ModelFailure(said, kind="connection_lost")


def _refusal(error: anthropic.APIStatusError, where: str) -> ModelFailure | Refused:
    said = error.api_message if isinstance(error.api_message, str) else error.message
    kind = _kind(error, said)
    asked_s = asked_pause_s(error.response.headers)
    asked = f"; it asks to wait {asked_s:.3g} s" if asked_s else ""
    failure = ModelFailure(
        f"{where} answered {error.status_code}: {said}{asked}",
        kind=kind,
        request_id=error.request_id,
        lost=False,
    )
    told = error.response.headers.get("x-should-retry")  # the vendor's own word on it
    again = retried(kind, error.status_code) if told != "false" else False
    return Refused(failure, asked_s) if again else failure


def _kind(error: anthropic.APIStatusError, said: str) -> str:
    status = error.status_code
    if status < 400:
        return "redirect"
    if status in (400, 413) and _TOO_LONG.search(said):
        return "context_length"
    if status in (400, 402, 403, 429) and _SPENT.search(said):
        return "spend_limit"
    if isinstance(error.type, str) and error.type:
        return error.type
    by_range = "api_error" if status >= 500 else "invalid_request_error"
    return _KIND_BY_STATUS.get(status, by_range)
