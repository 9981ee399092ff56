"""What one run of the suite works with."""

import random
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from runner import wiring
from runner.attack.image import Tiny, ensure_tiny_image, load_tiny
from runner.attack.plans import Secret
from runner.catalogue import Catalogue
from runner.config.settings import Settings
from runner.image.build import image_for
from runner.image.states import Tree, apply_solution
from runner.judge.change import NOTHING, Change
from runner.judge.judge import Court
from runner.judge.trees import Trees
from runner.sandbox.container import DockerSandbox, open_sandbox
from runner.sandbox.engine import Engine, connect
from runner.sandbox.limits import AGENT, JUDGE, Limits
from runner.sandbox.reaper import reap

_MIB = 1_048_576
# Small enough that a bomb needs little to go off, large enough for the small task's tools.
LIMITS = Limits(
    memory_bytes=512 * _MIB,
    work_bytes=160 * _MIB,
    work_inodes=8_192,
    tmp_bytes=64 * _MIB,
    cpus=1.0,
)
JUDGE_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Arena:
    """The engine, the small task and its image, and a secret on the host for the taking."""

    engine: Engine
    settings: Settings
    catalogue: Catalogue
    tiny: Tiny
    image: str
    run_id: str
    secret: Secret

    def sandbox(self, trial_id: str, purpose: str) -> AbstractContextManager[DockerSandbox]:
        """A fresh container of ours: the agent's, or the judge's."""
        limits = replace(
            LIMITS,
            user=JUDGE if purpose == "judge" else AGENT,
            cpus=min(2.0 if purpose == "judge" else 1.0, self.settings.cpus),
            memory_bytes=1024 * _MIB if purpose == "judge" else LIMITS.memory_bytes,
        )
        return open_sandbox(
            self.engine,
            self.image,
            run_id=self.run_id,
            trial_id=trial_id,
            limits=limits,
            labels={"runner.purpose": purpose},
        )

    def court(self, trial_id: str, change: Change = NOTHING, seed: int | None = None) -> Court:
        """The judge's court for a change to the small task."""
        final = change.applied_to(self.tiny.starting)
        court = Court(
            task=self.tiny.task,
            trees=Trees(self.tiny.pristine, self.tiny.starting, final),
            expected=self.tiny.expected,
            open_sandbox=lambda: self.sandbox(trial_id, "judge"),
            timeout_s=JUDGE_TIMEOUT_S,
        )
        return court if seed is None else replace(court, chance=random.Random(seed))

    @property
    def solved(self) -> Tree:
        """The small task's tree after the reference solution."""
        return apply_solution(self.tiny.starting, self.tiny.task.solution)


@contextmanager
def open_arena(
    settings: Settings, catalogue: Catalogue, say: Callable[[str], None]
) -> Iterator[Arena]:
    """Find the engine, build the small task's image where it is missing, lay out a canary.

    Raises:
        EnvironmentProblem: there is no engine, no task image, or a build failed.
    """
    engine = connect()
    try:
        for container in reap(engine):
            say(f"removed a container that a dead run left behind ({container.trial_id})")
        task = catalogue.tasks[min(catalogue.tasks)]
        base = image_for(engine, task, wiring.image_plan(settings))
        tiny = load_tiny()
        image = ensure_tiny_image(engine, base.id, tiny)
        run_id = f"attack-{uuid.uuid4().hex[:8]}"
        with tempfile.TemporaryDirectory(prefix="runner-canary-") as folder:
            secret = Secret(Path(folder), f"sk-canary-{uuid.uuid4().hex}")
            yield Arena(engine, settings, catalogue, tiny, image, run_id, secret)
    finally:
        engine.close()
