"""The page on faults names every case of the suite, and the suite has every fault it names."""

import importlib.util
import re
from types import ModuleType

import test_call_faults
import test_matrix_faults
from commandline import ROOT

PAGE = ROOT / "docs" / "operations.md"
ROW = re.compile(r"^\| `([a-z0-9-]+)` \|(?:[^|]+\|){4} `([a-z_/]+\.py)` \|$", re.M)


def docker_suite() -> ModuleType:
    """The suite with containers, read but not run."""
    path = ROOT / "tests" / "docker" / "test_matrix_faults.py"
    spec = importlib.util.spec_from_file_location("docker_matrix_faults", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> set[tuple[str, str]]:
    """Every case of the suite: its id and its file."""
    return {
        *((case.id, "unit/test_call_faults.py") for case in test_call_faults.CASES),
        *((name, "unit/test_matrix_faults.py") for name, _ in test_matrix_faults.CASES),
        *((name, "docker/test_matrix_faults.py") for name, _ in docker_suite().CASES),
    }


def test_the_page_and_the_suite_name_the_same_faults() -> None:
    rows = ROW.findall(PAGE.read_text())
    assert len(rows) == len(set(rows))
    assert set(rows) == cases()


def test_every_row_of_the_page_is_read() -> None:
    table = PAGE.read_text().partition("## What happens on each fault")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(lines) == len(ROW.findall(table))


def test_every_test_of_the_matrix_suites_is_a_case() -> None:
    for module in (test_matrix_faults, docker_suite()):
        tests = {value for name, value in vars(module).items() if name.startswith("test_")}
        assert {test for _, test in module.CASES} == tests


def test_a_case_has_one_name() -> None:
    names = [name for name, _ in cases()]
    assert len(names) == len(set(names))
