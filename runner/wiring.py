"""Where concrete parts meet: settings in, the world of a trial out. Only the CLI calls it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from runner.budget import Account
from runner.catalogue import Catalogue
from runner.config.arms import Arm
from runner.config.ollama import load_pins
from runner.config.settings import ROOT, Settings
from runner.config.tasks import Task
from runner.errors import EnvironmentProblem
from runner.image.build import ImagePlan, ImageRef, image_for
from runner.image.inputs import (
    SDIST_LOCK,
    check_inputs,
    fetch_inputs,
    missing_inputs,
    parse_lock,
)
from runner.image.standin import ensure_standin
from runner.image.states import Tree, pristine_tree, starting_tree, tree_digest
from runner.judge.change import Change, packed
from runner.judge.solvable import check_solvable
from runner.models.connection import keys_of
from runner.players import Opener, Players, Stage, live_connection, opened
from runner.recording.exchanges import Tape
from runner.recording.folder import about, create_recording
from runner.sandbox.container import DockerSandbox, open_sandbox
from runner.sandbox.engine import Engine, EngineInfo, connect, engine_info
from runner.sandbox.lacks import check_runtime, lacks
from runner.sandbox.limits import AGENT, JUDGE, Limits
from runner.sandbox.reaper import reap
from runner.sidecar.seats import local_seats
from runner.sidecar.served import (
    Screen,
    Served,
    serve_given,
    serve_sidecar,
    serve_standin,
)
from runner.sidecar.warm import warmed
from runner.slots import Slots
from runner.stop import Stop
from runner.trial.spec import TrialSpec, World

RECIPE = ROOT / "images" / "typer-base"

# Whoever holds this module needs no other to seat players.
__all__ = ["Opener", "Players", "live_connection"]


def image_plan(settings: Settings) -> ImagePlan:
    """Where task images come from."""
    return ImagePlan(RECIPE, settings.cache, settings.base_image)


def sandbox_limits(settings: Settings) -> Limits:
    """The caps of every container of a trial."""
    return replace(
        Limits(),
        cpus=settings.cpus,
        memory_bytes=settings.memory_mb * 1_048_576,
        pids=settings.pids,
        runtime=settings.runtime,
    )


def pristine(settings: Settings, architecture: str, say: Callable[[str], None]) -> Tree:
    """The published repository, from the source distribution in the cache.

    Raises:
        EnvironmentProblem: it is not there and cannot be fetched, or its hash is wrong.
    """
    wanted = parse_lock(RECIPE / SDIST_LOCK)
    folder = settings.cache / "inputs" / "sdist"
    if missing_inputs(wanted, folder):
        path = fetch_inputs(RECIPE, settings.cache, architecture, say).sdist
    else:
        path = check_inputs(wanted, folder)[0]
    return pristine_tree(path.read_bytes())


def expected_tests(task: Task) -> frozenset[str]:
    """The test ids that must pass, all of them and no others."""
    green = (RECIPE / "green_tests.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(green) | frozenset(task.tests_added)


@dataclass(frozen=True)
class Bench:
    """What trials of one task on this machine stand on; made once, before any of them."""

    settings: Settings
    catalogue: Catalogue
    engine: Engine
    about: EngineInfo
    image: ImageRef
    task: Task
    pristine: Tree
    starting: Tree


def prepare(
    settings: Settings, catalogue: Catalogue, task: Task, say: Callable[[str], None]
) -> Bench:
    """Find the engine, the task's image and its trees, and clear away dead runs' containers.

    Raises:
        EnvironmentProblem: something is missing, or the image's starting tree is not the one
            the task's folder makes; the message names the fix.
        UsageError: the task does not fit the repository.
    """
    engine = connect()
    about = engine_info(engine)
    if settings.cpus > about.cpus:
        raise EnvironmentProblem(
            f"RUNNER_CPUS is {settings.cpus:g} and the Docker engine has {about.cpus} CPUs: "
            f"set RUNNER_CPUS={about.cpus}"
        )
    check_runtime(about, settings.runtime)
    image = image_for(engine, task, image_plan(settings))
    tree = pristine(settings, about.architecture, say)
    check_solvable(task, tree)
    starting = starting_tree(tree, task)
    if image.labels.get("runner.image.tree") != tree_digest(starting):
        raise EnvironmentProblem(
            f"{image.tag}: its starting tree is not the one of {task.folder}; run `make image`"
        )
    if absent := lacks(about, settings.runtime):
        say(f"this host shares its kernel with the containers and lacks {'; '.join(absent)}")
    for container in reap(engine):
        say(f"removed a container that a dead run left behind ({container.trial_id})")
    return Bench(settings, catalogue, engine, about, image, task, tree, starting)


def host_lacks(bench: Bench) -> tuple[str, ...]:
    """What this host lacks of what would hold containers further in; for warnings and records."""
    return lacks(bench.about, bench.settings.runtime)


def sandbox(
    bench: Bench, run_id: str, trial_id: str, purpose: str
) -> AbstractContextManager[DockerSandbox]:
    """A fresh container of the task's image; for the purpose `judge` its tree is the judge's."""
    limits = sandbox_limits(bench.settings)
    return open_sandbox(
        bench.engine,
        bench.image.id,
        run_id=run_id,
        trial_id=trial_id,
        limits=replace(limits, user=JUDGE if purpose == "judge" else AGENT),
        labels={"runner.purpose": purpose},
    )


@dataclass(frozen=True)
class Shared:
    """What trials side by side share: money, processors and the word to stop."""

    account: Account
    slots: Slots
    stop: Stop


def alone(arm: Arm) -> Shared:
    """What a trial that runs alone has to itself."""
    return Shared(Account("trial", arm.limits.usd), Slots(1), Stop())


def build_world(
    bench: Bench, run_id: str, trial_id: str, open_model: Opener, shared: Shared
) -> World:
    """The world of one trial; `shared.account` is the trial's own."""
    settings = bench.settings
    return World(
        open_sandbox=lambda purpose: sandbox(bench, run_id, trial_id, purpose),
        open_model=open_model,
        pristine=bench.pristine,
        starting=bench.starting,
        expected_tests=expected_tests(bench.task),
        keep_change=lambda change: keep_change(settings.changes, trial_id, change),
        bash_timeout_s=settings.bash_timeout_s,
        bash_timeout_max_s=settings.bash_timeout_max_s,
        judge_timeout_s=settings.judge_timeout_s,
        account=shared.account,
        slots=shared.slots,
        stopped=shared.stop,
        call_deadline_s=settings.call_deadline_s,
    )


