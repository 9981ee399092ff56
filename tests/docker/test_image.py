"""The built images: the signals of the design, and no answer key anywhere in them."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from runner.config.settings import ROOT, load_settings
from runner.config.tasks import Task, load_tasks
from runner.image.build import ImagePlan, ImageRef, image_for
from runner.image.inputs import SDIST_LOCK, check_inputs, parse_lock
from runner.image.states import (
    apply_solution,
    broken_files,
    pristine_tree,
    starting_tree,
    tree_digest,
)
from runner.sandbox.container import DockerSandbox, open_sandbox
from runner.sandbox.engine import Engine

pytestmark = pytest.mark.docker

RECIPE = ROOT / "images" / "typer-base"
REPORT = "/tmp/report.json"


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    return load_tasks(load_settings().tasks_dir)


@pytest.fixture(scope="module")
def images(engine: Engine, tasks: dict[str, Task]) -> dict[str, ImageRef]:
    settings = load_settings()
    plan = ImagePlan(RECIPE, settings.cache, settings.base_image)
    return {name: image_for(engine, task, plan) for name, task in tasks.items()}


@pytest.fixture(scope="module")
def pristine() -> dict[str, bytes]:
    folder = load_settings().cache / "inputs" / "sdist"
    return pristine_tree(check_inputs(parse_lock(RECIPE / SDIST_LOCK), folder)[0].read_bytes())


@pytest.fixture(params=["T1", "T2", "T3"])
def task(request: pytest.FixtureRequest, tasks: dict[str, Task]) -> Task:
    return tasks[request.param]


@pytest.fixture
def sandbox(engine: Engine, images: dict[str, ImageRef], task: Task) -> Iterator[DockerSandbox]:
    with open_sandbox(engine, images[task.id].id, run_id="test", trial_id="image") as sandbox:
        yield sandbox


def said(sandbox: DockerSandbox, *argv: str) -> str:
    """What a command that must succeed prints."""
    result = sandbox.run(argv, timeout_s=120, output_cap=4_000_000)
    assert result.exit_code == 0, result.output.decode(errors="replace")
    return result.output.decode()


def quick_report(sandbox: DockerSandbox) -> dict[str, Any]:
    sandbox.run(["harness", "--quick", "--report", REPORT], timeout_s=120)
    report: dict[str, Any] = json.loads(said(sandbox, "cat", REPORT))
    return report


# ---- what the tools say -----------------------------------------------------------------


def test_the_tools_give_the_tasks_signals(sandbox: DockerSandbox, task: Task) -> None:
    report = quick_report(sandbox)
    signals = task.signals
    assert report["mypy"]["errors"] == signals.mypy_errors
    assert report["mypy"]["files"] == signals.mypy_files
    assert report["ruff_check"]["errors"] == signals.ruff_errors
    assert report["pytest"]["not_collected"] == signals.not_collected
    proof = json.loads(said(sandbox, "cat", "/opt/task/proof.json"))
    assert proof["passed"] == signals.passed


@pytest.mark.parametrize("task", ["T1"], indirect=True)
def test_each_of_the_18_files_has_a_fault_that_a_tool_names(
    sandbox: DockerSandbox, task: Task
) -> None:
    report = quick_report(sandbox)
    files = {fault["file"] for fault in report["mypy"]["details"]}
    files |= {f["file"].removeprefix("/work/repo/") for f in report["ruff_check"]["details"]}
    files |= set(report["pytest"]["collection_failures"])
    assert files == set(broken_files(task))
    codes = {"B011": 5, "F401": 5, "F403": 1, "F821": 2, "F841": 2, "I001": 13}
    assert report["ruff_check"]["codes"] == codes


def test_the_green_tree_was_proven(sandbox: DockerSandbox, task: Task) -> None:
    place = "/opt/task/proof.json" if task.id == "T2" else "/opt/task/green.json"
    green = {"mypy_errors": 0, "mypy_files": 0, "ruff_errors": 0, "passed": 1356}
    assert json.loads(said(sandbox, "cat", place)) == {**green, "not_collected": 0}


# ---- the tree ---------------------------------------------------------------------------


def test_the_repository_is_the_starting_tree_in_one_commit(
    sandbox: DockerSandbox, images: dict[str, ImageRef], task: Task, pristine: dict[str, bytes]
) -> None:
    start = starting_tree(pristine, task)
    assert images[task.id].labels["runner.image.tree"] == tree_digest(start)
    assert said(sandbox, "git", "rev-list", "--all", "--count") == "1\n"
    assert said(sandbox, "git", "fsck", "--unreachable", "--no-reflogs") == ""
    assert said(sandbox, "git", "status", "--porcelain", "--ignored=no") == ""
    assert said(sandbox, "git", "remote") == said(sandbox, "git", "reflog") == ""
    listed = said(sandbox, "git", "ls-tree", "-r", "HEAD").splitlines()
    blobs = {line.split("\t")[1]: line.split()[2] for line in listed}
    assert blobs == {path: blob_id(content) for path, content in start.items()}


def test_the_reference_solution_fits_the_starting_tree(
    task: Task, pristine: dict[str, bytes]
) -> None:
    start = starting_tree(pristine, task)
    solved = apply_solution(start, task.solution)
    assert solved != start
    assert (solved == pristine) is (task.id == "T1")


@pytest.mark.parametrize("task", ["T1"], indirect=True)
def test_git_holds_no_original_of_a_broken_file(
    sandbox: DockerSandbox, task: Task, pristine: dict[str, bytes]
) -> None:
    objects = said(sandbox, "git", "cat-file", "--batch-all-objects", "--batch-check")
    found = {line.split()[0] for line in objects.splitlines()}
    assert found.isdisjoint(blob_id(pristine[path]) for path in broken_files(task))


@pytest.mark.parametrize("task", ["T1"], indirect=True)
def test_no_layer_of_the_image_holds_an_original_or_what_was_made_of_one(
    engine: Engine, images: dict[str, ImageRef], task: Task, pristine: dict[str, bytes]
) -> None:
    originals = {pristine[path] for path in broken_files(task)}
    sizes = {len(content) for content in originals}
    # mypy's cache names a source by its sha1, byte code by the source's size.
    traces = [hashlib.sha1(content).hexdigest().encode() for content in originals]
    traces += [hashlib.sha1(content).digest() for content in originals]
    compiled = {path.rpartition("/")[2][:-3]: len(pristine[path]) for path in broken_files(task)}
    seen = set()
    for name, content in image_files(engine, images[task.id].id):
        seen.add(name.rpartition("/")[2])
        assert not (len(content) in sizes and content in originals), name
        assert not name.endswith(".whl") or "typer" not in name, name
        assert "typer-" not in name or "dist-info" not in name, name
        stem = name.rpartition("/")[2].partition(".")[0]
        if name.endswith(".pyc") and stem in compiled and ("typer/" in name or "tests/" in name):
            assert int.from_bytes(content[12:16], "little") != compiled[stem], name
        if "cache/" in name:
            assert not any(trace in content for trace in traces), name
    # The scan looked where it should have.
    assert {"tree.tar", "toolserver.py", "main.cpython-311.pyc", "CACHEDIR.TAG"} <= seen


@pytest.mark.parametrize("task", ["T1"], indirect=True)
def test_nothing_in_the_image_gains_rights(sandbox: DockerSandbox) -> None:
    assert said(sandbox, "sh", "-c", "find / -xdev -type f -perm /6000 2>/dev/null; true") == ""
    assert (
        said(sandbox, "sh", "-c", "find / -xdev -type f -perm /1 -name env 2>/dev/null; true") != ""
    )


# ---- helpers ----------------------------------------------------------------------------


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def image_files(engine: Engine, image: str) -> Iterator[tuple[str, bytes]]:
    """Every regular file of every layer of an image, and of the tree packed in it."""
    with engine.translated("save the image"):
        saved = io.BytesIO(b"".join(engine.client.api.get_image(image)))
    with tarfile.open(fileobj=saved) as archive:
        for member in archive:
            handle = archive.extractfile(member) if member.isfile() else None
            if handle is not None:
                yield from layer_files(handle)


def layer_files(handle: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    try:
        layer = tarfile.open(fileobj=handle)  # noqa: SIM115
    except tarfile.ReadError:  # the image's own description
        return
    with layer:
        for member in layer:
            inner = layer.extractfile(member) if member.isfile() else None
            if inner is None:
                continue
            content = inner.read()
            yield member.name, content
            if Path(member.name).name == "tree.tar":
                yield from layer_files(io.BytesIO(content))
