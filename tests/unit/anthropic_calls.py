"""Short ways to ask a Claude model something and see what comes of it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from wire_samples import BASH, EDITOR, Canned, http

from runner.errors import ModelFailure
from runner.models import Connection, OpenModel, make_model
from runner.scripted.server import ScriptedServer, endpoint
from runner.types import Message, Reply, UserText

MODEL = "claude-haiku-4-5"
GO: Sequence[Message] = (UserText("go"),)


def no_wait(seconds: float) -> bool:
    """Pauses that last no time."""
    return False


def claude(url: str, key: str = "key", **settings: Any) -> closing[OpenModel]:
    options = settings.pop("options", {})
    connection = replace(
        Connection(key, url, timeout_s=5.0, deadline_s=20.0, wait=no_wait), **settings
    )
    return closing(make_model("anthropic", MODEL, 4096, options, connection))


def ask(url: str, messages: Sequence[Message] = GO, **settings: Any) -> Reply:
    with claude(url, **settings) as model:
        return model.reply("You mend code.", messages, (BASH, EDITOR))


def failure(url: str, **settings: Any) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        ask(url, **settings)
    return caught.value


def answered(body: object, **settings: Any) -> Reply:
    with Canned(http(body, headers={"request-id": "req_7"})) as canned:
        return ask(canned.url, **settings)


def refused(body: object) -> ModelFailure:
    with Canned(http(body, headers={"request-id": "req_7"})) as canned:
        return failure(canned.url)


def script(server: ScriptedServer, spec: str) -> str:
    return endpoint(server, spec, "T3", "solo")
