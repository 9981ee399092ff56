"""A model behind the Anthropic Messages API, through the vendor's SDK."""

from collections.abc import Sequence
from typing import cast

import anthropic
import httpx2
from anthropic.types import MessageParam, TextBlockParam, ToolParam

from runner.errors import UsageError
from runner.models.answer import as_json
from runner.models.anthropic_client import open_client, translated
from runner.models.anthropic_wire import (
    Block,
    read_reply,
    request_messages,
    request_system,
    request_tools,
)
from runner.models.attempts import Attempts
from runner.models.connection import Connection, Kinds, Options, check_options
from runner.types import JsonObject, Message, Reply, ToolSpec

_OPTIONS: Kinds = {
    "thinking": (str,),  # adaptive or disabled
    "thinking_budget": (int,),  # tokens; for models that take `enabled` with a budget
    "effort": (str,),
    "temperature": (int, float),  # refused by newer models and by the newest API version
    "api_version": (str,),
    "cache_ttl": (str,),
}


class AnthropicModel:
    """One conversation at a time with one Claude model. `close` it when done."""

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        max_tokens: int,
        connection: Connection,
        cache_ttl: str = "5m",
        extra: JsonObject | None = None,
        api_version: str | None = None,
    ) -> None:
        """Build the client; nothing is sent.

        Args:
            api_key: sent as given; no environment variable or profile is consulted.
            model: the vendor's id.
            max_tokens: the most tokens of one reply.
            connection: where the API is, and how patient to be with it.
            cache_ttl: life of what the cache marks write, "5m" or "1h".
            extra: fields added to every request's body as they are.
            api_version: another version of the API than the SDK's.

        Raises:
            UsageError: the key or the address cannot be used at all.
        """
        self._model = model
        self._max_tokens = max_tokens
        self._extra = dict(extra or {})
        self._mark: Block = {"type": "ephemeral"}
        if cache_ttl != "5m":
            self._mark["ttl"] = cache_ttl
        self._attempts = Attempts(connection)
        self._client = open_client(
            api_key,
            connection.anthropic_base_url,
            timeout_s=connection.timeout_s,
            bounded=self._attempts.bounded,
            headers={"anthropic-version": api_version} if api_version else None,
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
        return self._attempts.run(lambda: self._attempt(system, messages, tools))

    def _attempt(
        self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
    ) -> Reply:
        silence_s = self._attempts.silence_s
        try:
            body, request_id = self._send(system, messages, tools, silence_s)
        except anthropic.AnthropicError as error:
            raise translated(error, self._client, silence_s) from error
        return read_reply(as_json(body, request_id), request_id=request_id)

    def _send(
        self,
        system: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        silence_s: float,
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
            timeout=httpx2.Timeout(silence_s, connect=min(10.0, silence_s)),
        )
        return response.http_response.content, response.headers.get("request-id")


def build(model: str, max_tokens: int, options: Options, connection: Connection) -> AnthropicModel:
    """The model of one seat; raises `UsageError` for a missing key or an unknown option."""
    check_options(options, _OPTIONS, "anthropic")
    if not connection.anthropic_api_key:
        raise UsageError("ANTHROPIC_API_KEY is not set (environment or .env)")
    version = options.get("api_version")
    return AnthropicModel(
        api_key=connection.anthropic_api_key,
        model=model,
        max_tokens=max_tokens,
        connection=connection,
        cache_ttl=str(options.get("cache_ttl", "5m")),
        extra=_extra_body(options),
        api_version=str(version) if version else None,
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
