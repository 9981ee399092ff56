"""The judge over made-up containers: what is no evidence, and whose fault it is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from court import TESTS, Container, court, outcomes, planted, report, stream, told
from fakes import DictSandbox, ran, task

from runner.config.checks import OWN_CHECKS
from runner.config.tasks import CheckSpec
from runner.errors import SandboxFailure, ToolError
from runner.judge.change import NOTHING, Change
from runner.judge.judge import judge
from runner.judge.verdict import verdict_bytes
from runner.types import Check, ExecResult

GREEN = json.dumps(report()).encode()
EVIDENCE = {"mypy", "ruff_check", "pytest", "evidence", "test_ids", "canaries"}
CHANGED = Change({"typer/a.py": b"a"}, (), (), {})


def verdict(
    written: object,
    change: Change = NOTHING,
    suite: ExecResult | None = None,
    alone: bytes | None = GREEN,
    tool: ExecResult | None = None,
) -> dict[str, Check]:
    """The judge's checks by name; `written` is the report, as JSON unless it is bytes."""
    data = written if isinstance(written, bytes | None) else json.dumps(written).encode()
    container = Container(data, tool or ran(), suite or ran(b"", 1), alone=alone)
    checks = judge(court(container), change).checks
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    return {check.name: check for check in checks}


def of_tests(**changed: str) -> dict[str, object]:
    """A green report in which the tests went otherwise."""
    return report(stream=stream(told(outcomes(**changed))))


def failed(checks: dict[str, Check]) -> set[str]:
    return {check.name for check in checks.values() if not check.passed}


def test_a_green_tree_passes_every_check() -> None:
    checks = verdict(report())
    assert set(checks) >= {"change", "applied", *EVIDENCE}
    assert failed(checks) == set()


@pytest.mark.parametrize("written", [report(), None], ids=["heard", "not heard"])
def test_a_task_may_name_no_check_that_the_judge_gives_by_itself(written: object) -> None:
    assert set(verdict(written)) == OWN_CHECKS


# ---- missing evidence --------------------------------------------------------------------

NO_REPORT = {
    "no report": None,
    "empty": b"",
    "garbage": b"\x00\xff not json",
    "cut": GREEN[:-10],
    "a list": b"[]",
    "an empty object": b"{}",
    "not a number": json.dumps(report(extra=float("nan"))).encode(),
    "beyond numbers": b'{"x": 1e999}',
    "brackets without end": b"[" * 200_000,
    "larger than the cap": b" " * (16 * 1_048_576 + 1),
    "tools are words": json.dumps({"mypy": "ok", "ruff_check": "ok", "stream": "ok"}).encode(),
    "tests without an end": json.dumps(report(stream=stream(told(outcomes())[:-1]))).encode(),
}


@pytest.mark.parametrize("name", NO_REPORT)
def test_without_a_whole_report_nothing_of_the_container_passes(name: str) -> None:
    checks = verdict(NO_REPORT[name], CHANGED)
    assert failed(checks) == EVIDENCE
    assert checks["mypy"].detail["missing"]


@pytest.mark.parametrize("name", NO_REPORT)
def test_without_a_report_for_the_untouched_tree_either_nobody_is_judged(name: str) -> None:
    with pytest.raises(SandboxFailure, match="without the change too"):
        verdict(NO_REPORT[name], CHANGED, alone=NO_REPORT[name])


def test_tests_that_did_not_end_in_time_are_no_evidence_whatever_was_reported() -> None:
    checks = verdict(report(), CHANGED, suite=ran(b"slow", None, 9, timed_out=True))
    assert failed(checks) == EVIDENCE
    assert checks["pytest"].detail == {"missing": "the tools did not end in time"}


def test_a_machine_too_slow_for_the_untouched_tree_judges_nobody() -> None:
    late = ran(b"slow", None, 9, timed_out=True)
    container = Container(GREEN, suite=late, alone=GREEN, alone_suite=late)
    with pytest.raises(SandboxFailure, match="did not end in time"):
        judge(court(container), CHANGED)
    assert container.opened == 2


def test_a_process_that_died_in_a_test_leaves_no_evidence() -> None:
    died = ["test", TESTS[0], "???", "failed"]
    left = {test: word for test, word in outcomes().items() if test != TESTS[0]}
    checks = verdict(report(stream=stream(told(left, died))), CHANGED)
    assert failed(checks) == EVIDENCE
    assert checks["pytest"].detail == {"missing": "the run of the tests broke off"}


def test_another_fault_without_the_change_is_no_excuse() -> None:
    late = ran(b"slow", None, 9, timed_out=True)
    assert failed(verdict(report(), CHANGED, suite=late, alone=b"{}")) == EVIDENCE


