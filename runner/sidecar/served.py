"""The Ollama server that trials use on this machine: found or started, its models at hand.

Nothing of it is inside a trial's clock: what takes time here is told apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from runner.config.ollama import Pins
from runner.config.settings import Gpu
from runner.errors import EnvironmentProblem
from runner.models.connection import shown_address
from runner.models.ollama_store import (
    ModelFacts,
    Pulled,
    model_facts,
    pull_model,
    same,
    server_version,
)
from runner.sandbox.engine import Engine
from runner.sidecar import container
from runner.sidecar.calls import Places
from runner.sidecar.container import Recipe, Sidecar
from runner.sidecar.digests import Kind, check_digest
from runner.sidecar.engine import image_digest, pull_image
from runner.sidecar.seats import LocalSeat, check_able
from runner.sidecar.watch import Sampler, power_source
from runner.types import JsonObject

NAME = "runner-ollama"
VOLUME = "runner-ollama-models"
STANDIN = "runner-ollama-standin"


@dataclass(frozen=True)
class Screen:
    """Who is told what is going on: a line of text; how far the pull of something is."""

    say: Callable[[str], None] = lambda line: None
    pulling: Callable[[str, Pulled], None] = lambda what, progress: None


@dataclass(frozen=True)
class Served:
    """A server that answers and holds the models it was asked for.

    `gpu` and `why` are the sidecar's, and `insists` says that it must have a GPU; of a server of
    somebody else's only each model's own share is known. `image` is the digest of the sidecar's
    image; `power` tells what its GPUs draw.
    """

    place: Literal["sidecar", "standin", "given"]
    host: str
    version: str
    models: tuple[ModelFacts, ...]
    image: str | None = None
    gpu: Literal["gpu", "cpu", "unknown"] = "unknown"
    why: str = ""
    insists: bool = False
    warm: Mapping[str, JsonObject] = field(default_factory=dict)
    power: Sampler | None = None

    def places(self, model: str, count: int) -> Places:
        """The places at a model, for so many calls at once.

        A sidecar holds one model at a time: there the places are those of all models together.

        Raises:
            EnvironmentProblem: there is no folder for the locks.
        """
        return Places(self.host, "" if self.place == "sidecar" else model, count)

    def facts(self) -> JsonObject:
        """For a trial's manifest; JSON-able, without a name or password in the address."""
        models = {
            each.name: {**asdict(each), **self.warm.get(each.name, {})} for each in self.models
        }
        return {
            "place": self.place,
            "host": shown_address(self.host),
            "version": self.version,
            "image": self.image,
            "gpu": self.gpu,
            "why_no_gpu": self.why,
            "power_measured": self.power is not None,
            "models": models,
        }


def serve_given(
    host: str, seats: Sequence[LocalSeat], results: Path, pins: Pins, screen: Screen | None = None
) -> Served:
    """The server of OLLAMA_HOST, as it is: nothing is started, and nothing is pulled.

    Raises:
        EnvironmentProblem: it does not answer, lacks a model, or has another build of one.
    """
    try:
        version = server_version(host)
    except EnvironmentProblem as problem:
        raise EnvironmentProblem(
            f"{problem}: start it (`ollama serve`), correct OLLAMA_HOST, or unset it to have a "
            "server started here; arms without a local model need none"
        ) from problem
    models = []
    for seat in seats:
        facts = model_facts(host, seat.model)
        if facts is None:
            raise EnvironmentProblem(
                f"the Ollama server at {shown_address(host)} has no model {seat.model}: get it "
                f"there with `ollama pull {seat.model}`"
            )
        check_digest(results, "model", seat.model, facts.digest, _pin(pins, seat.model))
        check_able(seat, facts)
        models.append(facts)
    power = _measuring(power_source(host), screen or Screen())
    return Served("given", host, version, tuple(models), power=power)


def _measuring(power: Sampler | None, screen: Screen) -> Sampler | None:
    if power is None:
        screen.say(
            "no nvidia-smi answers beside the local model: GPU-seconds and watt-hours are not "
            "recorded"
        )
    return power


def serve_sidecar(
    engine: Engine,
    pins: Pins,
    seats: Sequence[LocalSeat],
    results: Path,
    *,
    gpu: Gpu,
    image: str | None,
    screen: Screen,
) -> Served:
    """Our own server in its container, with the models pulled; `image` overrides the pinned one.

    Raises:
        EnvironmentProblem: its image or a model cannot be had or is another than it was, or it
            cannot be started; the message says how to go on.
    """
    reference = image or pins.image.reference
    digest = _ensured_image(engine, reference, screen)
    # By one name, whatever the reference: results are of one server's build.
    pinned = pins.image.digest if image is None else None
    check_digest(results, "image", pins.image.name, digest, pinned)
    recipe = Recipe("ollama", NAME, reference, VOLUME, pins.environment, gpu)
    there = container.start(engine, recipe, screen.say)
    served = _with_models(there, digest, seats, results, "model", pins, screen)
    if there.gpu == "cpu":  # which has been said
        return served
    served = replace(served, insists=gpu == "on")
    return replace(served, power=_measuring(power_source(there.host, (engine, NAME)), screen))


def serve_standin(
    engine: Engine, key: str, image: str, seats: Sequence[LocalSeat], results: Path, screen: Screen
) -> Served:
    """The stand-in whose image has that content key, by the same path; raises the same."""
    name = f"{STANDIN}-{key[:12]}"
    recipe = Recipe("standin", name, image, name, gpu="off")
    there = container.start(engine, recipe, screen.say)
    return _with_models(there, image, seats, results, "scripted model", None, screen)


def _ensured_image(engine: Engine, reference: str, screen: Screen) -> str:
    digest = image_digest(engine, reference)
    if digest is None:
        try:
            pull_image(
                engine,
                reference,
                lambda status, done, whole: screen.pulling(
                    f"image {reference}", Pulled(status, done, whole)
                ),
            )
        except EnvironmentProblem as problem:
            raise EnvironmentProblem(
                f"there is no Ollama: {problem}\n"
                "Fix, one of: repeat the command where an image registry can be reached; load an "
                "image (`docker load`) and name it with OLLAMA_IMAGE; name a mirror's so; or set "
                "OLLAMA_HOST to an Ollama server of yours. Arms without a local model need none."
            ) from problem
        screen.pulling(f"image {reference}", Pulled("success", 0, 0))
        digest = image_digest(engine, reference)
    if digest is None:
        raise EnvironmentProblem(f"{reference}: the engine took it but does not show it")
    return digest


def _with_models(
    there: Sidecar,
    image: str,
    seats: Sequence[LocalSeat],
    results: Path,
    kind: Kind,
    pins: Pins | None,
    screen: Screen,
) -> Served:
    models = []
    for seat in seats:
        facts = model_facts(there.host, seat.model)
        if facts is None:
            what = f"model {seat.model}"
            pull_model(there.host, seat.model, partial(screen.pulling, what))
            facts = model_facts(there.host, seat.model)
        if facts is None:
            raise EnvironmentProblem(f"{there.name} took {seat.model} but does not show it")
        pinned = _pin(pins, seat.model) if pins else None
        check_digest(results, kind, seat.model, facts.digest, pinned)
        check_able(seat, facts)
        models.append(facts)
    place: Literal["sidecar", "standin"] = "standin" if there.kind == "standin" else "sidecar"
    version = server_version(there.host)
    return Served(place, there.host, version, tuple(models), image, there.gpu, there.why)


def _pin(pins: Pins, model: str) -> str | None:
    return next((digest for name, digest in pins.models.items() if same(name, model)), None)
