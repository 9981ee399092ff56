import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from court import NOTHING, TESTS, Container, court, outcomes, report
from fakes import DictSandbox, ran, task

from runner.config.tasks import CheckSpec
from runner.errors import SandboxFailure, ToolError
from runner.judge.change import Change
from runner.judge.judge import Court, json_object, judge
from runner.types import Check, ExecResult


def verdict(
    written: object,
    change: Change = NOTHING,
    harness: ExecResult | None = None,
) -> dict[str, Check]:
    """The judge's checks by name; `written` is the report, as JSON unless it is bytes."""
    data = written if isinstance(written, bytes | None) else json.dumps(written).encode()
    checks = judge(court(Container(data, harness)), change).checks
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    return {check.name: check for check in checks}


def failed(checks: dict[str, Check]) -> set[str]:
    return {check.name for check in checks.values() if not check.passed}


ALL_TOOLS = {"mypy", "ruff_check", "pytest", "test_ids"}


def test_a_green_tree_passes_every_check() -> None:
    checks = verdict(report())
    assert set(checks) == {"change", "applied", *ALL_TOOLS}
    assert failed(checks) == set()
    assert judge(court(Container(json.dumps(report()).encode())), NOTHING).success


# ---- missing evidence --------------------------------------------------------------------

NO_EVIDENCE = {
    "no report": None,
    "empty": b"",
    "garbage": b"\x00\xff not json",
    "cut": json.dumps(report()).encode()[:-10],
    "a list": b"[]",
    "an empty object": b"{}",
    "not a number": json.dumps(report(extra=float("nan"))).encode(),
    "beyond numbers": b'{"x": 1e999}',
    "brackets without end": b"[" * 200_000,
    "larger than the cap": b" " * (8 * 1_048_576 + 1),
    "tools are words": json.dumps({"mypy": "ok", "ruff_check": "ok", "pytest": "ok"}).encode(),
}


@pytest.mark.parametrize("name", NO_EVIDENCE)
def test_without_a_report_nothing_passes(name: str) -> None:
    checks = verdict(NO_EVIDENCE[name])
    assert failed(checks) == ALL_TOOLS
    assert checks["mypy"].detail["missing"]


def test_tools_that_did_not_end_in_time_are_no_evidence_whatever_they_reported() -> None:
    checks = verdict(report(), harness=ran(b"slow", None, 9, timed_out=True))
    assert failed(checks) == ALL_TOOLS
    assert "900 s" in str(checks["mypy"].detail["missing"])


def test_what_the_tools_said_is_kept_when_there_is_no_report() -> None:
    checks = verdict(None, harness=ran(b"Traceback: boom", 1))
    assert "Traceback: boom" in str(checks["pytest"].detail["missing"])


@pytest.mark.parametrize("tool", ["mypy", "ruff_check"])
@pytest.mark.parametrize("said", [None, {}, {"exit": 1}, {"exit": None}, {"exit": False}, 0, []])
def test_a_tool_passes_with_exit_code_0_only(tool: str, said: object) -> None:
    assert failed(verdict(report(**{tool: said}))) == {tool}


def test_a_tool_that_is_not_named_did_not_run() -> None:
    written = report()
    del written["ruff_check"]
    assert failed(verdict(written)) == {"ruff_check"}


# ---- the expected tests ------------------------------------------------------------------

WRONG_TESTS: dict[str, dict[str, object]] = {
    "one missing": {"pytest": {"exit": 0, "tests": {TESTS[0]: "passed"}}},
    "one more": outcomes(**{"tests/test_b.py::test_3": "passed"}),
    "one swapped": {
        "pytest": {"exit": 0, "tests": {TESTS[0]: "passed", "tests/test_a.py::test_9": "passed"}}
    },
    "one skipped": outcomes(**{TESTS[0]: "skipped"}),
    "one failed": outcomes(**{TESTS[0]: "failed"}),
    "one expected to fail": outcomes(**{TESTS[0]: "xfailed"}),
    "one without a word": outcomes(**{TESTS[0]: ""}),
    "none": {"pytest": {"exit": 0, "tests": {}}},
    "not reported": {"pytest": {"exit": 0}},
    "only names": {"pytest": {"exit": 0, "tests": list(TESTS)}},
    "only a number": {"pytest": {"exit": 0, "tests": 2}},
}


@pytest.mark.parametrize("name", WRONG_TESTS)
def test_exit_code_0_without_exactly_the_expected_passes_is_no_pass(name: str) -> None:
    assert failed(verdict(report(**WRONG_TESTS[name]))) == {"test_ids"}