def test_a_red_tree_is_judged_once() -> None:
    container = Container(json.dumps(report(mypy={"exit": 1})).encode())
    judge(court(container), CHANGED)
    assert container.opened == 1


@pytest.mark.parametrize("tool", ["mypy", "ruff_check"])
@pytest.mark.parametrize("said", [None, {}, {"exit": 1}, {"exit": None}, {"exit": False}, 0, []])
def test_a_tool_passes_with_exit_code_0_only(tool: str, said: object) -> None:
    assert failed(verdict(report(**{tool: said}))) == {tool}


def test_a_tool_that_is_not_named_did_not_run() -> None:
    written = report()
    del written["ruff_check"]
    assert failed(verdict(written)) == {"ruff_check"}


# ---- pytest's exit code: planted tests fail, so 0 is never right ---------------------------


@pytest.mark.parametrize("code", [0, 2, 3, 137, None])
def test_any_exit_code_but_that_of_failed_tests_fails(code: int | None) -> None:
    assert failed(verdict(report(), suite=ran(b"", code))) == {"pytest"}


def test_the_controllers_own_exit_code_must_be_the_same() -> None:
    written = report(stream=stream(told(outcomes(), exit=0)))
    assert failed(verdict(written)) == {"pytest"}


# ---- the expected tests ------------------------------------------------------------------

WRONG_TESTS = {
    "one more": {"tests/test_b.py::test_3": "passed"},
    "one skipped": {TESTS[0]: "skipped"},
}


@pytest.mark.parametrize("name", WRONG_TESTS)
def test_other_passes_than_the_expected_are_no_pass(name: str) -> None:
    assert failed(verdict(of_tests(**WRONG_TESTS[name]))) == {"test_ids"}


@pytest.mark.parametrize("gone", [(TESTS[0],), TESTS])
def test_a_missing_test_is_no_pass(gone: tuple[str, ...]) -> None:
    left = {test: word for test, word in outcomes().items() if test not in gone}
    checks = verdict(report(stream=stream(told(left))))
    assert failed(checks) == {"test_ids"}
    assert checks["test_ids"].detail["missing"] == sorted(gone)


def test_a_failed_test_is_named() -> None:
    checks = verdict(of_tests(**{TESTS[0]: "failed"}))
    assert failed(checks) == {"pytest", "test_ids"}
    assert checks["pytest"].detail["failures"] == [TESTS[0]]


def test_a_module_that_was_not_collected_is_named() -> None:
    written = report(stream=stream(told(outcomes(), ["uncollected", "tests/test_c.py"])))
    checks = verdict(written)
    assert failed(checks) == {"pytest"}
    assert checks["pytest"].detail["collection_failures"] == ["tests/test_c.py"]


def test_a_test_of_another_system_may_be_skipped() -> None:
    assert failed(verdict(of_tests(**{"tests/test_b.py::test_windows": "skipped"}))) == set()


def test_expecting_nothing_is_no_evidence() -> None:
    container = Container(json.dumps(report(stream=stream(told(planted())))).encode())
    given = replace(court(container), expected=frozenset())
    checks = {check.name: check.passed for check in judge(given, NOTHING).checks}
    assert not checks["test_ids"]


# ---- planted tests -----------------------------------------------------------------------


@pytest.mark.parametrize("word", ["passed", "skipped"])
def test_one_planted_test_that_should_fail_and_does_not_gives_tampering_away(word: str) -> None:
    test = next(test for test, outcome in planted().items() if outcome == "failed")
    checks = verdict(of_tests(**{test: word}))
    assert failed(checks) == {"canaries"}


def test_a_planted_test_that_should_pass_and_does_not_gives_tampering_away() -> None:
    test = next(test for test, outcome in planted().items() if outcome == "passed")
    assert failed(verdict(of_tests(**{test: "failed"}))) == {"canaries"}


def test_a_planted_test_nobody_heard_of_gives_tampering_away() -> None:
    left = dict(outcomes())
    del left[next(iter(planted()))]
    assert failed(verdict(report(stream=stream(told(left))))) == {"canaries"}


def test_all_passes_are_a_forgery() -> None:
    all_passed = dict.fromkeys(outcomes(), "passed")
    written = report(stream=stream(told(all_passed, exit=0)))
    assert failed(verdict(written, suite=ran(b"", 0))) == {"pytest", "canaries"}


def test_the_names_of_planted_tests_are_in_no_verdict() -> None:
    for written in (report(), of_tests(**dict.fromkeys(planted(), "passed"))):
        data = json.dumps(written).encode()
        said = verdict_bytes(judge(court(Container(data)), CHANGED)).decode()
        assert not any(test in said for test in planted())


# ---- the change --------------------------------------------------------------------------