def keep_change(folder: Path, trial_id: str, change: Change) -> None:
    """Store what goes to the judge; raises `EnvironmentProblem` when the disk refuses."""
    path = folder / f"{trial_id}.tar"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed(change))
    except OSError as error:
        raise EnvironmentProblem(
            f"{path}: cannot be written: {error.strerror}; free some space or set RUNNER_RESULTS"
        ) from error


def with_server(
    players: Players,
    settings: Settings,
    engine: Engine,
    arms: Sequence[Arm],
    screen: Screen | None = None,
) -> Players:
    """The players with the Ollama server that the arms' local models need, found or started.

    Nothing is done for arms without one, and for a replay. Digests are kept in the results.

    Raises:
        EnvironmentProblem: the server or a model cannot be had, or is not what it was.
    """
    seats, screen = local_seats(arms), screen or Screen()
    if not seats or players.replay is not None:
        return players
    results = settings.results
    if players.script is not None:
        key, image = ensure_standin(engine, settings.base_image, screen.say)
        served = serve_standin(engine, key, image.id, seats, results, screen)
    elif settings.ollama_host:
        served = serve_given(settings.ollama_host, seats, results, load_pins(), screen)
    else:
        gpu, image_name = settings.ollama_gpu, settings.ollama_image
        pins = load_pins()
        served = serve_sidecar(
            engine, pins, seats, results, gpu=gpu, image=image_name, screen=screen
        )
    return replace(players, served=served)


def preloaded(players: Players, arm: Arm, settings: Settings, stop: Stop) -> Served | None:
    """The players' Ollama server with the arm's models in memory; None where there is none.

    `stop` ends the wait for a place at a model.

    Raises:
        EnvironmentProblem: it does not answer, has no memory for a model, or not the GPU it must.
    """
    if not players.served:
        return None
    return warmed(players.served, local_seats((arm,)), settings.ollama_slots, stop.wait)


def open_players(
    players: Players,
    bench: Bench,
    trial_id: str,
    tape: Tape | None = None,
    *,
    on_pause: Callable[[float, str], None] = lambda seconds, why: None,
    stop: Stop | None = None,
) -> AbstractContextManager[Opener]:
    """The models of a trial while the context lives; their calls on `tape`, if there is one.

    `on_pause(seconds, why)` is told when a vendor asks for a pause, which `stop` ends.
    """
    solutions = {each.id: each.solution for each in bench.catalogue.tasks.values()}
    stage = Stage(bench.settings, bench.task.id, trial_id, solutions, on_pause, stop or Stop())
    return opened(players, stage, tape)


def open_tape(bench: Bench, spec: TrialSpec) -> Tape:
    """Begin the recording of a trial, in the folder of its name; use it as a context manager.

    Raises:
        UsageError: the trial has a recording already.
        EnvironmentProblem: the disk refuses.
    """
    settings = bench.settings
    what = about(
        spec,
        bench.image.key,
        bash_timeout_s=settings.bash_timeout_s,
        bash_timeout_max_s=settings.bash_timeout_max_s,
    )
    return create_recording(settings.recordings / spec.trial_id, what, secrets(settings))


def secrets(settings: Settings) -> tuple[str, ...]:
    """What must never be on record."""
    return keys_of(live_connection(settings))