def test_a_test_of_another_system_may_be_skipped() -> None:
    written = report(**outcomes(**{"tests/test_b.py::test_windows": "skipped"}))
    assert failed(verdict(written)) == set()


def test_all_passes_with_another_exit_code_are_no_pass() -> None:
    written = report(pytest={"exit": 1, "tests": dict.fromkeys(TESTS, "passed")})
    assert failed(verdict(written)) == {"pytest"}


def test_missing_and_unexpected_tests_are_named() -> None:
    written = report(pytest={"exit": 0, "tests": {TESTS[0]: "passed", "x::y": "failed"}})
    detail = verdict(written)["test_ids"].detail
    assert detail == {"expected": 2, "passed": 1, "missing": [TESTS[1]], "unexpected": ["x::y"]}


def test_expecting_nothing_is_no_evidence() -> None:
    container = Container(json.dumps(report(pytest={"exit": 0, "tests": {}})).encode())
    given = court(container)
    nothing = Court(given.task, given.trees, frozenset(), given.open_sandbox, given.timeout_s)
    assert not judge(nothing, NOTHING).success


# ---- the change --------------------------------------------------------------------------


def test_a_refused_file_fails_whatever_the_tools_say() -> None:
    checks = verdict(report(), Change({}, (), (), {"typer/a.py": "is a hard link"}))
    assert failed(checks) == {"change"}


def test_a_difference_outside_is_named_and_not_held_against_the_arm() -> None:
    check = verdict(report(), Change({}, (), ("notes.txt",), {}))["change"]
    assert check.passed
    assert check.detail["outside"] == ["notes.txt"]


def test_files_are_laid_and_deleted_before_the_tools_run() -> None:
    container = Container(json.dumps(report()).encode())
    change = Change({"typer/a.py": b"a"}, ("typer/b.py", "-rf"), (), {})
    assert judge(court(container), change).success
    assert container.sandbox.files["typer/a.py"] == b"a"
    assert container.sandbox.commands[0] == ("rm", "-f", "--", "typer/b.py", "-rf")
    assert "--report" in container.sandbox.commands[1]


def test_a_file_that_cannot_be_laid_fails_and_the_rest_is_still_judged() -> None:
    class Full(DictSandbox):
        def write(self, path: str, data: bytes) -> None:
            raise ToolError("typer/a is not a directory")

    container = Container(json.dumps(report()).encode())
    container.sandbox = Full(on_run=container.run)
    checks = judge(court(container), Change({"typer/a/b.py": b""}, (), (), {})).checks
    assert [check.name for check in checks if not check.passed] == ["applied"]


def test_a_file_that_cannot_be_deleted_fails() -> None:
    container = Container(json.dumps(report()).encode())

    def refuse(sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        return ran(b"rm: busy", 1) if argv[0] == "rm" else container.run(sandbox, argv)

    container.sandbox = DictSandbox(on_run=refuse)
    checks = judge(court(container), Change({}, ("typer/a.py",), (), {})).checks
    assert [check.name for check in checks if not check.passed] == ["applied"]


def test_a_lost_container_is_no_verdict() -> None:
    def lost(_sandbox: DictSandbox, _argv: tuple[str, ...]) -> ExecResult:
        raise SandboxFailure("gone")

    container = Container(None)
    container.sandbox = DictSandbox(on_run=lost)
    with pytest.raises(SandboxFailure):
        judge(court(container), NOTHING)


def test_static_checks_run_before_any_container_is_opened() -> None:
    class Stop(Exception):
        pass

    @contextmanager
    def never() -> Iterator[DictSandbox]:
        raise Stop
        yield

    spec = CheckSpec("fingerprint", "fingerprint", paths=("x",), sha256="0" * 64)
    given = court(Container(None), task(checks=(spec,)))
    with pytest.raises(Stop):
        judge(Court(given.task, given.trees, given.expected, never, 900), NOTHING)
    container = Container(json.dumps(report()).encode())
    checks = judge(court(container, task(checks=(spec,))), NOTHING).checks
    assert [check.name for check in checks if not check.passed] == ["fingerprint"]


# ---- JSON from a place that cannot be trusted ---------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "NaN",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e400}',
        "{" * 9,
        '{"a":' * 9999,
        '{"a": %s}' % ("9" * 5000),
    ],
)
def test_what_no_journal_can_hold_is_no_object(text: str) -> None:
    assert json_object(text) is None


def test_an_object_is_read_whole() -> None:
    assert json_object('{"a": [1.5, -2, null, "\\ud800"]}') == {"a": [1.5, -2, None, "\ud800"]}
