"""Which child processes may come from the warm Python, and what it hides from them."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROGRAMS = Path(__file__).parents[2] / "images" / "typer-base"
COVERAGE_RUN = [sys.executable, "-m", "coverage", "run"]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROGRAMS))
    return importlib.import_module("runner_harness.children")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        COVERAGE_RUN,
        [*COVERAGE_RUN, "gone.py"],
        [*COVERAGE_RUN, "--branch", "there.py"],
        [*COVERAGE_RUN, "-m"],
        [sys.executable, "-m", "coverage", "report", "there.py"],
        [sys.executable, "there.py"],
        ["/usr/bin/python3", "-m", "coverage", "run", "there.py"],
        [*COVERAGE_RUN, "there.py", "a\0b"],
        [*COVERAGE_RUN, "there.py", b"bytes"],
        "a string",
        None,
    ],
)
def test_anything_else_is_a_real_process(
    children: ModuleType, tmp_path: Path, argv: object
) -> None:
    (tmp_path / "there.py").touch()
    assert not children.is_coverage_run(argv, str(tmp_path))


@pytest.mark.parametrize("rest", [["there.py"], ["there.py", "--help"], ["-m", "pkg", "x"]])
def test_a_coverage_run_is_recognised(
    children: ModuleType, tmp_path: Path, rest: list[str]
) -> None:
    (tmp_path / "there.py").touch()
    assert children.is_coverage_run([*COVERAGE_RUN, *rest], str(tmp_path))


@pytest.mark.parametrize(
    "env",
    [
        *({b"A": b"1"}, {"A": None}, {"A": "x\0y"}, {"A=B": "1"}, {"": "1"}),
        *({"PYTHONIOENCODING": "klingon"}, {"PYTHONIOENCODING": "utf-8:klingon"}),
    ],
)
def test_an_environment_that_no_process_can_have_goes_the_real_way(
    children: ModuleType, env: dict[object, object]
) -> None:
    assert not children.is_ordinary(env)


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHASHSEED", "LC_ALL", "TZ", "COVERAGE_FILE"])
def test_what_decides_how_python_starts_must_be_the_same(children: ModuleType, name: str) -> None:
    base = {"HOME": "/x", "TZ": "UTC"}
    assert children.decisive({**base, name: "other"}) != children.decisive(base)


@pytest.mark.parametrize("name", ["HOME", "_TYPER_COMPLETE", "PYTHONIOENCODING"])
def test_what_a_program_reads_itself_may_differ(children: ModuleType, name: str) -> None:
    assert children.decisive({name: "other"}) == children.decisive({})


STASH = """
import sys
from runner_harness.stash import preload
bare = set(sys.modules)
stash = preload(["xml.sax.saxutils", "colorsys"])
import xml.sax
held = xml.sax.saxutils
stash.hide(sys.argv[1])
seen = {"hidden": "xml.sax" in sys.modules or "colorsys" in sys.modules}
import xml.sax.saxutils
seen["same"] = xml.sax.saxutils is held
seen["spec"] = held.__spec__.loader is not stash and held.__spec__.name == "xml.sax.saxutils"
seen["needs"] = "urllib.parse" in sys.modules
import colorsys
seen["shadowed"] = hasattr(colorsys, "mine")
"""


def test_hidden_modules_come_back_whole_and_a_programs_own_module_wins(tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("mine = True\n")
    program = STASH.replace("stash.hide", "sys.path.insert(0, sys.argv[1]); stash.hide")
    program += "import json; print(json.dumps(seen))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={"PYTHONPATH": str(PROGRAMS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "hidden": False,
        "same": True,
        "spec": True,
        "needs": True,
        "shadowed": True,
    }
