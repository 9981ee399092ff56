"""The one module that talks to the Docker engine; its errors become ours here.

Layers that need more than these functions (building images) use `engine.client`, docker's own
client for the calling thread, inside `with engine.translated("build the image"): ...`.
"""

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker
import requests
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from urllib3.exceptions import HTTPError

from runner.errors import EnvironmentProblem, RunnerError, SandboxFailure

_CONNECT_WAIT_S = 10
_COLUMNS = ("pid", "uid", "stat", "comm")
_LIMITS = ("MemoryLimit", "SwapLimit", "PidsLimit", "CpuCfsQuota")
_DEFAULT_ADDRESS = "unix:///var/run/docker.sock"


class Engine:
    """A Docker engine. May be shared by threads: each gets a client of its own."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._own = threading.local()
        self._lock = threading.Lock()
        self._clients: list[Any] = []

    @property
    def client(self) -> Any:
        """docker's `DockerClient` of this thread. Raises `EnvironmentProblem`."""
        if not hasattr(self._own, "client"):
            self._own.client = self._connected()
            with self._lock:
                self._clients.append(self._own.client)
        return self._own.client

    @contextmanager
    def translated(self, doing: str, kind: type[RunnerError] = SandboxFailure) -> Iterator[None]:
        """Turn docker's and its HTTP library's errors within into `kind`, saying `doing`."""
        try:
            yield
        except (APIError, DockerException) as problem:
            said = getattr(problem, "explanation", None) or problem
            raise kind(f"the Docker engine could not {doing}: {said}") from problem
        except (requests.RequestException, HTTPError, OSError) as problem:
            silent = f"the Docker engine at {self.address} did not answer ({doing})"
            raise kind(f"{silent}: {problem}") from problem

    def disconnect(self) -> None:
        """Free this thread's connections, as a thread that ends should; it may come again."""
        if not hasattr(self._own, "client"):
            return
        client = self._own.client
        del self._own.client
        with self._lock:
            self._clients = [each for each in self._clients if each is not client]
        client.close()

    def close(self) -> None:
        """Free every thread's connections."""
        with self._lock:
            clients, self._clients = self._clients, []
        for client in clients:
            client.close()

    def _connected(self) -> Any:
        try:
            _knock(self.address)
            client = docker.from_env(timeout=_CONNECT_WAIT_S)
        except (DockerException, requests.RequestException, OSError, ValueError) as problem:
            raise EnvironmentProblem(
                f"no Docker engine answers at {self.address}: {problem}\n"
                "`make setup` installs and starts one; `make doctor` explains what is missing."
            ) from problem
        client.api.timeout = self._timeout_s
        return client


@dataclass(frozen=True)
class EngineInfo:
    """What the engine says of itself; sizes in bytes."""

    address: str
    version: str
    api_version: str
    runc_version: str
    architecture: str  # as images name it: amd64, arm64
    kernel: str
    storage_driver: str
    cgroup_version: str
    security: tuple[str, ...]  # seccomp, apparmor, rootless, ...
    cpus: int
    memory_bytes: int
    root_dir: str
    runtimes: tuple[str, ...] = ()  # runc, runsc, nvidia, ...
    limits_missing: tuple[str, ...] = ()  # docker's names of what the kernel cannot enforce


def connect(timeout_s: float = 60.0) -> Engine:
    """The engine of DOCKER_HOST, of docker's current context, or the local one.

    A call without an answer (between two pieces of a streamed one) fails after `timeout_s`
    seconds. Raises `EnvironmentProblem` at once when no engine answers.
    """
    address = os.environ.get("DOCKER_HOST") or ""
    if not address:
        try:
            address = str(ContextAPI.kwargs_from_context().get("base_url") or _DEFAULT_ADDRESS)
        except DockerException:
            address = _DEFAULT_ADDRESS
    engine = Engine(address, timeout_s)
    _ = engine.client
    return engine


def answers(engine: Engine) -> bool:
    """Whether the engine is there at this moment."""
    try:
        with engine.translated("answer"):
            return bool(engine.client.ping())
    except (SandboxFailure, EnvironmentProblem):
        return False


