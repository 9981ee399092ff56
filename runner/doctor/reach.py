"""Whether services answer. Nothing here sends a key or asks a model anything."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from runner.config.address import ollama_url
from runner.models.connection import shown_address

WAIT_S = 2.0
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Missing:
    """Something could not be had."""

    reason: str


@dataclass(frozen=True)
class Reached:
    """A server answered, whatever it said."""

    status: int
    body: bytes
    clock_ahead_s: float | None  # its clock minus ours, by its Date header


@dataclass(frozen=True)
class OllamaFacts:
    """An Ollama server and the models it holds."""

    version: str
    models: tuple[str, ...]


def reach(url: str, method: str = "HEAD") -> Reached | Missing:
    """Ask once, for two seconds; name resolution counts (a daemon thread may outlive it)."""
    return within(WAIT_S, lambda: _ask(url, method))


def within(seconds: float, ask: Callable[[], Reached | Missing]) -> Reached | Missing:
    """What `ask` gives, or `Missing` when it takes longer."""
    answers: list[Reached | Missing] = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else Missing(f"no answer within {seconds:g} s")


def ask_ollama(host: str) -> OllamaFacts | Missing:
    """The server's version and models, by its own two GET requests."""
    try:
        base = shown_address(ollama_url(host))  # which the one question here does without
    except ValueError as error:
        return Missing(f"OLLAMA_HOST '{shown_address(host)}' is no address: {error}")
    version = reach(f"{base}/api/version", "GET")
    if isinstance(version, Missing):
        return version
    tags = reach(f"{base}/api/tags", "GET")
    if isinstance(tags, Missing):
        return tags
    try:
        models = tuple(str(model["name"]) for model in json.loads(tags.body)["models"])
        return OllamaFacts(str(json.loads(version.body)["version"]), models)
    except (ValueError, KeyError, TypeError):
        return Missing("what answers there does not speak as Ollama does")


def _ask(url: str, method: str) -> Reached | Missing:
    try:
        try:
            with urlopen(Request(url, method=method), timeout=WAIT_S) as answer:
                return _reached(answer.status, answer.read(_MOST_BYTES), answer.headers["Date"])
        except HTTPError as refusal:
            with refusal:
                return _reached(refusal.code, b"", refusal.headers["Date"])
    except URLError as error:
        return Missing(str(getattr(error.reason, "strerror", None) or error.reason))
    except (OSError, HTTPException, ValueError) as error:
        return Missing(str(error) or type(error).__name__)


def _reached(status: int, body: bytes, date: str | None) -> Reached:
    try:
        ahead = parsedate_to_datetime(date).timestamp() - time.time() if date else None
    except ValueError:
        ahead = None
    return Reached(status, body, ahead)
