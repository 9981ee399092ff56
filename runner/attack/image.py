"""The small task and its image: the real task image with another, tiny repository in it.

Programs, tools, users and settings are those of the task images; only `/opt/task` differs, so
that one judging takes seconds.
"""

import io
import json
import tarfile
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, load_toml
from runner.config.tasks import Task, load_task
from runner.errors import EnvironmentProblem
from runner.image.engine import BuildRequest, build_image, stored_image
from runner.image.states import Tree, starting_tree, tree_digest, tree_tar
from runner.sandbox.engine import Engine

FOLDER = Path(__file__).parent / "tasks" / "TINY"
REPOSITORY = "runner/attack"
_TREE_TIME = 1_767_225_600
_DOCKERFILE = """\
FROM {base}
USER root
COPY start.tar signals.json tests.txt /bake/
RUN rm -f /opt/task/* \\
 && python3 -I /opt/runner/bake.py /bake/start.tar /bake/signals.json /bake/tests.txt /opt/task \\
 && rm -rf /bake /work/repo /work/cache /work/home
USER 10001:10001
"""


@strict_dataclass(frozen=True, config=STRICT)
class _FileTable:
    path: str
    text: str


@strict_dataclass(frozen=True, config=STRICT)
class _TreeFile:
    tests: tuple[str, ...]
    file: tuple[_FileTable, ...]


@dataclass(frozen=True)
class Tiny:
    """The small task: its trees, and the tests that must pass on a solved one."""

    task: Task
    pristine: Tree
    starting: Tree
    expected: frozenset[str]


def load_tiny(folder: Path = FOLDER) -> Tiny:
    """Read the small task; raises `UsageError` naming the file and the key."""
    task = load_task(folder)
    table = load_toml(folder / "tree.toml", _TreeFile)
    pristine = {file.path: file.text.encode() for file in table.file}
    return Tiny(task, pristine, starting_tree(pristine, task), frozenset(table.tests))


def ensure_tiny_image(engine: Engine, base: str, tiny: Tiny) -> str:
    """The small task's image on top of the task image `base` (an id); built when it is missing.

    Gives its id. Raises `EnvironmentProblem` when a step fails, with the end of the log.
    """
    parts = _parts(base, tiny)
    key = tree_digest(parts)
    tag = f"{REPOSITORY}:tiny-{key[:12]}"
    if (stored := stored_image(engine, tag)) is not None:
        return stored.id
    labels = {
        "runner.image.key": key,
        "runner.image.task": tiny.task.id,
        "runner.image.tree": tree_digest(tiny.starting),
    }
    log: deque[str] = deque(maxlen=20)
    request = BuildRequest(_packed(parts), "", tag, {}, labels)
    try:
        build_image(engine, request, lambda text: log.extend(text.splitlines()))
    except EnvironmentProblem as error:
        tail = "\n".join(line for line in log if line.strip())
        raise EnvironmentProblem(
            f"the attack suite's image could not be built: {error}\n{tail}"
        ) from error
    stored = stored_image(engine, tag)
    if stored is None:
        raise EnvironmentProblem(f"the image {tag} was built and is not there")
    return stored.id


def _parts(base: str, tiny: Tiny) -> dict[str, bytes]:
    broken = {insertion.path for insertion in tiny.task.insertions}
    asked = {path for check in tiny.task.checks for path in check.paths if check.sha256}
    green = [test for test in tiny.expected if test.partition("::")[0] not in broken | asked]
    return {
        "Dockerfile": _DOCKERFILE.format(base=base).encode(),
        "start.tar": tree_tar(tiny.starting, _TREE_TIME),
        "signals.json": json.dumps(asdict(tiny.task.signals)).encode(),
        "tests.txt": "\n".join(sorted(green)).encode(),
    }


def _packed(files: Mapping[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    buffer.seek(0)
    return buffer