def engine_info(engine: Engine) -> EngineInfo:
    """Ask the engine about itself. Raises `EnvironmentProblem`."""
    with engine.translated("describe itself", EnvironmentProblem):
        return described(engine.address, engine.client.info(), engine.client.version())


def described(address: str, info: Mapping[str, Any], version: Mapping[str, Any]) -> EngineInfo:
    """Read the engine's answers to GET /info and GET /version."""
    parts = {part["Name"]: part["Version"] for part in version.get("Components") or ()}
    return EngineInfo(
        address=address,
        version=str(version.get("Version", "")),
        api_version=str(version.get("ApiVersion", "")),
        runc_version=str(parts.get("runc", "")),
        architecture=str(version.get("Arch", "")),
        kernel=str(info.get("KernelVersion", "")),
        storage_driver=str(info.get("Driver", "")),
        cgroup_version=str(info.get("CgroupVersion", "")),
        security=tuple(_security_name(item) for item in info.get("SecurityOptions") or ()),
        cpus=int(info.get("NCPU") or 1),
        memory_bytes=int(info.get("MemTotal") or 0),
        root_dir=str(info.get("DockerRootDir", "")),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        limits_missing=tuple(name for name in _LIMITS if info.get(name) is False),
    )


def image_id(engine: Engine, reference: str) -> str | None:
    """The digest id (sha256:...) of a local image, None when there is none such."""
    found = _image(engine, reference)
    return None if found is None else str(found["Id"])


def image_labels(engine: Engine, reference: str) -> Mapping[str, str] | None:
    """The labels of a local image, None when there is none such."""
    found = _image(engine, reference)
    return None if found is None else dict((found.get("Config") or {}).get("Labels") or {})


def create_container(
    engine: Engine, image: str, name: str, host: Mapping[str, object], **settings: object
) -> str:
    """Create one from an image's id; `host` are docker's host settings. Gives its id."""
    with engine.translated("create a container"):
        api = engine.client.api
        made = api.create_container(
            image, name=name, host_config=api.create_host_config(**host), **settings
        )
        return str(made["Id"])


def start_container(engine: Engine, container: str) -> None:
    """Start one that was created."""
    with engine.translated("start a container"):
        engine.client.api.start(container)


def remove_container(engine: Engine, container: str) -> bool:
    """Kill and remove it; False when it was gone or on its way out already."""
    with engine.translated("remove a container"):
        try:
            engine.client.api.remove_container(container, force=True, v=True)
        except NotFound:
            return False
        except APIError as problem:
            if problem.status_code == 409 and "in progress" in str(problem.explanation):
                return False
            raise
    return True


def inspect_container(engine: Engine, container: str) -> Mapping[str, Any] | None:
    """What the engine knows of it, None when there is none such."""
    with engine.translated("inspect a container"):
        try:
            return dict(engine.client.api.inspect_container(container))
        except NotFound:
            return None


def labelled_containers(engine: Engine, label: str) -> tuple[Mapping[str, Any], ...]:
    """Every container, running or not, that carries the label: its `Id`, `Labels`, `State`."""
    with engine.translated("list containers"):
        return tuple(engine.client.api.containers(all=True, filters={"label": label}))


def container_processes(engine: Engine, container: str) -> tuple[Mapping[str, str], ...]:
    """Its processes as the host's `ps` sees them: pid, uid (numbers), stat, comm."""
    with engine.translated("list a container's processes"):
        table = engine.client.api.top(container, ps_args=f"-eo {','.join(_COLUMNS)}")
        return tuple(dict(zip(_COLUMNS, row, strict=False)) for row in table["Processes"] or ())


def _knock(address: str) -> None:
    """Fail plainly, and without leaking a socket as docker's client does, if nobody is there."""
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_CONNECT_WAIT_S)
            door.connect(address.removeprefix("unix://"))


def _image(engine: Engine, reference: str) -> Mapping[str, Any] | None:
    with engine.translated(f"inspect the image {reference}", EnvironmentProblem):
        try:
            return dict(engine.client.api.inspect_image(reference))
        except ImageNotFound:
            return None


def _security_name(item: str) -> str:
    return item.partition(",")[0].removeprefix("name=")
