"""The content key: anything that changes an image changes it, nothing else does."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from runner.config.tasks import Insertion, Task, load_tasks
from runner.errors import EnvironmentProblem
from runner.image.context import build_context, content_key, read_recipe
from runner.image.inputs import Inputs

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "images" / "typer-base"


@pytest.fixture(scope="module")
def t1() -> Task:
    return load_tasks(ROOT / "breakage")["T1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image's folder, small."""
    folder = tmp_path / "image"
    for name in ("bin/harness", "runner_harness/report.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("#!/bin/sh\n" if name == "bin/harness" else "x = 1\n")
    texts = {"Dockerfile": "FROM x\n", "green_tests.txt": "a::one[x y]\na::two\n"}
    texts |= {"requirements.lock": "a==1\n", "sdist.lock": "b==1\n", "toolserver.py": "y = 1\n"}
    texts |= {"bake.py": "z = 1\n"}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def sdist(tmp_path: Path) -> Path:
    path = tmp_path / "typer-1.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("pyproject.toml", "typer/a.py"):
            entry = tarfile.TarInfo(f"typer-1/{name}")
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"x=1\n"))
    return path


def key(folder: Path, task: Task, base: str = "base:1", machine: str = "amd64") -> str:
    return content_key(read_recipe(folder), task, base, machine)


FILES = "Dockerfile green_tests.txt requirements.lock sdist.lock toolserver.py bake.py bin/harness"


@pytest.mark.parametrize("name", [*FILES.split(), "runner_harness/report.py"])
def test_every_file_of_the_recipe_counts(folder: Path, t1: Task, name: str) -> None:
    before = key(folder, t1)
    with (folder / name).open("a") as file:
        file.write("# more\n")
    assert key(folder, t1) != before


def test_the_task_the_base_and_the_machine_count(folder: Path, t1: Task) -> None:
    changed = [
        replace(t1, id="T9"),
        replace(t1, insertions=(Insertion("typer/a.py", "y = 2\n"),)),
        replace(t1, added_files={"tests/test_x.py": b""}),
        replace(t1, signals=replace(t1.signals, passed=1)),
    ]
    keys = {key(folder, task) for task in (t1, *changed)}
    keys |= {key(folder, t1, base="base:2"), key(folder, t1, machine="arm64")}
    assert len(keys) == 7


def test_what_no_image_holds_does_not_count(folder: Path, t1: Task) -> None:
    before = key(folder, t1)
    (folder / "runner_harness" / "__pycache__").mkdir()
    (folder / "runner_harness" / "__pycache__" / "x.pyc").write_bytes(b"")
    other_words = replace(t1, title="another", prompt="another", solution=())
    assert key(folder, other_words) == before


def test_a_recipe_that_is_not_whole_is_named(folder: Path) -> None:
    (folder / "Dockerfile").unlink()
    with pytest.raises(EnvironmentProblem, match="Dockerfile: cannot be read"):
        read_recipe(folder)


def test_only_a_task_that_starts_from_the_green_tree_shares_its_proof(
    folder: Path, sdist: Path, t1: Task
) -> None:
    green = replace(t1.signals, mypy_errors=0, mypy_files=0, ruff_errors=0, passed=2)
    same = replace(t1, insertions=(), signals=replace(green, not_collected=0))
    tasks = {
        "same": same,
        "broken": replace(same, insertions=(Insertion("typer/a.py", "y = 2\n"),)),
        "other signals": replace(same, signals=replace(same.signals, passed=1)),
    }
    context = build_context(read_recipe(folder), Inputs(sdist, ()), tasks)
    assert context.targets == {
        "same": "unchanged",
        "broken": "changed",
        "other signals": "changed",
    }
    assert context.trees["same"] == context.trees["other signals"] != context.trees["broken"]


def test_the_context_holds_programs_trees_and_signals(folder: Path, sdist: Path, t1: Task) -> None:
    task = replace(t1, insertions=(Insertion("typer/a.py", "y = 2\n"),))
    wheel = sdist.with_name("tool-1-py3-none-any.whl")
    wheel.write_bytes(b"wheel")
    context = build_context(read_recipe(folder), Inputs(sdist, (wheel,)), {"T1": task})
    with tarfile.open(fileobj=io.BytesIO(context.archive)) as tar:
        members = {member.name: member for member in tar.getmembers()}
        signals = json.load(tar.extractfile("signals/green.json") or io.BytesIO())
    assert set(members) == {
        *("Dockerfile", "requirements.lock", "green_tests.txt", "wheels/tool-1-py3-none-any.whl"),
        *("harness/bin/harness", "harness/runner_harness/report.py", "harness/bake.py"),
        *("programs/toolserver.py", "programs/config/pyproject.toml"),
        *("trees/T1.tar", "trees/pristine.tar", "signals/T1.json", "signals/green.json"),
    }
    assert members["harness/bin/harness"].mode == 0o755
    assert signals["passed"] == 2  # a test's id may hold spaces


def test_the_green_list_is_the_1356_tests_of_the_design() -> None:
    lines = (IMAGE / "green_tests.txt").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 1356
    assert lines == sorted(lines)
