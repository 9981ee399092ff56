"""A model behind Ollama's native chat API, through the vendor's client.

The native API because only it takes a context size with every call: the server's default
depends on the GPU's memory, and it cuts longer prompts without a word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.errors import ModelFailure, UsageError
from runner.models.answer import as_json, malformed, shown
from runner.models.attempts import Attempts, Refused
from runner.models.connection import Connection, Kinds, Options, check_options
from runner.models.ollama_client import OLLAMA_ERRORS, SAMPLES, Ear, open_client, translated
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
        self._attempts = Attempts(connection)
        self._ear = Ear(lambda: self._attempts.silence_s, self._attempts.bounded)
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

        `detail` holds `attempts`, `wait_s`, the server's durations in seconds (`load_s`, ...)
        and `usage_missing`, the counts it did not send.

        Raises:
            ModelFailure: no answer, an error, or an answer that is no reply.
        """
        return self._attempts.run(lambda: self._attempt(system, messages, tools))

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
            # The client trips over answers of another shape; what came is read below.
            if not self._ear.body:
                raise malformed(f"the client cannot read it: {shown(str(error))}") from error
        try:
            return read_reply(as_json(self._ear.body))
        except ModelFailure as failure:
            if failure.lost:
                raise
            raise Refused(failure, most=SAMPLES) from None

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


def build(model: str, max_tokens: int, options: Options, connection: Connection) -> OllamaModel:
    """The model of one seat; raises `UsageError` for an option that is unknown or missing."""
    check_options(options, _OPTIONS, "ollama")
    rest = dict(options)
    num_ctx, think = rest.pop("num_ctx", None), rest.pop("think", None)
    keep_alive, num_predict = rest.pop("keep_alive", None), rest.pop("num_predict", max_tokens)
    if not isinstance(num_ctx, int) or num_ctx < 1 or not isinstance(num_predict, int):
        raise UsageError("ollama option num_ctx must be set: tokens of context, 1 or more")
    return OllamaModel(
        model=model,
        connection=connection,
        settings=OllamaSettings(
            num_ctx=num_ctx,
            num_predict=num_predict,
            think=think if isinstance(think, bool | str) else None,
            keep_alive=keep_alive if isinstance(keep_alive, str) else None,
            sampling=rest,
        ),
    )
