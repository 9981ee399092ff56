"""Stand-ins for Ollama in containers of a test's own, and a model that is played there."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

from runner.config.settings import Gpu
from runner.errors import SandboxFailure
from runner.image.standin import ensure_standin
from runner.models import Connection, OpenModel, make_model
from runner.sandbox.engine import Engine, inspect_container, remove_container
from runner.scripted.solutions import tell
from runner.scripted.spec import Address
from runner.sidecar.container import Recipe, Sidecar, start

MODEL = "qwen3.5:9b"
OPTIONS = {"num_ctx": 8192, "temperature": 0.0, "seed": 1, "think": False}


def recipe(
    engine: Engine,
    environment: Mapping[str, str] | None = None,
    gpu: Gpu = "off",
    name: str | None = None,
) -> Recipe:
    """What a stand-in is started from, under a name of its own if none is given."""
    name = name or f"runner-ollama-test-{uuid.uuid4().hex[:8]}"
    _, image = ensure_standin(engine, None, lambda line: None)
    return Recipe("standin", name, image.id, name, environment or {}, gpu)


@contextmanager
def removed(engine: Engine, name: str) -> Iterator[None]:
    """Take the container and the volume of that name away in the end."""
    try:
        yield
    finally:
        remove_container(engine, name)
        with suppress(SandboxFailure), engine.translated("remove a volume"):
            engine.client.api.remove_volume(name)


@contextmanager
def standin(engine: Engine, faults: str = "", digest: str = "") -> Iterator[Sidecar]:
    """One that runs, with these faults, and this digest of its models."""
    asked = {"STANDIN_FAULTS": faults, "STANDIN_DIGEST": digest}
    made_of = recipe(engine, {name: value for name, value in asked.items() if value})
    with removed(engine, made_of.name):
        yield start(engine, made_of, lambda line: None)


def played(there: Sidecar, script: str, **settings: Any) -> closing[OpenModel]:
    """The real client of a model that plays a script in the container."""
    task = tell(there.host, "T3", ())
    host = there.host + Address(script, task, "executor", uuid.uuid4().hex).path
    connection = Connection(ollama_host=host, **settings)
    return closing(make_model("ollama", MODEL, 512, OPTIONS, connection))


def state_of(engine: Engine, name: str) -> Mapping[str, Any]:
    """What the engine says of a container that is there."""
    found = inspect_container(engine, name)
    assert found is not None
    return found
