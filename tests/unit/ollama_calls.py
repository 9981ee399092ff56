"""Short ways to ask a local model something and see what comes of it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from wire_samples import BASH, Canned, http

from runner.errors import ModelFailure
from runner.models import Connection, OpenModel, make_model
from runner.scripted.server import ScriptedServer, endpoint
from runner.types import Message, Reply, UserText

MODEL = "qwen3.5:9b"
GO: Sequence[Message] = (UserText("go"),)


def no_wait(seconds: float) -> bool:
    """Pauses that last no time."""
    return False


def local(
    url: str, options: dict[str, object] | None = None, **settings: Any
) -> closing[OpenModel]:
    connection = replace(
        Connection(ollama_host=url, timeout_s=5.0, deadline_s=20.0, wait=no_wait), **settings
    )
    return closing(make_model("ollama", MODEL, 512, options or {"num_ctx": 8192}, connection))


def ask(url: str, messages: Sequence[Message] = GO, **settings: Any) -> Reply:
    with local(url, **settings) as model:
        return model.reply("You mend code.", messages, (BASH,))


def failure(url: str, messages: Sequence[Message] = GO, **settings: Any) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        ask(url, messages, **settings)
    return caught.value


def answered(body: object) -> Reply:
    with Canned(http(body)) as canned:
        return ask(canned.url)


def script(server: ScriptedServer, spec: str) -> str:
    return endpoint(server, spec, "T3", "executor")
