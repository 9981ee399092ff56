"""The models an Ollama server has: which, what they are, getting one, having it loaded.

Through the vendor's client, whose errors end here.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import ollama

from runner.errors import EnvironmentProblem, ModelFailure
from runner.models.answer import as_json
from runner.models.connection import shown_address
from runner.models.ollama_client import OLLAMA_ERRORS, open_client

WAIT_S = 10.0  # for what a server knows by heart
PULL_SILENCE_S = 300.0  # verifying a large layer says nothing
LOAD_WAIT_S = 900.0
PULL_BREAKS = 5  # in a row that bring nothing
RESTART_WAIT_S = 60.0
_PULL_PAUSE_S = 1.0
_ASK_PAUSE_S = 0.05
_NOT_THERE = "file does not exist"


@dataclass(frozen=True)
class ModelFacts:
    """What a server tells of a model; sizes in bytes, the context length in tokens."""

    name: str
    digest: str  # hex
    size: int
    parameters: str
    quantisation: str
    family: str
    context_length: int | None
    capabilities: tuple[str, ...]


@dataclass(frozen=True)
class Loaded:
    """A model in memory; of `size` bytes, `vram` are the GPU's."""

    name: str
    context_length: int | None
    size: int
    vram: int


@dataclass(frozen=True)
class Pulled:
    """How far a pull is, in bytes; `total` is 0 while it is not known."""

    status: str
    completed: int
    total: int


def server_version(host: str, wait_s: float = WAIT_S) -> str:
    """The version of the server at `host`; raises `EnvironmentProblem` when it is none."""
    with _asking(host, wait_s) as client:
        body = client._request_raw("GET", "/api/version").content  # type: ignore[no-untyped-call]
        return str(as_json(body).get("version", ""))


def await_server(host: str, wait_s: float = RESTART_WAIT_S) -> None:
    """Wait for a server that may be starting again; raises `EnvironmentProblem` if it is not."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            server_version(host)
            return
        except EnvironmentProblem:
            if time.monotonic() > deadline:
                raise
            time.sleep(_ASK_PAUSE_S)  # a server tells nobody that it is back


def held_models(host: str) -> tuple[str, ...]:
    """The names of the models on the server's disk."""
    with _asking(host) as client:
        return tuple(str(each.model) for each in client.list().models)


def model_facts(host: str, model: str) -> ModelFacts | None:
    """What the server tells of a model; None when it does not hold it."""
    with _asking(host) as client:
        entry = next((each for each in client.list().models if same(each.model, model)), None)
        if entry is None:
            return None
        shown = client.show(model)
    details = shown.details
    lengths = (shown.modelinfo or {}).items()
    length = next((size for key, size in lengths if key.endswith(".context_length")), None)
    return ModelFacts(
        name=model,
        digest=str(entry.digest or "").removeprefix("sha256:"),
        size=int(entry.size or 0),
        parameters=str((details and details.parameter_size) or ""),
        quantisation=str((details and details.quantization_level) or ""),
        family=str((details and details.family) or ""),
        context_length=length if isinstance(length, int) else None,
        capabilities=tuple(sorted(shown.capabilities or ())),
    )


def loaded_models(host: str) -> tuple[Loaded, ...]:
    """The models in the server's memory."""
    with _asking(host) as client:
        entries = client.ps().models
    return tuple(
        Loaded(
            str(each.model or each.name),
            each.context_length,
            int(each.size or 0),
            int(each.size_vram or 0),
        )
        for each in entries
    )


def same(name: str | None, other: str) -> bool:
    """Whether two names are one model's: the tag `latest` may be left out."""
    return (name or "").removesuffix(":latest") == other.removesuffix(":latest")


def pull_model(
    host: str,
    model: str,
    heard: Callable[[Pulled], None],
    wait: Callable[[float], None] = time.sleep,
    silence_s: float = PULL_SILENCE_S,
) -> None:
    """Have the server fetch a model, going on after each break; `heard` gets the progress.

    The server keeps what has come of a layer, so a pull is safe to repeat. A silence of
    `silence_s` is a break, too. It is given up after five breaks in a row that brought nothing.

    Raises:
        EnvironmentProblem: it cannot be had; the message says why and what to do.
    """
    breaks, most = 0, 0
    while True:
        try:
            for progress in _pull_once(host, model, silence_s):
                if progress.completed > most:
                    most, breaks = progress.completed, 0
                heard(progress)
            return
        except OLLAMA_ERRORS as error:
            breaks += 1
            said = str(error) or type(error).__name__
            if breaks >= PULL_BREAKS or _NOT_THERE in said or "no space left" in said:
                raise EnvironmentProblem(_pull_failure(host, model, said)) from error
            heard(Pulled(f"broke off ({said}); going on", most, 0))
            wait(_PULL_PAUSE_S * breaks)


def _pull_once(host: str, model: str, silence_s: float) -> Iterator[Pulled]:
    layers: dict[str, tuple[int, int]] = {}
    last = ""
    with open_client(host, silence_s) as client:
        for piece in client.pull(model, stream=True):
            last = piece.status or ""
            if piece.digest and piece.total:
                layers[piece.digest] = (piece.completed or 0, piece.total)
            yield Pulled(
                last,
                sum(done for done, _ in layers.values()),
                sum(all_ for _, all_ in layers.values()),
            )
    if last != "success":
        raise ConnectionError("it ended without a word of success")


def _pull_failure(host: str, model: str, said: str) -> str:
    what = f"the Ollama server at {shown_address(host)} cannot get {model}: {said}"
    if _NOT_THERE in said:
        return f"{what}: there is no such model; check the name in the arm's file"
    if "no space left" in said:
        return f"{what}: free some space on the Docker engine's disk, then repeat the command"
    return (
        f"{what}: repeat the command where the model registry can be reached (what has come is "
        "kept), or set OLLAMA_HOST to a server that has the model"
    )


def load_model(
    host: str, model: str, options: Mapping[str, object], keep_alive: str | None
) -> float:
    """Have a model in memory, loaded with these options; gives the seconds it took.

    Raises:
        EnvironmentProblem: there is no memory for it, or the server broke off.
    """
    began = time.monotonic()
    size = options.get("num_ctx", "the server's own number of")
    with _asking(host, LOAD_WAIT_S, f"load {model} with a context of {size} tokens") as client:
        client.chat(model, [], options=dict(options), keep_alive=keep_alive)
    return time.monotonic() - began


@contextmanager
def _asking(host: str, wait_s: float = WAIT_S, doing: str = "") -> Iterator[ollama.Client]:
    """The client, for one question; its errors become `EnvironmentProblem`."""
    where = f"the Ollama server at {shown_address(host)}"
    try:
        with open_client(host, wait_s) as client:
            yield client
    except ollama.ResponseError as error:
        what = f"could not {doing}" if doing else "answered an error"
        raise EnvironmentProblem(
            f"{where} {what}: {error.error}{_memory_fix(error.error)}"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, ConnectionError) as error:
        said = str(error).partition(".")[0] or type(error).__name__
        raise EnvironmentProblem(f"{where} does not answer ({said})") from error
    except (ValueError, TypeError, AttributeError, ModelFailure) as error:
        raise EnvironmentProblem(
            f"what answers at {shown_address(host)} is no Ollama server"
        ) from error


def _memory_fix(said: str) -> str:
    if "memory" not in said:
        return ""
    return ": use a machine with more memory, or a smaller num_ctx or model in the arm's file"
