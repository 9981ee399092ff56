"""A model behind the Anthropic Messages API, through the vendor's SDK."""

import re
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

import anthropic
import httpx2
from anthropic import DefaultHttpxClient
from anthropic.types import MessageParam, TextBlockParam, ToolParam

from runner.errors import ModelFailure, UsageError
from runner.models.answer import as_json
from runner.models.anthropic_wire import (
    Block,
    read_reply,
    request_messages,
    request_system,
    request_tools,
)
from runner.models.attempts import Attempts, CallLost
from runner.models.connection import Connection, Kinds, Options, check_options
from runner.types import JsonObject, Message, Reply, ToolSpec

VENDOR_HOST = "api.anthropic.com"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_KIND_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPTIONS: Kinds = {
    "thinking": (str,),  # adaptive or disabled
    "thinking_budget": (int,),  # tokens; for models that take `enabled` with a budget
    "effort": (str,),
    "temperature": (int, float),  # refused by newer models and by the newest API version
    "api_version": (str,),
    "cache_ttl": (str,),
}
_KEY = re.compile(r"[!-~]+")  # what an HTTP header takes, and no blanks
_TOO_LONG = re.compile(
    r"prompt is too long|exceed(s|ed)? (the )?(context|model's)|context limit", re.I
)
_SPENT = re.compile(r"credit balance|usage limits|spend(ing)? limit", re.I)


class AnthropicModel:
    """One conversation at a time with one Claude model. `close` it when done."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        model: str,
        max_tokens: int = 4096,
        timeout_s: float = 600.0,
        deadline_s: float = 1200.0,
        max_retries: int = 4,
        cache_ttl: str = "5m",
        extra: JsonObject | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Build the client; nothing is sent.

        Args:
            api_key: sent as given; no environment variable or profile is consulted.
            base_url: the API's address; None leaves it to the SDK.
            model: the vendor's id.
            max_tokens: the most tokens of one reply.
            timeout_s: seconds one attempt may be silent.
            deadline_s: seconds one call may take with all its retries.
            max_retries: attempts after the first.
            cache_ttl: life of what the cache marks write, "5m" or "1h".
            extra: fields added to every request's body as they are.
            headers: added to every request.

        Raises:
            UsageError: the key or the address cannot be used at all.
        """
        self._model = model
        self._max_tokens = max_tokens
        self._extra = dict(extra or {})
        self._mark: Block = {"type": "ephemeral"}
        if cache_ttl != "5m":
            self._mark["ttl"] = cache_ttl
        self._attempts = Attempts(timeout_s, deadline_s)
        self._client = open_client(
            api_key,
            base_url,
            max_retries=max_retries,
            attempts=self._attempts,
            headers=headers,
        )

    @property
    def name(self) -> str:
        """The vendor's id, as rate cards spell it."""
        return self._model

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        """Send the conversation so far and read the answer.

        `latency_s` is the last attempt's; `detail` holds `attempts` and `wait_s`, the seconds
        lost before it.

        Raises:
            ModelFailure: no answer, an error, or an answer that is no reply.
        """
        self._attempts.begin()
        try:
            body, request_id = self._send(system, messages, tools)
        except anthropic.AnthropicError as error:
            raise _failure(error, self._client, self._attempts.count) from error
        return read_reply(
            as_json(body, request_id),
            latency_s=self._attempts.latency_s,
            request_id=request_id,
            detail={"attempts": self._attempts.count, "wait_s": round(self._attempts.wait_s, 6)},
        )

    def _send(
        self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
    ) -> tuple[bytes, str | None]:
        system_blocks = request_system(system, self._mark)
        tool_blocks = request_tools(tools, self._mark)
        # The raw answer: the SDK's typed one would hide a wrong type and drop what it does
        # not know, and blocks have to be echoed unchanged.
        response = self._client.messages.with_raw_response.create(
            model=self._model,
            max_tokens=self._max_tokens,
            messages=cast("list[MessageParam]", request_messages(messages, self._mark)),
            system=cast("list[TextBlockParam]", system_blocks) or anthropic.omit,
            tools=cast("list[ToolParam]", tool_blocks) or anthropic.omit,
            extra_body=self._extra or None,
        )
        return response.http_response.content, response.headers.get("request-id")


