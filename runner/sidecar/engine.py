"""What a sidecar needs of the Docker engine beyond what sandboxes do; its errors become ours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runner.errors import EnvironmentProblem, SandboxFailure
from runner.sandbox.engine import Engine, image_id

_PULL_WAIT_S = 300.0  # between two pieces of news
Progress = Callable[[str, int, int], None]


def pull_image(engine: Engine, reference: str, heard: Progress) -> None:
    """Let the engine fetch an image; `heard(status, bytes, of bytes)` gets the progress.

    What has come is kept by the engine, so that a repetition goes on. Raises
    `EnvironmentProblem` when it cannot be had.
    """
    layers: dict[str, tuple[int, int]] = {}
    doing = f"pull {reference}"
    with engine.translated(doing, EnvironmentProblem), _patient(engine) as api:
        for piece in api.pull(reference, stream=True, decode=True):
            if "error" in piece:
                raise EnvironmentProblem(f"the Docker engine could not {doing}: {piece['error']}")
            detail = piece.get("progressDetail") or {}
            if piece.get("status") == "Downloading" and detail.get("total"):
                layers[str(piece.get("id"))] = (int(detail["current"]), int(detail["total"]))
            done, whole = (sum(each[place] for each in layers.values()) for place in (0, 1))
            heard(str(piece.get("status", "")), done, whole)


def image_digest(engine: Engine, reference: str) -> str | None:
    """The digest (`sha256:...`) by which a registry knows a local image.

    None when the image is not there; its id where it came from no registry.
    """
    if image_id(engine, reference) is None:
        return None
    with engine.translated(f"inspect the image {reference}", EnvironmentProblem):
        return named_digest(reference, engine.client.api.inspect_image(reference))


def named_digest(reference: str, found: Mapping[str, Any]) -> str:
    """The digest of an image the engine shows as `found`, as the registry of `reference` names it.

    Else that of another registry, else the image's id.
    """
    folder, slash, last = reference.partition("@")[0].rpartition("/")
    name = f"{folder}{slash}{last.partition(':')[0]}"  # a colon before the slash is a port's
    known = [str(each) for each in found.get("RepoDigests") or ()]
    own = [each for each in known if each.partition("@")[0] == name]
    return (own or known or [f"@{found['Id']}"])[0].partition("@")[2]


def ensure_volume(engine: Engine, name: str, labels: Mapping[str, str]) -> None:
    """Make the named volume, or find it."""
    with engine.translated("make a volume"):
        engine.client.api.create_volume(name, labels=dict(labels))


def remove_volumes(engine: Engine, label: str) -> tuple[str, ...]:
    """Remove the volumes that carry the label and are in no use; gives their names."""
    removed = []
    with engine.translated("list volumes"):
        found = engine.client.api.volumes(filters={"label": label}).get("Volumes") or ()
    for volume in found:
        try:
            with engine.translated("remove a volume"):
                engine.client.api.remove_volume(volume["Name"])
            removed.append(str(volume["Name"]))
        except SandboxFailure:  # somebody made a container of it in the meantime
            continue
    return tuple(removed)


def last_words(engine: Engine, container: str, lines: int = 5) -> str:
    """The end of a container's log."""
    with engine.translated("read a container's log"):
        return str(engine.client.api.logs(container, tail=lines).decode(errors="replace")).strip()


def said_inside(engine: Engine, container: str, argv: Sequence[str]) -> str | None:
    """What a short program says in a running container; None when it fails or is not there."""
    with engine.translated("run a program in a container"):
        api = engine.client.api
        made = api.exec_create(container, list(argv), stderr=False)
        said = api.exec_start(made["Id"])
        code = api.exec_inspect(made["Id"])["ExitCode"]
    return said.decode(errors="replace") if code == 0 else None


@contextmanager
def _patient(engine: Engine) -> Iterator[Any]:
    api = engine.client.api
    before, api.timeout = api.timeout, _PULL_WAIT_S
    try:
        yield api
    finally:
        api.timeout = before
