"""Starting the sidecar's container, finding the one that runs, stopping it.

There is one by each name on an engine, whoever started it: it is found by its name and taken over
when its labels say that it was started as it is wanted now.
"""

import hashlib
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from runner.config.settings import Gpu
from runner.errors import EnvironmentProblem, SandboxFailure
from runner.models.ollama_store import server_version
from runner.sandbox import engine as docker
from runner.sandbox.engine import Engine
from runner.sidecar.engine import ensure_volume, last_words
from runner.sidecar.gpu import FIX, NOT_ASKED, REQUEST, no_gpu, on_cpu

LABEL = "runner.sidecar"  # its value is the recipe's kind
KEY_LABEL = "runner.sidecar.key"
GPU_LABEL = "runner.sidecar.gpu"  # `gpu` or `cpu`
WHY_LABEL = "runner.sidecar.why"
PORT = 11434
START_WAIT_S = 60.0
_ASK_S = 2.0
_PAUSE_S = 0.05
_TRIES = 8  # a port or a name may be taken by somebody else a moment before
# For who looks at `docker ps`; a trial asks the server itself before it begins.
_HEALTH = {
    "ollama": ["CMD", "ollama", "list"],
    "standin": [
        "CMD",
        "python3",
        "-c",
        "import socket; socket.create_connection(('127.0.0.1', 11434), 9)",
    ],
}
# The first look is an interval after the start. In the first minute a failure does not count, and
# engines from 25 on look each 5 s.
_HEALTH_TIMES_NS = {
    "interval": 10_000_000_000,
    "timeout": 10_000_000_000,
    "start_period": 60_000_000_000,
}
_NAME_TAKEN = "is already in use by container"


@dataclass(frozen=True)
class Recipe:
    """What a sidecar is started from; `gpu` says whether it asks for GPUs."""

    kind: Literal["ollama", "standin"]
    name: str
    image: str  # reference or id
    volume: str
    environment: Mapping[str, str] = field(default_factory=dict)
    gpu: Gpu = "auto"

    @property
    def key(self) -> str:
        """Stands for all but the GPU's setting."""
        made_of = {**asdict(self), "gpu": None}
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Sidecar:
    """One that runs: its address on this machine, and where its models are computed."""

    name: str
    kind: str
    host: str
    image: str
    gpu: Literal["gpu", "cpu"]
    why: str  # there is no GPU; empty when there is one, or none was asked for


def start(engine: Engine, recipe: Recipe, say: Callable[[str], None]) -> Sidecar:
    """The sidecar, answering: the one that runs, or a new one.

    Raises:
        EnvironmentProblem: it cannot be started, does not answer, or another runs by that name.
    """
    for attempt in range(_TRIES):
        try:
            state = docker.inspect_container(engine, recipe.name)
            if state is None:
                _create(engine, recipe)
                continue
            _check_adoptable(recipe, state)
            if state["State"]["Status"] != "running":
                say(f"starting {recipe.name} again")
                docker.start_container(engine, recipe.name)
                state = docker.inspect_container(engine, recipe.name) or state
            found = _answering(engine, state)
            if found.gpu == "cpu" and recipe.gpu != "off":
                say(on_cpu(found.name, found.why))
            return found
        except SandboxFailure as problem:
            if attempt == _TRIES - 1:
                raise EnvironmentProblem(f"{recipe.name} cannot be started: {problem}") from problem
            _clear(engine, recipe, problem)
    raise EnvironmentProblem(f"{recipe.name} is being started and removed by others over and over")


def running(engine: Engine, kind: str) -> tuple[Sidecar, ...]:
    """The sidecars of a kind that run, whoever started them; nothing is asked of them."""
    found = []
    for item in docker.labelled_containers(engine, f"{LABEL}={kind}"):
        state = docker.inspect_container(engine, str(item["Id"]))
        if state is not None and state["State"]["Running"]:
            found.append(_described(state))
    return tuple(found)


def stop(engine: Engine, kind: str | None = None) -> tuple[str, ...]:
    """Remove the sidecars of a kind, or all; the volumes stay. Gives their names."""
    label = LABEL if kind is None else f"{LABEL}={kind}"
    return tuple(
        str(item["Names"][0]).lstrip("/")
        for item in docker.labelled_containers(engine, label)
        if docker.remove_container(engine, str(item["Id"]))
    )


