"""What a build is made of: the content key of a task's image and the build context."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.config.tasks import Task
from runner.errors import EnvironmentProblem
from runner.image import states
from runner.image.inputs import SDIST_LOCK, WHEELS_LOCK, Inputs
from runner.image.states import Tree, pristine_tree, starting_tree, tree_digest, tree_tar

# Every file of every tree has this time: byte code and caches compare it, nobody else does.
MTIME = 1_767_225_600

# The judge's own configuration: the published one, out of every agent's reach.
_CONFIG = "pyproject.toml"
_TOP_LEVEL = ("Dockerfile", WHEELS_LOCK, "green_tests.txt")
# What the tests are run with while an image is built; other programs only serve sandboxes.
_AT_BUILD = ("bake.py", "setup_tools.py")
_PACKAGES = ("bin", "runner_harness")


@dataclass(frozen=True)
class Recipe:
    """What is the same for all tasks, read once: context path -> content, and two digests.

    `sources` stands for the code that makes trees and contexts, `packages` for every package
    in the image, the repository's own included.
    """

    files: Mapping[str, bytes]
    sources: str
    packages: str


def read_recipe(folder: Path) -> Recipe:
    """Read the image's folder (`images/typer-base`).

    Raises:
        EnvironmentProblem: a file of it is missing.
    """
    try:
        found = {name: (folder / name).read_bytes() for name in _TOP_LEVEL}
        for path in folder.glob("*.py"):
            place = "harness" if path.name in _AT_BUILD else "programs"
            found[f"{place}/{path.name}"] = path.read_bytes()
        for package in _PACKAGES:
            found |= _package_files(folder, package)
        locks = found[WHEELS_LOCK] + (folder / SDIST_LOCK).read_bytes()
    except OSError as error:
        raise EnvironmentProblem(
            f"{error.filename}: cannot be read: {error.strerror}; restore it from version control"
        ) from error
    code = Path(__file__).read_bytes() + Path(states.__file__).read_bytes()
    return Recipe(found, sources=_sha(code), packages=_sha(locks))


def content_key(recipe: Recipe, task: Task, base: str, machine: str) -> str:
    """The sha256 (hex) of all that decides what a task's image holds.

    It is taken over the things a tree is made from, so it needs no input on disk. `base` is the
    name of the base image, `machine` its architecture.
    """
    parts: dict[str, object] = {
        "files": {name: _sha(content) for name, content in recipe.files.items()},
        "sources": recipe.sources,
        "packages": recipe.packages,
        "task": task.id,
        "insertions": [asdict(insertion) for insertion in task.insertions],
        "added": {path: _sha(content) for path, content in task.added_files.items()},
        "signals": asdict(task.signals),
        "base": base,
        "machine": machine,
    }
    return _sha(json.dumps(parts, sort_keys=True).encode())


@dataclass(frozen=True)
class Context:
    """A build context (a tar), and of each task its starting tree's digest and build target."""

    archive: bytes
    trees: Mapping[str, str]
    targets: Mapping[str, str]


def build_context(recipe: Recipe, inputs: Inputs, tasks: Mapping[str, Task]) -> Context:
    """Everything the images of `tasks` are built from.

    Raises:
        UsageError: a task's insertions or files do not fit the repository.
    """
    pristine = pristine_tree(inputs.sdist.read_bytes())
    trees = {name: starting_tree(pristine, task) for name, task in tasks.items()}
    none = {"mypy_errors": 0, "mypy_files": 0, "ruff_errors": 0, "not_collected": 0}
    tests = recipe.files["green_tests.txt"].decode().splitlines()
    signals: dict[str, object] = {"green": {**none, "passed": len(tests)}}
    signals |= {name: asdict(task.signals) for name, task in tasks.items()}
    members = dict(_members(recipe, inputs, {**trees, "pristine": pristine}, signals))
    return Context(
        archive=_tar(members),
        trees={name: tree_digest(tree) for name, tree in trees.items()},
        targets={
            # The green stage has run the tests of that very tree already.
            name: "unchanged"
            if tree == pristine and signals[name] == signals["green"]
            else "changed"
            for name, tree in trees.items()
        },
    )


def _package_files(folder: Path, package: str) -> dict[str, bytes]:
    return {
        f"harness/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted((folder / package).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _members(
    recipe: Recipe, inputs: Inputs, trees: Mapping[str, Tree], signals: Mapping[str, object]
) -> Iterator[tuple[str, bytes]]:
    yield from recipe.files.items()
    for wheel in inputs.wheels:
        yield f"wheels/{wheel.name}", wheel.read_bytes()
    yield f"programs/config/{_CONFIG}", trees["pristine"][_CONFIG]
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
