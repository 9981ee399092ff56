"""The page on faults names every case of the suite, and the suite has every fault it names."""

import importlib.util
import re
from types import ModuleType

import pytest
import test_call_faults
import test_matrix_faults
from commandline import ROOT
from test_call_faults import Case

from runner.agent.loop import OWN_FAILURES
from runner.matrix.schedule import INFRA_TRIES
from runner.models.failures import pauses_run

PAGE = ROOT / "docs" / "operations.md"
ROW = re.compile(r"^\| `([a-z0-9-]+)` \|(?:[^|]+\|){4} `([a-z_/]+\.py)` \|$", re.M)
CALL_ROW = re.compile(
    r"^\| `([a-z0-9-]+)` \|[^|]+\|([^|]+)\|([^|]+)\|([^|]+)\| `unit/test_call_faults\.py` \|$", re.M
)
TIMES = {1: "once", 2: "twice", 3: "three times"}


def page() -> str:
    return PAGE.read_text()


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


def becomes(case: Case) -> str:
    """What the page must say of the trial, by the case that the suite holds the code to."""
    if case.kind is None:
        if len(case.spent) > 1:
            return "goes on; the lost reply's reserve stays spent, the next one's usage is"
        waits = " after a wait" if case.attempts > 1 else ""
        kept = "reserve stays spent" if "reserve" in case.spent else "usage is spent"
        return f"goes on{waits}; its {kept}"
    if len(case.spent) > 1:
        spent = f"each of {len(case.spent)} reserves stays spent"
    else:
        spent = "its reserve stays spent" if "reserve" in case.spent else "nothing is spent"
    if case.kind in OWN_FAILURES:
        return f"the conversation ends and is judged; {spent}"
    return f"`infra`: no result; {spent}"


def run_does(case: Case) -> tuple[str, str]:
    """What the run and the next command do, by the rules of the code."""
    if case.kind is None or case.kind in OWN_FAILURES:
        return "goes on", ""
    if pauses_run(case.kind):
        return "pauses at once, exit 3: only a person can mend it", "goes on"
    again = TIMES[INFRA_TRIES]
    return f"begins the trial again, {again} in all; then pauses, exit 3", "goes on"


@pytest.mark.parametrize("case", test_call_faults.CASES, ids=lambda case: case.id)
def test_what_the_page_says_of_a_call_is_what_the_code_does(case: Case) -> None:
    rows = {name: [each.strip() for each in more] for name, *more in CALL_ROW.findall(page())}
    assert rows[case.id] == [becomes(case), *run_does(case)]


def test_the_page_and_the_suite_name_the_same_faults() -> None:
    rows = ROW.findall(page())
    assert len(rows) == len(set(rows))
    assert set(rows) == cases()


def test_every_row_of_the_page_is_read() -> None:
    table = page().partition("## What happens on each fault")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(lines) == len(ROW.findall(table))


def test_every_test_of_the_matrix_suites_is_a_case() -> None:
    for module in (test_matrix_faults, docker_suite()):
        tests = {value for name, value in vars(module).items() if name.startswith("test_")}
        assert {test for _, test in module.CASES} == tests


def test_a_case_has_one_name() -> None:
    names = [name for name, _ in cases()]
    assert len(names) == len(set(names))
