"""A model behind Ollama's native chat API, through the vendor's client.

The native API because only it takes a context size with every call: the server's default
depends on the GPU's memory, and it cuts longer prompts without a word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runner.errors import ModelFailure, UsageError
from runner.models.answer import as_json, malformed, shown
from runner.models.attempts import Attempts, Refused
from runner.models.connection import (
    KEEP_ALIVE,
    Connection,
    Kinds,
    Options,
    check_options,
    refused_tokens,
)
from runner.models.ollama_client import OLLAMA_ERRORS, SAMPLES, Ear, open_client, translated
from runner.models.ollama_context import check_fits, check_loaded, check_whole, loaded
from runner.models.ollama_wire import read_reply, request_messages, request_tool
from runner.types import Message, Reply, ToolSpec

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

LOOK_S = 10.0  # for what the server knows of a loaded model; most take a millisecond
EXPLICIT = ("num_ctx", "temperature", "seed", "think")


@dataclass(frozen=True)
class OllamaSettings:
    """What goes into every request. `num_ctx` and `num_predict` are tokens.

    `sampling` holds further options of the server (temperature, seed, top_k, ...) by its names.
    """

    num_ctx: int
    num_predict: int
    think: bool | str | None = None
    keep_alive: str = KEEP_ALIVE
    sampling: Mapping[str, object] | None = None


class OllamaModel:
    """One conversation at a time with one local model. `close` it when done."""

    def __init__(self, *, model: str, settings: OllamaSettings, connection: Connection) -> None:
        """Build the client; nothing is sent.

        Raises:
            UsageError: the host is no address.
        """
        self._host = connection.ollama_host
        self._model = model
        self._settings = settings
        self._must_tell = connection.ollama_tells
        self._attempts = Attempts(connection)
        self._ear = Ear(
            lambda: self._attempts.silence_s, lambda: self._attempts.left_s, self._attempts.bounded
        )
        self._client = open_client(self._host, connection.timeout_s, self._ear)

    @property
    def name(self) -> str:
        """The model's tag, as rate cards spell it."""
        return self._model

    def close(self) -> None:
        """Close the connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        """Send the conversation so far and read the answer.

        `detail` holds `attempts`, `wait_s`, the server's durations in seconds (`load_s`, ...),
        `tokens_per_s`, `usage_missing` (the counts it did not send), `context_loaded` (tokens)
        and `gpu_share` (0 to 1; both absent where the server does not tell), and what
        `read_reply` says of calls.

        Raises:
            ModelFailure: no answer, an error, an answer that is no reply, or one to a prompt
                that was or would have been cut: then its detail is the reply's, with its tokens.
        """
        num_ctx = self._settings.num_ctx
        check_fits(system, messages, tools, num_ctx)
        reply = self._attempts.run(lambda: self._attempt(system, messages, tools))
        facts: Mapping[str, object] = {}
        try:
            check_whole(messages, reply, num_ctx)
            facts = self._loaded()
            check_loaded(facts, num_ctx, must_tell=self._must_tell)
        except ModelFailure as failure:
            failure.detail = {**reply.detail, **facts, **refused_tokens(reply.usage)}
            raise
        return replace(reply, detail={**reply.detail, **facts})

    def _loaded(self) -> Mapping[str, object]:
        """What the server tells of the model as it is loaded; nothing when it tells nothing."""
        self._ear.forget()
        try:
            with self._ear.within(LOOK_S):
                self._client._request_raw("GET", "/api/ps")  # type: ignore[no-untyped-call]
        except (*OLLAMA_ERRORS, ModelFailure, ValueError, TypeError, AttributeError):
            return {}
        return loaded(self._ear.body, self._model)

    def _attempt(
        self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]
    ) -> Reply:
        self._ear.forget()
        silence_s = self._attempts.silence_s
        try:
            self._send(system, messages, tools)
        except OLLAMA_ERRORS as error:
            raise translated(error, self._host, silence_s, self._ear.headers) from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            # The client trips over errors of another shape; what came is read below.
            if not self._ear.body:
                raise malformed(f"the client cannot read it: {shown(str(error))}") from error
        try:
            return read_reply(as_json(self._ear.body), tools)
        except ModelFailure as failure:
            if failure.lost:
                raise
            raise Refused(failure, most=SAMPLES) from None

    def _send(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """Post through the client's own session: its `chat` drops `truncate` and `shift`.

        Both are off, so that a server that knows them answers with an error instead of a cut.
        """
        settings = self._settings
        body: dict[str, object] = {
            "model": self._model,
            "messages": request_messages(system, messages),
            "tools": [request_tool(spec) for spec in tools],
            "keep_alive": settings.keep_alive,
            "stream": False,
            "truncate": False,
            "shift": False,
            "options": {
                **(settings.sampling or {}),
                "num_ctx": settings.num_ctx,
                "num_predict": settings.num_predict,
            },
        }
        if settings.think is not None:
            body["think"] = settings.think
        self._client._request_raw("POST", "/api/chat", json=body)  # type: ignore[no-untyped-call]


def build(model: str, max_tokens: int, options: Options, connection: Connection) -> OllamaModel:
    """The model of one seat; raises `UsageError` for an option that is unknown or missing."""
    check_options(options, _OPTIONS, "ollama")
    rest = dict(options)
    num_ctx, think = rest.pop("num_ctx", None), rest.pop("think", None)
    keep, num_predict = rest.pop("keep_alive", KEEP_ALIVE), rest.pop("num_predict", max_tokens)
    if not isinstance(num_ctx, int) or num_ctx < 1 or not isinstance(num_predict, int):
        raise UsageError("ollama option num_ctx must be set: tokens of context, 1 or more")
    return OllamaModel(
        model=model,
        connection=connection,
        settings=OllamaSettings(
            num_ctx=num_ctx,
            num_predict=num_predict,
            think=think if isinstance(think, bool | str) else None,
            keep_alive=str(keep),
            sampling=rest,
        ),
    )
