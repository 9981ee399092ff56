"""What a build is made of: the content key of a task's image and the build context."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.config.tasks import Task
from runner.image import states
from runner.image.inputs import SDIST_LOCK, WHEELS_LOCK, Inputs
from runner.image.states import Tree, pristine_tree, starting_tree, tree_digest, tree_tar

# Every file of every tree has this time: byte code and caches compare it, nobody else does.
MTIME = 1_767_225_600

# The judge's own configuration: the published one, out of every agent's reach.
_CONFIG = "pyproject.toml"
_PACKAGES = ("bin", "runner_harness")


@dataclass(frozen=True)
class Recipe:
    """The files of `images/typer-base` and where they go in the context."""

    folder: Path

    def files(self) -> dict[str, bytes]:
        """Context path -> content of everything that is the same for all tasks."""
        named = {path.name: f"runner/{path.name}" for path in self.folder.glob("*.py")}
        named |= {name: name for name in ("Dockerfile", WHEELS_LOCK, "green_tests.txt")}
        found = {target: (self.folder / name).read_bytes() for name, target in named.items()}
        for package in _PACKAGES:
            for path in sorted((self.folder / package).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    target = f"runner/{path.relative_to(self.folder).as_posix()}"
                    found[target] = path.read_bytes()
        return found


def content_key(recipe: Recipe, task: Task, base: str, architecture: str) -> str:
    """The sha256 (hex) of all that decides what a task's image holds.

    It is taken over the things a tree is made from, so it needs no input on disk.
    """
    parts: dict[str, object] = {
        "files": {name: _sha(content) for name, content in recipe.files().items()},
        "sdist": _sha((recipe.folder / SDIST_LOCK).read_bytes()),
        "context": _sha(Path(__file__).read_bytes()),
        "states": _sha(Path(states.__file__).read_bytes()),
        "task": task.id,
        "insertions": [asdict(insertion) for insertion in task.insertions],
        "added": {path: _sha(content) for path, content in task.added_files.items()},
        "signals": asdict(task.signals),
        "base": base,
        "architecture": architecture,
    }
    return _sha(json.dumps(parts, sort_keys=True).encode())


def packages_digest(recipe: Recipe) -> str:
    """The sha256 (hex) of the locks that name every package in the image."""
    return _sha(
        (recipe.folder / WHEELS_LOCK).read_bytes() + (recipe.folder / SDIST_LOCK).read_bytes()
    )


def build_context(recipe: Recipe, inputs: Inputs, tasks: Mapping[str, Task]) -> "Context":
    """The tar all tasks are built from, and each starting tree's digest."""
    pristine = pristine_tree(inputs.sdist.read_bytes())
    trees = {id_: starting_tree(pristine, task) for id_, task in tasks.items()}
    green = {"mypy_errors": 0, "mypy_files": 0, "ruff_errors": 0, "not_collected": 0}
    lines = recipe.files()["green_tests.txt"].decode().splitlines()
    signals: dict[str, object] = {"green": {**green, "passed": len(lines)}}
    signals |= {id_: asdict(task.signals) for id_, task in tasks.items()}
    members = dict(_members(recipe, inputs, {**trees, "pristine": pristine}, signals))
    digests = {id_: tree_digest(tree) for id_, tree in trees.items()}
    return Context(_tar(members), digests)


@dataclass(frozen=True)
class Context:
    """A build context and the digests of the starting trees in it, by task id."""

    archive: bytes
    trees: Mapping[str, str]


def _members(
    recipe: Recipe, inputs: Inputs, trees: Mapping[str, Tree], signals: Mapping[str, object]
) -> Iterator[tuple[str, bytes]]:
    yield from recipe.files().items()
    for wheel in inputs.wheels:
        yield f"wheels/{wheel.name}", wheel.read_bytes()
    yield f"runner/config/{_CONFIG}", trees["pristine"][_CONFIG]
    for name, tree in trees.items():
        yield f"trees/{name}.tar", tree_tar(tree, MTIME)
    for name, wanted in signals.items():
        yield f"signals/{name}.json", json.dumps(wanted, sort_keys=True).encode()


def _tar(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(members):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(members[name]), MTIME
            entry.mode = states.file_mode(members[name])
            archive.addfile(entry, io.BytesIO(members[name]))
    return buffer.getvalue()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
