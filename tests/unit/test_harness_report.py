"""What the harness says: counts from the tools' own JSON, and what it does when there is none."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[2] / "images" / "typer-base"


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, ModuleType]:
    """The modules of the program, as it is found inside the image."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    names = ("report", "console", "compare", "tools", "suite", "__main__")
    return {name: importlib.import_module(f"runner_harness.{name}") for name in names}


def mypy_line(file: str, severity: str = "error") -> str:
    finding = {"file": file, "line": 3, "column": 4, "message": "No", "code": "arg-type"}
    return json.dumps({**finding, "hint": None, "severity": severity})


def ruff_finding(code: str | None, file: str = "/work/repo/typer/a.py") -> dict[str, Any]:
    place = {"row": 1, "column": 8}
    return {"code": code, "filename": file, "location": place, "message": "unused"}


def run(harness: Mapping[str, ModuleType], code: int, out: str = "", err: str = "", **record: Any):
    return harness["report"].ToolRun(code, out, err, 1.23456, record)


def whole(harness: Mapping[str, ModuleType], **runs: Any) -> dict[str, Any]:
    base = {
        "mypy": run(harness, 0),
        "ruff_check": run(harness, 0, "[]"),
        "ruff_format": run(harness, 0),
        "pytest": run(harness, 0, tests={"t::a": "passed"}),
    }
    return harness["report"].whole_report(harness["tools"].parts_of({**base, **runs}), 9.87654)


def test_a_tool_that_crashes_is_not_green_and_its_words_are_kept(
    harness: Mapping[str, ModuleType],
) -> None:
    report = whole(harness, mypy=run(harness, 2, "", "mypy: cannot read config"))
    assert report["exit_code"] == 1
    assert report["mypy"]["trouble"] == "mypy: cannot read config"
    assert "mypy: cannot read config" in harness["console"].readable(report)


@pytest.mark.parametrize("tool", ["mypy", "ruff_check", "pytest"])
def test_each_tool_alone_can_make_the_tree_not_green(
    harness: Mapping[str, ModuleType], tool: str
) -> None:
    assert whole(harness)["exit_code"] == 0
    assert whole(harness, **{tool: run(harness, 1, "[]")})["exit_code"] == 1


def test_the_formatter_is_information_only(harness: Mapping[str, ModuleType]) -> None:
    report = whole(harness, ruff_format=run(harness, 1))
    assert (report["exit_code"], report["ruff_format"]["informational"]) == (0, True)


def test_no_record_of_pytest_is_no_test_passed(harness: Mapping[str, ModuleType]) -> None:
    part = whole(harness, pytest=run(harness, 3, "INTERNALERROR", ""))["pytest"]
    assert (part["passed"], part["tests"], part["trouble"]) == (0, {}, "INTERNALERROR")


def test_mypy_counts_errors_not_notes_and_each_file_once(
    harness: Mapping[str, ModuleType],
) -> None:
    lines = [mypy_line("a.py"), mypy_line("a.py"), mypy_line("b.py"), mypy_line("c.py", "note")]
    part = whole(harness, mypy=run(harness, 1, "\n".join(lines)))["mypy"]
    assert (part["errors"], part["files"]) == (3, 2)


def test_ruff_counts_by_rule_and_syntax_errors_have_none(
    harness: Mapping[str, ModuleType],
) -> None:
    found = [ruff_finding("F401"), ruff_finding("F401"), ruff_finding(None)]
    part = whole(harness, ruff_check=run(harness, 1, json.dumps(found)))["ruff_check"]
    assert (part["errors"], part["codes"]) == (3, {"F401": 2, "syntax": 1})


def test_pytest_counts_outcomes_and_modules(harness: Mapping[str, ModuleType]) -> None:
    tests = {"t::a": "passed", "t::b": "failed", "t::c": "skipped", "t::d": "passed"}
    record = {
        "tests": tests,
        "not_collected": {"u.py": "AssertionError"},
        "failures": {"t::b": "E"},
    }
    part = whole(harness, pytest=run(harness, 1, **record))["pytest"]
    counts = [part[key] for key in ("passed", "failed", "skipped", "not_collected", "collected")]
    assert counts == [2, 1, 1, 1, 4]


def test_the_last_line_has_the_counts_and_no_lists(harness: Mapping[str, ModuleType]) -> None:
    summary = harness["report"].summary(whole(harness))
    assert summary == {
        "exit_code": 0,
        "seconds": 9.877,
        "mypy": {"exit": 0, "errors": 0, "files": 0, "seconds": 1.235},
        "ruff_check": {"exit": 0, "errors": 0, "codes": {}, "seconds": 1.235},
        "ruff_format": {"exit": 0, "informational": True, "seconds": 1.235},
        "pytest": {
            "exit": 0,
            "passed": 1,
            "failed": 0,
            "skipped": 0,
            "not_collected": 0,
            "collected": 1,
            "seconds": 1.235,
        },
    }


def test_what_a_model_reads_fits_its_tool_output(harness: Mapping[str, ModuleType]) -> None:
    failures = {f"tests/test_x.py::test_{n}": "E   assert 1 == 2\n" * 90 for n in range(400)}
    report = whole(
        harness,
        mypy=run(harness, 1, "\n".join([mypy_line("typer/some_module.py")] * 500)),
        ruff_check=run(harness, 1, json.dumps([ruff_finding("F401")] * 500)),
        pytest=run(harness, 1, tests=dict.fromkeys(failures, "failed"), failures=failures),
    )
    text = harness["console"].readable(report)
    assert len(text) + len(json.dumps(harness["report"].summary(report))) < 8_000
    assert "typer/some_module.py:3:4: No [arg-type]" in text
    assert "... and 470 more" in text
    assert "-- FAILED tests/test_x.py::test_0" in text
    assert "... and 372 more" in text


def test_a_test_that_ends_differently_or_is_run_by_one_way_only_is_a_difference(
    harness: Mapping[str, ModuleType],
) -> None:
    def report(seconds: float, **tests: str) -> dict[str, Any]:
        part = harness["report"].pytest_part(run(harness, 0, tests=tests))
        return {**whole(harness), "pytest": part, "seconds": seconds}

    comparison = harness["compare"].comparison
    same = comparison(report(3.0, a="passed"), report(6.0, a="passed"))
    assert (same["same"], same["ratio"], same["tests"]) == (True, 0.5, 1)
    other = comparison(report(3.0, a="passed", b="passed"), report(6.0, a="failed"))
    assert other["same"] is False
    assert other["differences"][:2] == ["a: passed, plain failed", "b: passed, plain not run"]


def test_the_judges_way_trusts_nothing_of_the_tree(harness: Mapping[str, ModuleType]) -> None:
    tools = harness["tools"]
    plan = tools.Plan(Path("/work/repo"), config=Path("/judge"))
    assert {"--config-file=/judge/pyproject.toml", "--cache-dir=/dev/null"} <= set(
        tools.mypy_command(plan)
    )
    assert {"--config=/judge/pyproject.toml", "--no-cache", "--no-respect-gitignore"} <= set(
        tools.ruff_command(plan)
    )
    command = harness["suite"].suite_command(Path("/work/repo"))
    assert {"-I", "-B", "--rootdir=/work/repo", "--noconftest", "no:cacheprovider"} <= set(command)
    assert "--config-file=/opt/runner/config/pyproject.toml" in command
    # With workers: the controller is to load nothing of the tree.
    assert "--numprocesses=2" in command
