"""What there is on this machine, looked up and not yet judged."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from runner.config.arms import Arm, load_arms
from runner.config.settings import Settings
from runner.config.tasks import Task, load_tasks
from runner.doctor.reach import Missing, OllamaFacts, Reached, ask_ollama, reach
from runner.errors import EnvironmentProblem, RunnerError
from runner.ledger.duck import DatabaseBusy, opened
from runner.sandbox.engine import Engine, EngineInfo, connect, engine_info
from runner.sidecar.container import running

ImageOf = Callable[[Engine, Task], str]
KeyShape = Literal["absent", "plausible", "odd"]

PUBLIC_API = "https://api.anthropic.com"


@dataclass(frozen=True)
class EngineFacts:
    """The engine's own account, and what `EngineInfo` leaves out."""

    info: EngineInfo
    clock_ahead_s: float  # the engine's clock minus ours


@dataclass(frozen=True)
class Facts:
    """All that is judged. `Missing` stands for what could not be had, and says why."""

    python: tuple[int, int, int]
    engine: EngineFacts | Missing
    images: Mapping[str, str | Missing]  # image id by task id
    cpus_wanted: float
    memory_wanted: int  # bytes
    free: Mapping[Path, int]  # bytes, by folder
    results: Path
    results_problem: str | None
    database: Path
    database_problem: str | None
    database_busy: bool
    key: KeyShape
    api: Reached | Missing
    api_url: str
    ollama: OllamaFacts | Missing
    nvidia_smi: bool
    arms: Mapping[str, Arm]
    wall_drift_s: float  # what the wall clock gained on the monotonic one meanwhile
    runtime_wanted: str | None = None


def look(settings: Settings, image_of: ImageOf) -> Facts:
    """Look everything up; takes some seconds at most and changes nothing.

    Args:
        settings: where to look.
        image_of: the id of a task's image as it should be now; raises `EnvironmentProblem`
            when it is missing or out of date.

    Raises:
        UsageError: an arm's or a task's file is wrong.
    """
    wall, steady = time.time(), time.monotonic()
    arms, tasks = load_arms(settings.arms_dir), load_tasks(settings.tasks_dir)
    engine, images = _engine(tasks, image_of)
    root = engine.info.root_dir if isinstance(engine, EngineFacts) else ""
    api_url = settings.anthropic_base_url or PUBLIC_API
    problem, busy = _database(settings.database)
    return Facts(
        python=sys.version_info[:3],
        engine=engine,
        images=images,
        cpus_wanted=settings.cpus,
        memory_wanted=settings.memory_mb * 2**20,
        free=_free(Path(root) if root else None, settings.results),
        results=settings.results,
        results_problem=_unwritable(settings.results),
        database=settings.database,
        database_problem=problem,
        database_busy=busy,
        key=key_shape(settings.anthropic_api_key, official=api_url == PUBLIC_API),
        api=reach(api_url),
        api_url=api_url,
        ollama=_ollama(settings.ollama_host),
        nvidia_smi=shutil.which("nvidia-smi") is not None,
        arms=arms,
        wall_drift_s=(time.time() - wall) - (time.monotonic() - steady),
        runtime_wanted=settings.runtime,
    )


def _ollama(host: str | None) -> OllamaFacts | Missing:
    """The server of OLLAMA_HOST, or else the sidecar; none is started."""
    if host:
        return ask_ollama(host)
    try:
        engine = connect(timeout_s=10.0)
        try:
            there = running(engine, "ollama")
        finally:
            engine.close()
    except RunnerError as problem:
        return Missing(str(problem).splitlines()[0])
    return ask_ollama(there[0].host) if there else Missing("the sidecar is not running")


def key_shape(key: SecretStr | None, *, official: bool) -> KeyShape:
    """Whether a key is there and looks like one; other servers give keys of any shape."""
    text = key.get_secret_value() if key else ""
    if not text:
        return "absent"
    well_formed = text.isascii() and text.isprintable() and " " not in text
    if official:
        well_formed = well_formed and text.startswith("sk-ant-") and len(text) >= 20
    return "plausible" if well_formed else "odd"


def engine_facts(info: EngineInfo, raw: Mapping[str, object], now: float) -> EngineFacts:
    """Read docker's GET /info (`raw`) as it was answered at `now` (seconds since 1970)."""
    try:
        # Docker writes nanoseconds; Python 3.11 reads them, cut to microseconds.
        ahead = datetime.fromisoformat(str(raw.get("SystemTime"))).timestamp() - now
    except ValueError:
        ahead = 0.0
    return EngineFacts(info, ahead)


def _engine(
    tasks: Mapping[str, Task], image_of: ImageOf
) -> tuple[EngineFacts | Missing, dict[str, str | Missing]]:
    try:
        engine = connect(timeout_s=10.0)
    except RunnerError as problem:
        return Missing(str(problem).splitlines()[0]), {}
    try:
        info = engine_info(engine)
        with engine.translated("describe itself", EnvironmentProblem):
            raw = engine.client.info()
        facts = engine_facts(info, raw, time.time())
        return facts, {name: _image(engine, task, image_of) for name, task in tasks.items()}
    except RunnerError as problem:
        return Missing(str(problem)), {}
    finally:
        engine.close()


def _image(engine: Engine, task: Task, image_of: ImageOf) -> str | Missing:
    try:
        return image_of(engine, task)
    except RunnerError as problem:
        return Missing(str(problem))


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def _free(*folders: Path | None) -> dict[Path, int]:
    """Free bytes, of the folders this process can see: an engine may run on another machine."""
    free = {}
    for folder in folders:
        if folder is not None:
            try:
                free[folder] = shutil.disk_usage(_nearest(folder)).free
            except OSError:
                continue
    return free


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be written there, or None; a folder to be made counts as its parent."""
    place = _nearest(folder)
    if not place.is_dir():
        return f"{place} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return None


def _database(path: Path) -> tuple[str | None, bool]:
    """Why the file cannot be opened, and whether that is only because it is in use."""
    if not path.exists():
        return None, False
    try:
        with opened(path, read_only=True, wait_s=0.5):
            return None, False
    except DatabaseBusy as problem:
        return str(problem), True
    except RunnerError as problem:
        return str(problem), False
