"""A loopback server that plays scripted models over the vendors' own wire protocols."""

import threading
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from runner.config.solution import Solution
from runner.scripted.app import App
from runner.scripted.cache import PromptCache
from runner.scripted.personas import PERSONAS, Persona
from runner.scripted.shelf import Shelf
from runner.scripted.solutions import Solutions
from runner.scripted.spec import Address
from runner.scripted.wire import HttpServer, Recorded


class ScriptedServer:
    """The server as a context manager; `url` is its address while it is open.

    Args:
        solutions: each task's reference solution, by task id.
        personas: the scripts by name.
        cache: the prompt cache of its Messages API.
        api_key: the only key it takes; None takes any.
        keep: how many of the latest requests stay in `requests`.
        shelf: the models on Ollama's disk; None has every model there is and pulls none.
    """

    def __init__(
        self,
        solutions: Mapping[str, Solution],
        *,
        personas: Mapping[str, Persona] = PERSONAS,
        cache: PromptCache | None = None,
        api_key: str | None = None,
        keep: int = 0,
        shelf: Shelf | None = None,
    ) -> None:
        app = App(Solutions(solutions), personas, cache=cache, api_key=api_key, shelf=shelf)
        self.requests: deque[Recorded] = deque(maxlen=keep)
        self._http = HttpServer(app, self.requests)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.stop()
        self._thread.join()


def endpoint(server: ScriptedServer, persona: str, task: str, role: str, trial: str = "") -> str:
    """The base address at which `persona` (a spec, see `spec.py`) plays `role` on `task`.

    It serves the Anthropic SDK as `base_url` and the Ollama client as `host`. `trial` keeps
    apart what the server counts for one trial (`fault=529@3`) and makes request ids its own.
    """
    return server.url + Address(persona, task, role, trial).path