def test_a_refused_file_fails_whatever_the_tools_say() -> None:
    checks = verdict(report(), Change({}, (), (), {"typer/a.py": "is a hard link"}))
    assert "change" in failed(checks)
    assert failed(checks).isdisjoint(EVIDENCE)


def test_a_difference_outside_is_named_and_not_held_against_the_arm() -> None:
    check = verdict(report(), Change({}, (), ("notes.txt",), {}))["change"]
    assert check.passed
    assert check.detail["outside"] == ["notes.txt"]


def test_files_are_laid_and_deleted_before_the_tools_run() -> None:
    container = Container(GREEN)
    change = Change({"typer/a.py": b"a"}, ("typer/b.py", "-rf"), (), {})
    judge(court(container), change)
    assert container.sandbox.files["typer/a.py"] == b"a"
    assert container.sandbox.commands[0] == ("rm", "-f", "--", "typer/b.py", "-rf")
    assert {"court", "suite"} <= {word for line in container.sandbox.commands[1:] for word in line}


def test_a_file_that_cannot_be_laid_fails_and_the_rest_is_still_judged() -> None:
    class Full(DictSandbox):
        def write(self, path: str, data: bytes) -> None:
            if path.startswith("typer"):
                raise ToolError("typer/a is not a directory")

    container = Container(GREEN)
    container.sandbox = Full(on_run=container.run)
    checks = judge(court(container), Change({"typer/a/b.py": b""}, (), (), {})).checks
    assert {check.name for check in checks if not check.passed} & {"applied", *EVIDENCE} == {
        "applied"
    }


def test_a_file_that_cannot_be_deleted_fails() -> None:
    container = Container(GREEN)

    def refuse(sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        return ran(b"rm: busy", 1) if argv[0] == "rm" else container.run(sandbox, argv)

    container.sandbox = DictSandbox(on_run=refuse)
    checks = {
        c.name: c for c in judge(court(container), Change({}, ("typer/a.py",), (), {})).checks
    }
    assert not checks["applied"].passed


# ---- lost containers ---------------------------------------------------------------------


def losing(times: int) -> Container:
    """Containers of which the first ones are lost while the tools run."""
    container = Container(GREEN, alone=GREEN)

    def lost(sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        if "court" in argv and container.opened <= times:
            raise SandboxFailure("gone")
        return container.run(sandbox, argv)

    container.sandbox = DictSandbox(on_run=lost)
    return container


def test_a_container_lost_with_the_change_alone_is_held_against_it() -> None:
    checks = {check.name: check for check in judge(court(losing(1)), CHANGED).checks}
    assert failed(checks) >= EVIDENCE | {"applied"}


def test_a_container_lost_without_the_change_too_is_no_verdict() -> None:
    with pytest.raises(SandboxFailure, match="without the change too: the container was lost"):
        judge(court(losing(2)), CHANGED)


def test_no_container_at_all_is_no_verdict() -> None:
    @contextmanager
    def never() -> Iterator[DictSandbox]:
        raise SandboxFailure("no engine")
        yield

    with pytest.raises(SandboxFailure, match="no engine"):
        judge(replace(court(Container(GREEN)), open_sandbox=never), CHANGED)


def test_static_checks_run_before_any_container_is_opened() -> None:
    class Stop(Exception):
        pass

    @contextmanager
    def never() -> Iterator[DictSandbox]:
        raise Stop
        yield

    spec = CheckSpec("fingerprint", "fingerprint", paths=("x",), sha256="0" * 64)
    given = court(Container(GREEN), task(checks=(spec,)))
    with pytest.raises(Stop):
        judge(replace(given, open_sandbox=never), NOTHING)
    checks = judge(given, NOTHING).checks
    assert "fingerprint" in {check.name for check in checks if not check.passed}


# ---- the same each time --------------------------------------------------------------------


def test_seconds_are_no_part_of_a_verdict() -> None:
    def judged(seconds: float) -> bytes:
        written = report(mypy={"exit": 0, "errors": 0, "seconds": seconds})
        return verdict_bytes(judge(court(Container(json.dumps(written).encode())), CHANGED))

    assert judged(1.5) == judged(2.5)


def test_the_order_in_which_things_are_reported_is_no_part_of_a_verdict() -> None:
    def judged(lines: list[str], details: list[object]) -> bytes:
        mypy = {"exit": 1, "errors": 2, "details": details}
        written = report(mypy=mypy, stream=stream(lines))
        return verdict_bytes(judge(court(Container(json.dumps(written).encode())), CHANGED))

    broken = {**outcomes(), TESTS[0]: "failed", TESTS[1]: "failed"}
    backwards = dict(reversed(broken.items()))
    one, two = {"file": "a.py", "line": 1}, {"file": "b.py", "line": 2}
    assert judged(told(broken), [one, two]) == judged(told(backwards), [two, one])
