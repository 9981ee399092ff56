"""What pytest's controller tells the judge, in a real pytest over a tiny suite with workers."""

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[2] / "images" / "typer-base"
SUITE = """
import os, pytest, warnings
from odd import Odd

def test_good(): pass
def test_bad(): assert 1 == 2
def test_skipped(): pytest.skip("not here")
def test_warns():
    warnings.warn(Odd("odd"))
@pytest.fixture
def breaks_after():
    yield
    raise RuntimeError("tear-down")
def test_breaks_after(breaks_after): pass
"""
ODD = """
import os
with open("imported.txt", "a") as file:
    file.write(os.environ.get("PYTEST_XDIST_WORKER", "controller") + "\\n")
class Odd(UserWarning): pass
"""


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Any]:
    """Starts a collector, and gives its place and what it collected in the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROGRAMS))
        module = importlib.import_module("runner_harness.collector")
    collector = module.Collector(tmp_path / "court")
    found: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: found.append(collector.collect(60.0)))
    thread.start()

    def collected() -> dict[str, Any]:
        thread.join(60)
        return found[0]

    yield tmp_path / "court" / "gate", collected
    thread.join(60)


def run(folder: Path, gate: Path, suite: str = SUITE) -> subprocess.CompletedProcess[str]:
    (folder / "tree").mkdir()
    (folder / "tree" / "test_it.py").write_text(suite)
    (folder / "tree" / "odd.py").write_text(ODD)
    plugins = ("no:cacheprovider", "xdist", "runner_harness.witness")
    named = [part for plugin in plugins for part in ("-p", plugin)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *named, "-n", "2", "--max-worker-restart=0", "."],
        cwd=folder / "tree",
        env={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join([str(PROGRAMS), str(folder / "tree")]),
            "RUNNER_GATE": str(gate),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_each_phase_is_told_and_the_end_counts_the_lines(tmp_path: Path, gate: Any) -> None:
    place, collected = gate
    ended = run(tmp_path, place)
    said = collected()
    lines = [json.loads(line) for line in said["lines"]]
    assert (said["connected"], said["whole"], said["peer_uid"]) == (True, True, os.getuid())
    assert lines[0] == ["hello"]
    assert lines[-1] == ["end", ended.returncode, len(lines) - 1]
    told = {(name.partition("::")[2], when): word for _, name, when, word in of_tests(lines)}
    assert told[("test_good", "call")] == "passed"
    assert told[("test_bad", "call")] == "failed"
    assert ("test_skipped", "call") in told or told[("test_skipped", "setup")] == "skipped"
    assert told[("test_breaks_after", "teardown")] == "failed"
    assert len(told) == 15


def of_tests(lines: list[Any]) -> list[Any]:
    return [line for line in lines if line[0] == "test"]


def test_the_controller_imports_nothing_that_a_worker_names(tmp_path: Path, gate: Any) -> None:
    place, collected = gate
    run(tmp_path, place)
    collected()
    imported = set((tmp_path / "tree" / "imported.txt").read_text().split())
    assert imported == {"gw0", "gw1"}


def test_a_worker_that_dies_is_told(tmp_path: Path, gate: Any) -> None:
    place, collected = gate
    run(tmp_path, place, "import os\n\ndef test_dies(): os._exit(0)\n")
    lines = [json.loads(line) for line in collected()["lines"]]
    assert ["test", "test_it.py::test_dies", "???", "failed"] in lines


def test_a_module_that_is_not_collected_is_told(tmp_path: Path, gate: Any) -> None:
    place, collected = gate
    run(tmp_path, place, "assert False\n")
    lines = [json.loads(line) for line in collected()["lines"]]
    assert ["uncollected", "test_it.py"] in lines
    assert of_tests(lines) == []
