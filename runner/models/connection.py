"""What every provider's builder takes: where the providers are, and options to be checked."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from runner.errors import UsageError
from runner.types import JsonObject, Usage

Options = Mapping[str, object]
Kinds = Mapping[str, tuple[type, ...]]


# The key of a call's `detail` for the seconds until a local model was free, or back again.
PLACE_WAIT = "place_wait_s"
# Keys of a failure's `detail`: tokens of a reply that came and was refused.
_REFUSED_READ, _REFUSED_WRITTEN = "refused_input_tokens", "refused_output_tokens"
# How long a local model stays loaded after a call: an orchestrator may think for minutes, and what
# a server unloads by itself is loaded again inside the trial's clock.
KEEP_ALIVE = "1h"
# Stands for an Ollama server that is yet to be found or started: an address where nobody is.
NO_SERVER = "http://127.0.0.1:9/no-server-yet"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _quiet(seconds: float, why: str) -> None:
    """Tell nobody of a pause."""


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


@dataclass(frozen=True)
class Connection:
    """How to reach the providers; seconds bound one attempt and one call with its retries.

    `on_pause(seconds, why)` is told of a pause before it begins, for the eye only: the reply's
    `wait_s` counts it. `wait(seconds)` is the pause; True says that it was cut short because
    the run is being stopped (`threading.Event.wait` is one), and the call is given up.
    """

    anthropic_api_key: str | None = None
    anthropic_base_url: str | None = None
    ollama_host: str = "http://127.0.0.1:11434"
    ollama_tells: bool = False  # it is ours, and says with which context a model was loaded
    timeout_s: float = 600.0
    deadline_s: float = 1200.0
    max_retries: int | None = None  # None: as many as fit into the deadline
    on_pause: Callable[[float, str], None] = _quiet
    wait: Callable[[float], bool] = _sleep


def keys_of(connection: Connection) -> tuple[str, ...]:
    """What is sent to prove who we are and must never be on record."""
    addresses = (connection.anthropic_base_url or "", connection.ollama_host)
    # Ollama's client takes its key from the environment by itself.
    known = (connection.anthropic_api_key, os.environ.get("OLLAMA_API_KEY"))
    return tuple(filter(None, (*known, *map(_password, addresses))))


def _password(url: str) -> str | None:
    try:
        return _split(url).password
    except ValueError:
        return None


def _split(url: str) -> SplitResult:
    """An address in parts, its scheme given or not; raises `ValueError` when it is none."""
    return urlsplit(url if "://" in url else f"//{url}")


def shown_address(url: str) -> str:
    """An address for people and for the record: without a user's name and password."""
    scheme, there, rest = url.partition("://") if "://" in url else ("", "", url)
    host, slash, path = rest.partition("/")
    return f"{scheme}{there}{host.rpartition('@')[2]}{slash}{path}"


def is_local(url: str) -> bool:
    """Whether an address is this machine; raises `ValueError` when it is none."""
    return _split(url).hostname in LOOPBACK


def refused_tokens(usage: Usage) -> JsonObject:
    """For a failure's detail: what was read and written before the reply was refused."""
    return {_REFUSED_READ: usage.input_tokens, _REFUSED_WRITTEN: usage.output_tokens}


def refused_usage(detail: JsonObject) -> Usage:
    """The tokens of a reply that was refused, by its failure's detail; none where none came."""
    read, written = (detail.get(key, 0) for key in (_REFUSED_READ, _REFUSED_WRITTEN))
    return Usage(
        input_tokens=read if isinstance(read, int) else 0,
        output_tokens=written if isinstance(written, int) else 0,
    )


def check_options(options: Options, known: Kinds, provider: str) -> None:
    """Refuse an option that `known` does not list, or whose type it does not.

    Raises:
        UsageError: names the option and what is allowed.
    """
    for key, value in options.items():
        if key not in known:
            allowed = ", ".join(sorted(known))
            raise UsageError(f"unknown {provider} option '{key}'; known: {allowed}")
        is_kind = isinstance(value, known[key])
        if not is_kind or (isinstance(value, bool) and bool not in known[key]):
            raise UsageError(f"{provider} option {key} has the wrong type: {value!r}")
