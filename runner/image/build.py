"""The task images: found by content, built when they are not there."""

import fcntl
import io
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.config.tasks import Task
from runner.errors import EnvironmentProblem
from runner.image.base import base_reference, ensure_base
from runner.image.context import Context, Recipe, build_context, content_key, packages_digest
from runner.image.engine import (
    BuildRequest,
    architecture,
    build_image,
    stored_image,
    tag_image,
)
from runner.image.inputs import fetch_inputs
from runner.sandbox.engine import Engine

Say = Callable[[str], None]

REPOSITORY = "runner/typer"
_LOG_TAIL = 40


@dataclass(frozen=True)
class ImageRef:
    """A task's image: its tag, the engine's id of it, its content key and its labels."""

    tag: str
    id: str
    key: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class ImagePlan:
    """Where images come from: the recipe's folder, our cache folder, and a base or None."""

    recipe: Path
    cache: Path
    base_image: str | None = None


def image_for(engine: Engine, task: Task, plan: ImagePlan) -> ImageRef:
    """The image of `task` as it is now.

    Raises:
        EnvironmentProblem: there is none, or only one built from other inputs.
    """
    machine = architecture(engine)
    key = _key(plan, task, machine)
    tag = tag_of(task, key)
    stored = stored_image(engine, tag)
    if stored is not None:
        return ImageRef(tag, stored.id, key, stored.labels)
    latest = stored_image(engine, _latest(task))
    if latest is None:
        raise EnvironmentProblem(f"the image of task {task.id} is missing; run `make image`")
    raise EnvironmentProblem(
        f"the image of task {task.id} was built from other inputs (key "
        f"{latest.labels.get('runner.image.key', '?')[:12]}, now {key[:12]}); run `make image`"
    )


def ensure_images(
    engine: Engine, tasks: Mapping[str, Task], plan: ImagePlan, say: Say
) -> dict[str, ImageRef]:
    """Build the images that are missing, one process at a time; gives all by task id.

    Raises:
        EnvironmentProblem: an input cannot be had or a build failed; the message has the end
            of the build's log.
    """
    missing = _missing(engine, tasks, plan)
    if missing:
        with _locked(plan.cache, say):
            # Another process may have built them while this one waited.
            missing = _missing(engine, tasks, plan)
            if missing:
                _build_all(engine, missing, plan, say)
    return {id_: image_for(engine, task, plan) for id_, task in tasks.items()}


def tag_of(task: Task, key: str) -> str:
    """The tag of a task's image with that content key."""
    return f"{REPOSITORY}:{task.id.lower()}-{key[:12]}"


def _latest(task: Task) -> str:
    return f"{REPOSITORY}:{task.id.lower()}"


def _key(plan: ImagePlan, task: Task, machine: str) -> str:
    base = base_reference(plan.base_image, machine)
    return content_key(Recipe(plan.recipe), task, base, machine)


def _missing(engine: Engine, tasks: Mapping[str, Task], plan: ImagePlan) -> dict[str, Task]:
    machine = architecture(engine)
    return {
        id_: task
        for id_, task in tasks.items()
        if stored_image(engine, tag_of(task, _key(plan, task, machine))) is None
    }


def _build_all(engine: Engine, tasks: Mapping[str, Task], plan: ImagePlan, say: Say) -> None:
    machine = architecture(engine)
    inputs = fetch_inputs(plan.recipe, plan.cache, machine, say)
    base_id = ensure_base(engine, plan.base_image, say)
    context = build_context(Recipe(plan.recipe), inputs, tasks)
    for task in tasks.values():
        begin = time.monotonic()
        say(f"building the image of task {task.id} (its tests run once, about a minute)")
        _build_one(engine, task, plan, context, base_id)
        say(f"built {_latest(task)} in {time.monotonic() - begin:.0f} s")


def _build_one(engine: Engine, task: Task, plan: ImagePlan, context: Context, base_id: str) -> None:
    machine = architecture(engine)
    key = _key(plan, task, machine)
    labels = {
        "runner.image.key": key,
        "runner.image.task": task.id,
        "runner.image.tree": context.trees[task.id],
        "runner.image.base": base_id,
        "runner.image.packages": packages_digest(Recipe(plan.recipe)),
    }
    arguments = {"BASE": base_reference(plan.base_image, machine), "TASK": task.id}
    log: deque[str] = deque(maxlen=_LOG_TAIL)
    request = BuildRequest(
        io.BytesIO(context.archive), "task", tag_of(task, key), arguments, labels
    )
    try:
        build_image(engine, request, lambda text: log.extend(text.splitlines()))
    except EnvironmentProblem as error:
        tail = "\n".join(f"  {line}" for line in log if line.strip())
        raise EnvironmentProblem(
            f"the image of task {task.id} could not be built: {error}\nThe log ends:\n{tail}"
        ) from error
    tag_image(engine, tag_of(task, key), _latest(task))


@contextmanager
def _locked(cache: Path, say: Say) -> Iterator[None]:
    path = cache / "image.lock"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    except OSError as error:
        raise EnvironmentProblem(
            f"{path}: cannot be written: {error.strerror}; set RUNNER_CACHE to a writable folder"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another process is building images; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
