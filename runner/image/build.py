"""The task images: found by content, built when they are not there."""

import fcntl
import io
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.config.tasks import Task
from runner.errors import EnvironmentProblem
from runner.image.base import base_reference, ensure_base
from runner.image.context import Context, Recipe, build_context, content_key, read_recipe
from runner.image.engine import BuildRequest, architecture, build_image, stored_image, tag_image
from runner.image.fit import check_fit
from runner.image.inputs import fetch_inputs
from runner.image.states import pristine_tree
from runner.sandbox.engine import Engine

Say = Callable[[str], None]

REPOSITORY = "runner/typer"
_LOG_TAIL = 40
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


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


@dataclass(frozen=True)
class _Wanted:
    """What one call works with, read and reckoned once: files may change while it builds."""

    recipe: Recipe
    machine: str
    base: str
    keys: Mapping[str, str]


def image_for(engine: Engine, task: Task, plan: ImagePlan) -> ImageRef:
    """The image of `task` as its inputs are now.

    Raises:
        EnvironmentProblem: there is none, or only one built from other inputs.
    """
    return _found(engine, task, _wanted(engine, {task.id: task}, plan).keys[task.id])


def ensure_images(
    engine: Engine, tasks: Mapping[str, Task], plan: ImagePlan, say: Say
) -> dict[str, ImageRef]:
    """Build the images that are missing, one process at a time; gives all by task id.

    Raises:
        EnvironmentProblem: an input cannot be had or a build failed; the message has the end
            of the build's log.
        UsageError: a task's insertions or files do not fit the repository.
    """
    wanted = _wanted(engine, tasks, plan)
    if _missing(engine, tasks, wanted):
        with _locked(plan.cache, say):
            # Another process may have built them while this one waited.
            missing = _missing(engine, tasks, wanted)
            if missing:
                _build_all(engine, missing, plan, wanted, say)
    return {name: _found(engine, task, wanted.keys[name]) for name, task in tasks.items()}


def tag_of(task: Task, key: str) -> str:
    """The tag of a task's image with that content key."""
    return f"{_latest(task)}-{key[:12]}"


def _latest(task: Task) -> str:
    return f"{REPOSITORY}:{task.id.lower()}"


def _wanted(engine: Engine, tasks: Mapping[str, Task], plan: ImagePlan) -> _Wanted:
    recipe = read_recipe(plan.recipe)
    machine = architecture(engine)
    base = base_reference(plan.base_image, machine)
    keys = {name: content_key(recipe, task, base, machine) for name, task in tasks.items()}
    return _Wanted(recipe, machine, base, keys)


def _found(engine: Engine, task: Task, key: str) -> ImageRef:
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


def _missing(engine: Engine, tasks: Mapping[str, Task], wanted: _Wanted) -> dict[str, Task]:
    return {
        name: task
        for name, task in tasks.items()
        if stored_image(engine, tag_of(task, wanted.keys[name])) is None
    }


def _build_all(
    engine: Engine, tasks: Mapping[str, Task], plan: ImagePlan, wanted: _Wanted, say: Say
) -> None:
    inputs = fetch_inputs(plan.recipe, plan.cache, wanted.machine, say)
    pristine = pristine_tree(inputs.sdist.read_bytes())
    for task in tasks.values():
        check_fit(task, pristine)
    base_id = ensure_base(engine, plan.base_image, say)
    context = build_context(wanted.recipe, inputs, tasks)
    for name, task in tasks.items():
        begin = time.monotonic()
        say(f"building the image of task {name} (its tests run once; about a minute)")
        _build_one(engine, task, context, wanted, base_id)
        say(f"built {_latest(task)} in {time.monotonic() - begin:.0f} s")


def _build_one(engine: Engine, task: Task, context: Context, wanted: _Wanted, base_id: str) -> None:
    key = wanted.keys[task.id]
    request = BuildRequest(
        context=io.BytesIO(context.archive),
        target=context.targets[task.id],
        tag=tag_of(task, key),
        arguments={"BASE": wanted.base, "TASK": task.id},
        labels={
            "runner.image.key": key,
            "runner.image.task": task.id,
            "runner.image.tree": context.trees[task.id],
            "runner.image.base": base_id,
            "runner.image.packages": wanted.recipe.packages,
        },
    )
    log: deque[str] = deque(maxlen=_LOG_TAIL)
    try:
        build_image(engine, request, lambda text: log.extend(text.splitlines()))
    except EnvironmentProblem as error:
        lines = (_ESCAPES.sub("", line).rstrip() for line in log)
        tail = "\n".join(f"  {line}" for line in lines if line)
        raise EnvironmentProblem(
            f"the image of task {task.id} could not be built: {error}\nIts log ends:\n{tail}"
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
