"""The recording plugin, in a real pytest over a tiny suite, alone and with workers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[2] / "images" / "typer-base"
SUITE = """
import pytest

def test_good(): pass
def test_bad(): assert 1 == 2
def test_skipped(): pytest.skip("not here")
@pytest.mark.xfail
def test_expected(): assert False
@pytest.fixture
def breaks_after():
    yield
    raise RuntimeError("tear-down")
def test_breaks_after(breaks_after): pass
@pytest.fixture
def breaks_before(): raise RuntimeError("set-up")
def test_breaks_before(breaks_before): pass
"""


def record(folder: Path, *options: str) -> dict[str, Any]:
    """Run pytest over `folder` with the plugin; gives what it wrote."""
    target = folder / "record.json"
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    env |= {"PYTHONPATH": str(PROGRAMS), "RUNNER_RECORD": str(target)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "runner_harness.record"]
    command += ["-p", "no:cacheprovider", f"--rootdir={folder}", "-c", os.devnull]
    subprocess.run([*command, *options, "."], cwd=folder, env=env, capture_output=True, check=False)
    return json.loads(target.read_text())


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_some.py").write_text(SUITE)
    (tmp_path / "test_gone.py").write_text("raise RuntimeError('at import')\n")
    return tmp_path


def test_a_module_that_two_workers_cannot_collect_counts_once(suite: Path) -> None:
    found = record(suite, "-n", "2")
    assert list(found["not_collected"]) == ["test_gone.py"]
    assert "at import" in found["not_collected"]["test_gone.py"]


def test_the_worst_of_set_up_call_and_tear_down_is_the_outcome(suite: Path) -> None:
    found = record(suite, "-n", "2")
    assert found["tests"] == {
        "test_some.py::test_good": "passed",
        "test_some.py::test_bad": "failed",
        "test_some.py::test_skipped": "skipped",
        "test_some.py::test_expected": "skipped",
        "test_some.py::test_breaks_after": "failed",
        "test_some.py::test_breaks_before": "failed",
    }
    assert set(found["failures"]) == {
        name for name, outcome in found["tests"].items() if outcome == "failed"
    }


def test_collecting_only_lists_the_tests_and_runs_none(suite: Path) -> None:
    found = record(suite, "--collect-only")
    assert (found["tests"], len(found["collected"]), found["exit"]) == ({}, 6, 2)


def test_without_a_suite_there_is_a_record_all_the_same(tmp_path: Path) -> None:
    assert record(tmp_path)["exit"] == 5
