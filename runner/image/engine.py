"""The image half of a Docker engine: find, pull, import, build and try images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from runner.errors import EnvironmentProblem
from runner.sandbox.engine import Engine, image_id, image_labels

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_BUILD_WAIT_S = 900.0


@dataclass(frozen=True)
class StoredImage:
    """An image the engine has: its id (`sha256:...`) and its labels."""

    id: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class BuildRequest:
    """One build: `context` is a tar with the Dockerfile at its top; it gets no network."""

    context: BinaryIO
    target: str
    tag: str
    arguments: Mapping[str, str]
    labels: Mapping[str, str]


def architecture(engine: Engine) -> str:
    """The engine's machine as images name it: `amd64`, `arm64`, or its own word."""
    with engine.translated("describe itself", EnvironmentProblem):
        machine = str(engine.client.version().get("Arch", ""))
    return _MACHINES.get(machine, machine)


def stored_image(engine: Engine, reference: str) -> StoredImage | None:
    """The local image of that name, None when there is none."""
    found = image_id(engine, reference)
    if found is None:
        return None
    return StoredImage(found, image_labels(engine, reference) or {})


def pull_image(engine: Engine, reference: str) -> None:
    """Let the engine fetch an image; raises `EnvironmentProblem` when it cannot."""
    doing = f"pull the base image {reference}"
    with engine.translated(doing, EnvironmentProblem), _patient(engine) as api:
        for piece in api.pull(reference, stream=True, decode=True):
            if "error" in piece:
                raise EnvironmentProblem(f"the Docker engine could not {doing}: {piece['error']}")


def import_image(engine: Engine, archive: Path, reference: str) -> None:
    """Make a one-layer image of a root file system's tar."""
    repository, _, tag = reference.rpartition(":")
    with engine.translated("import the base image", EnvironmentProblem), _patient(engine) as api:
        api.import_image(str(archive), repository=repository, tag=tag)


def tag_image(engine: Engine, reference: str, other: str) -> None:
    """Give an image another name."""
    repository, _, tag = other.rpartition(":")
    with engine.translated("tag an image", EnvironmentProblem):
        engine.client.api.tag(reference, repository, tag)


def build_image(engine: Engine, request: BuildRequest, heard: Callable[[str], None]) -> None:
    """Build and tag an image; `heard` gets each piece of the log.

    Raises:
        EnvironmentProblem: a step failed or the engine is gone.
    """
    with engine.translated("build an image", EnvironmentProblem), _patient(engine) as api:
        log = api.build(
            fileobj=request.context,
            custom_context=True,
            target=request.target,
            tag=request.tag,
            buildargs=dict(request.arguments),
            labels=dict(request.labels),
            network_mode="none",
            rm=True,
            forcerm=True,
            decode=True,
        )
        for piece in log:
            heard(str(piece.get("stream", "")))
            if "error" in piece:
                raise EnvironmentProblem(str(piece["error"]))


@contextmanager
def _patient(engine: Engine) -> Iterator[Any]:
    # A step of a build may say nothing for minutes; the client's own wait is for quick calls.
    api = engine.client.api
    before, api.timeout = api.timeout, _BUILD_WAIT_S
    try:
        yield api
    finally:
        api.timeout = before


def run_once(engine: Engine, reference: str, argv: Sequence[str]) -> tuple[int, str]:
    """Run a command in a throw-away container without network: exit code and output."""
    with engine.translated(f"run {argv[0]} in {reference}", EnvironmentProblem):
        api = engine.client.api
        host = api.create_host_config(network_mode="none")
        made = api.create_container(
            reference, list(argv), entrypoint="", user="0", host_config=host
        )
        try:
            api.start(made["Id"])
            code = int(api.wait(made["Id"])["StatusCode"])
            return code, api.logs(made["Id"]).decode(errors="replace")
        finally:
            api.remove_container(made["Id"], force=True, v=True)
