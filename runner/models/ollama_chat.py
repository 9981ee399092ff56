"""A model behind Ollama's native chat API, through the vendor's client.

The native API because only it takes a context size with every call: the server's default
depends on the GPU's memory, and it cuts longer prompts without a word.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from runner.errors import ModelFailure, UsageError
from runner.models.answer import as_json, malformed, shown
from runner.models.connection import Connection, Kinds, Options, check_options
from runner.models.ollama_wire import read_reply, request_messages, request_tool
from runner.types import Message, Reply, ToolSpec

try:
    import ollama
except ValueError as error:  # the package makes a client of its own when it is imported
    raise UsageError(f"OLLAMA_HOST in the environment is no address: {error}") from error

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_KIND_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_OPTIONS: Kinds = {
    "num_ctx": (int,),
    "num_predict": (int,),
    "think": (bool, str),
    "keep_alive": (str,),
    "seed": (int,),
    "temperature": (int, float),
    "top_k": (int,),
    "top_p": (int, float),
    "min_p": (int, float),
    "presence_penalty": (int, float),
    "repeat_penalty": (int, float),
    "num_gpu": (int,),
    "num_thread": (int,),
}


@dataclass(frozen=True)
class OllamaSettings:
    """What goes into every request. `num_ctx` and `num_predict` are tokens.

    `sampling` holds further options of the server (temperature, seed, top_k, ...) by its names.
    """

    num_ctx: int
    num_predict: int
    think: bool | str | None = None
    keep_alive: str | None = None
    sampling: Mapping[str, object] | None = None


def open_client(
    host: str, timeout_s: float, heard: Callable[[httpx.Response], None] | None = None
) -> ollama.Client:
    """The vendor's client; `heard` gets every response, `timeout_s` bounds each silence.

    Raises:
        UsageError: the host is no address.
    """
    try:
        # A proxy of the environment must not be asked for this machine itself.
        local = urlsplit(host).hostname in _LOOPBACK
        return ollama.Client(
            host,
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
            event_hooks={"response": [heard] if heard else []},
            trust_env=not local,
        )
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"OLLAMA_HOST '{host}' is no address: {error}") from error


class OllamaModel:
    """One conversation at a time with one local model. `close` it when done."""

    def __init__(
        self, *, host: str, model: str, settings: OllamaSettings, timeout_s: float = 600.0
    ) -> None:
        """Build the client; nothing is sent. `timeout_s` is how long the server may be silent.

        Raises:
            UsageError: the host is no address.
        """
        self._host = host
        self._model = model
        self._settings = settings
        self._timeout_s = timeout_s
        self._body = b""
        self._client = open_client(host, timeout_s, self._keep)

    @property
    def name(self) -> str:
        """The model's tag, as rate cards spell it."""
        return self._model

    def close(self) -> None:
        """Close the connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        """Send the conversation so far and read the answer.

        `detail` holds the server's durations in seconds (`load_s`, ...) and `usage_missing`,
        the counts it did not send.

        Raises:
            ModelFailure: no answer, an error, or an answer that is no reply. Nothing is
                retried: the server's errors of this kind repeat.
        """
        self._body = b""
        started = time.monotonic()
        try:
            self._send(system, messages, tools)
        except (ollama.ResponseError, ollama.RequestError) as error:
            raise self._refused(error) from error
        except httpx.HTTPError as error:
            raise self._broken(error) from error
        except ConnectionError as error:
            raise self._absent() from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            # The client trips over answers of another shape; what came is read below.
            if not self._body:
                raise malformed(f"the client cannot read it: {shown(str(error))}") from error
        return read_reply(as_json(self._body), latency_s=time.monotonic() - started)

    def _send(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        settings = self._settings
        self._client.chat(
            model=self._model,
            messages=request_messages(system, messages),
            tools=[request_tool(spec) for spec in tools],
            stream=False,
            think=settings.think,
            keep_alive=settings.keep_alive,
            options={
                **(settings.sampling or {}),
                "num_ctx": settings.num_ctx,
                "num_predict": settings.num_predict,
            },
        )

    def _keep(self, response: httpx.Response) -> None:
        """Event hook: hold the bytes, since the client's own types drop and refuse fields."""
        self._body = response.read()

    def _refused(self, error: ollama.ResponseError | ollama.RequestError) -> ModelFailure:
        status = getattr(error, "status_code", -1)
        kind = _KIND_BY_STATUS.get(
            status, "api_error" if status >= 500 else "invalid_request_error"
        )
        return ModelFailure(
            f"Ollama at {self._host} answered {status}: {str(error.error)[:500]}",
            kind=kind,
            lost=False,
        )

    def _absent(self) -> ModelFailure:
        return ModelFailure(f"no Ollama answers at {self._host}", kind="connection", lost=False)

    def _broken(self, error: httpx.HTTPError) -> ModelFailure:
        if isinstance(error, httpx.ConnectTimeout):
            return self._absent()
        if isinstance(error, httpx.TimeoutException):
            silent = f"was silent for {self._timeout_s:g} s"
            return ModelFailure(f"Ollama at {self._host} {silent}", kind="timeout")
        if isinstance(error, httpx.DecodingError):
            return malformed(str(error))
        if isinstance(error, httpx.UnsupportedProtocol):
            what = f"OLLAMA_HOST '{self._host}': {error}"
            return ModelFailure(what, kind="connection", lost=False)
        why = str(error) or type(error).__name__
        return ModelFailure(
            f"Ollama at {self._host}: the connection broke: {why}", kind="connection_lost"
        )


def build(model: str, max_tokens: int, options: Options, connection: Connection) -> OllamaModel:
    """The model of one seat; raises `UsageError` for an option that is unknown or missing."""
    check_options(options, _OPTIONS, "ollama")
    rest = dict(options)
    num_ctx, think = rest.pop("num_ctx", None), rest.pop("think", None)
    keep_alive, num_predict = rest.pop("keep_alive", None), rest.pop("num_predict", max_tokens)
    if not isinstance(num_ctx, int) or num_ctx < 1 or not isinstance(num_predict, int):
        raise UsageError("ollama option num_ctx must be set: tokens of context, 1 or more")
    return OllamaModel(
        host=connection.ollama_host,
        model=model,
        timeout_s=min(connection.timeout_s, connection.deadline_s),
        settings=OllamaSettings(
            num_ctx=num_ctx,
            num_predict=num_predict,
            think=think if isinstance(think, bool | str) else None,
            keep_alive=keep_alive if isinstance(keep_alive, str) else None,
            sampling=rest,
        ),
    )