def open_client(
    api_key: str,
    base_url: str | None,
    *,
    timeout_s: float = 600.0,
    max_retries: int = 0,
    attempts: Attempts | None = None,
    headers: Mapping[str, str] | None = None,
) -> anthropic.Anthropic:
    """The SDK's client with our rules: the key we were given, and no proxy to this machine.

    Raises:
        UsageError: the key is none, or the base URL is no address.
    """
    if not _KEY.fullmatch(api_key):
        raise UsageError("ANTHROPIC_API_KEY is empty or holds characters no key has")
    # Named here because ANTHROPIC_CUSTOM_HEADERS would win over the key otherwise.
    every = {"Authorization": f"Bearer {api_key}"}
    try:
        if base_url is not None:
            address = urlsplit(base_url)
            if address.scheme not in ("http", "https") or not address.hostname:
                raise ValueError("it must begin with http:// or https:// and name a host")
            if address.hostname != VENDOR_HOST:
                every["x-api-key"] = api_key  # what servers of the API's older version read
        http_client = DefaultHttpxClient(
            event_hooks={"response": [attempts.watch] if attempts else []},
            # A proxy of the environment must not be asked for this machine itself.
            mounts={f"all://{name}": None for name in _LOOPBACK},
        )
        return anthropic.Anthropic(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout_s,
            max_retries=max_retries,
            middleware=[attempts.attempt] if attempts else [],
            default_headers={**every, **(headers or {})},
            http_client=http_client,
        )
    except (ValueError, httpx2.InvalidURL) as error:
        raise UsageError(f"ANTHROPIC_BASE_URL '{base_url}' is no address: {error}") from error


def _failure(
    error: anthropic.AnthropicError, client: anthropic.Anthropic, attempts: int
) -> ModelFailure:
    """The vendor's error in our words; the one place where SDK errors are translated."""
    base_url = str(client.base_url)
    tries = f" ({attempts} attempts)" if attempts > 1 else ""
    if isinstance(error, CallLost):
        return ModelFailure(f"{base_url}: {error}{tries}", kind=error.kind, lost=error.lost)
    if isinstance(error, anthropic.APIStatusError):
        said = error.api_message if isinstance(error.api_message, str) else error.message
        # Some servers quote the key they refuse, and this goes on record.
        said = said.replace(client.api_key or "\0", "[key removed]")
        wait = error.response.headers.get("retry-after")
        asked = f"; it asks to wait {wait[:40]} s" if wait else ""
        return ModelFailure(
            f"{base_url} answered {error.status_code}: {said[:500]}{asked}{tries}",
            kind=_kind(error, said),
            request_id=error.request_id,
            lost=False,
        )
    if isinstance(error, anthropic.APIConnectionError):
        why = str(error.__cause__) or type(error.__cause__).__name__
        return ModelFailure(
            f"no connection to {base_url}: {why}{tries}", kind="connection", lost=False
        )
    return ModelFailure(f"{base_url}: {error}", kind="client_error", lost=False)


def _kind(error: anthropic.APIStatusError, said: str) -> str:
    if error.status_code in (400, 413) and _TOO_LONG.search(said):
        return "context_length"
    if error.status_code in (400, 402, 429) and _SPENT.search(said):
        return "spend_limit"
    if isinstance(error.type, str) and error.type:
        return error.type
    by_range = "api_error" if error.status_code >= 500 else "invalid_request_error"
    return _KIND_BY_STATUS.get(error.status_code, by_range)


def build(model: str, max_tokens: int, options: Options, connection: Connection) -> AnthropicModel:
    """The model of one seat; raises `UsageError` for a missing key or an unknown option."""
    check_options(options, _OPTIONS, "anthropic")
    if not connection.anthropic_api_key:
        raise UsageError("ANTHROPIC_API_KEY is not set (environment or .env)")
    version = options.get("api_version")
    return AnthropicModel(
        api_key=connection.anthropic_api_key,
        base_url=connection.anthropic_base_url,
        model=model,
        max_tokens=max_tokens,
        timeout_s=connection.timeout_s,
        deadline_s=connection.deadline_s,
        max_retries=connection.max_retries,
        cache_ttl=str(options.get("cache_ttl", "5m")),
        extra=_extra_body(options),
        headers={"anthropic-version": str(version)} if version else None,
    )


def _extra_body(options: Options) -> JsonObject:
    if options.get("cache_ttl", "5m") not in ("5m", "1h"):
        raise UsageError(f"anthropic option cache_ttl is '{options['cache_ttl']}', not 5m or 1h")
    body: dict[str, object] = {}
    if "thinking_budget" in options:
        body["thinking"] = {"type": "enabled", "budget_tokens": options["thinking_budget"]}
    elif "thinking" in options:
        body["thinking"] = {"type": options["thinking"]}
    if "effort" in options:
        body["output_config"] = {"effort": options["effort"]}
    if "temperature" in options:
        body["temperature"] = options["temperature"]
    return body