def _create(engine: Engine, recipe: Recipe) -> None:
    """Make and start a container, without GPU when `auto` finds that there is none."""
    ensure_volume(engine, recipe.volume, {LABEL: recipe.kind})
    if recipe.gpu == "off":
        return _run(engine, recipe, why=None)
    try:
        return _run(engine, recipe, why="")
    except SandboxFailure as problem:
        why = no_gpu(str(problem))
        if why is None:
            raise
        docker.remove_container(engine, recipe.name)
        if recipe.gpu == "on":
            raise EnvironmentProblem(
                f"OLLAMA_GPU=on, and {why}: {FIX}, or set OLLAMA_GPU=off for the CPU (slow)"
            ) from problem
    return _run(engine, recipe, why=why)


def _run(engine: Engine, recipe: Recipe, why: str | None) -> None:
    """Create and start; `why` is empty for a GPU, else says why there is none."""
    labels = {
        LABEL: recipe.kind,
        KEY_LABEL: recipe.key,
        GPU_LABEL: "gpu" if why == "" else "cpu",
        WHY_LABEL: NOT_ASKED[recipe.kind] if why is None else why,
    }
    host: dict[str, object] = {
        "port_bindings": {PORT: ("127.0.0.1", _free_port())},
        "binds": {recipe.volume: {"bind": "/root/.ollama", "mode": "rw"}},
        "restart_policy": {"Name": "unless-stopped"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": True,
        "log_config": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
    }
    if why == "":
        host["device_requests"] = [REQUEST]
    docker.create_container(
        engine,
        recipe.image,
        recipe.name,
        host,
        ports=[PORT],
        labels=labels,
        environment=dict(recipe.environment),
        healthcheck={"test": _HEALTH[recipe.kind], **_HEALTH_TIMES_NS},
    )
    docker.start_container(engine, recipe.name)


def _clear(engine: Engine, recipe: Recipe, problem: SandboxFailure) -> None:
    """After a failed start: what could not start is removed, unless it was another's, who won."""
    time.sleep(_PAUSE_S)  # an engine that removes one takes a moment
    state = docker.inspect_container(engine, recipe.name)
    if state is None or state["State"]["Running"] or _NAME_TAKEN in str(problem):
        return
    docker.remove_container(engine, recipe.name)


def _check_adoptable(recipe: Recipe, state: Mapping[str, Any]) -> None:
    labels = state["Config"].get("Labels") or {}
    fix = "stop it with `runner ollama --stop` when no trial uses it, then repeat the command"
    if labels.get(LABEL) != recipe.kind:
        raise EnvironmentProblem(
            f"a container named {recipe.name} is there that is none of ours: remove or rename it"
        )
    if labels.get(KEY_LABEL) != recipe.key:
        raise EnvironmentProblem(
            f"{recipe.name} was started from another image or with other settings: {fix}"
        )
    unwanted = {"on": "cpu", "off": "gpu"}.get(recipe.gpu)
    if labels.get(GPU_LABEL) == unwanted:
        runs = {"cpu": "without a GPU", "gpu": "with a GPU"}[str(unwanted)]
        raise EnvironmentProblem(
            f"OLLAMA_GPU={recipe.gpu}, and {recipe.name} was started {runs}: {fix}"
        )


def _answering(engine: Engine, state: Mapping[str, Any]) -> Sidecar:
    """Wait until the server answers a request from this machine, as trials will ask it."""
    deadline = time.monotonic() + START_WAIT_S
    name = str(state["Name"]).lstrip("/")
    while True:
        now = docker.inspect_container(engine, name)
        if now is None:
            raise SandboxFailure("its container was removed")
        try:
            if now["State"]["Running"]:
                found = _described(now)
                server_version(found.host, _ASK_S)
                return found
        except EnvironmentProblem as problem:
            silent = str(problem)
        else:
            silent = f"its container is {now['State']['Status']}"
        if time.monotonic() > deadline:
            said = last_words(engine, name)
            raise EnvironmentProblem(
                f"{name} does not come up within {START_WAIT_S:g} s: {silent}. "
                f"`runner ollama --stop` removes it. It said:\n{said}"
            )
        time.sleep(_PAUSE_S)


def _described(state: Mapping[str, Any]) -> Sidecar:
    labels = state["Config"]["Labels"]
    bound = state["HostConfig"]["PortBindings"][f"{PORT}/tcp"][0]
    return Sidecar(
        name=str(state["Name"]).lstrip("/"),
        kind=str(labels[LABEL]),
        host=f"http://{bound['HostIp']}:{bound['HostPort']}",
        image=str(state["Image"]),
        gpu="gpu" if labels[GPU_LABEL] == "gpu" else "cpu",
        why=str(labels[WHY_LABEL]),
    )


def _free_port() -> int:
    """A port nobody has; asked for by number, so that the sidecar keeps it over restarts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
