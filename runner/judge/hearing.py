"""One hearing in the judge's container: the tree is laid out, the tools and the tests run."""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from runner.config.probes import load_probe
from runner.config.tasks import CheckSpec, Task
from runner.errors import ToolError
from runner.judge.canaries import Canaries, tampered
from runner.judge.change import Change
from runner.judge.evidence import Testimony, json_object, read_testimony
from runner.judge.probes import answer
from runner.types import Check, ExecResult, JsonObject, Sandbox

# Isolated from the environment and from the current folder, and writing no byte code.
PYTHON = ("/opt/venv/bin/python", "-I", "-B")
HARNESS = (*PYTHON, "-m", "runner_harness")
REPORT = "/work/repo/.judge-report.json"
REPORT_BYTES = 16 * 1_048_576
# The judge's own part ends when the tests have ended; it waits a while for them to begin.
LATE_S = 90.0
PROBE_TIMEOUT_S = 60.0
# With planted tests that fail, pytest's exit code is "some tests failed" and no other.
TESTS_FAILED = 1
_NAMED = 50
_TOOLS = ("mypy", "ruff_check")


class JudgeSandbox(Sandbox, Protocol):
    """A sandbox whose tree belongs to the judge's user."""

    def as_agent(self) -> AbstractContextManager[Sandbox]:
        """The same container as the agent's user, who can write nothing of the tree."""
        ...


@dataclass(frozen=True)
class Hearing:
    """What came of it: `broken` says why the evidence is no whole, None when it is one.

    `notes` is for people: seconds, why tests failed, what a program observed.
    """

    checks: tuple[Check, ...]
    broken: str | None = None
    notes: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Gathered:
    """What the two users' programs left: the judge's report and the end of both."""

    report: Mapping[str, object] | None
    court: ExecResult
    suite: ExecResult
    testimony: Testimony

    @property
    def broken(self) -> str | None:
        """Why this is no evidence, in words that are the same each time; None when it is."""
        if self.suite.timed_out or self.court.timed_out:
            return "the tools did not end in time"
        if self.report is None:
            return "there is no report"
        if not self.testimony.ended or self.testimony.crashed:
            return "the run of the tests broke off"
        return None


def hear(
    sandbox: JudgeSandbox,
    task: Task,
    change: Change,
    expected: frozenset[str],
    canaries: Canaries,
    timeout_s: float,
) -> Hearing:
    """Lay out the tree, run everything, and answer; raises `SandboxFailure`."""
    applied = put(change, canaries, sandbox)
    with sandbox.as_agent() as suspect:
        gathered = gather(sandbox, suspect, canaries, timeout_s)
        if gathered.broken:
            return unheard(task, gathered.broken, _tail(gathered.suite), applied)
        probes, observed = [], {}
        for spec in probe_specs(task):
            check, said = probe(spec, task, suspect)
            probes.append(check)
            observed[spec.name] = said
    checks = (
        applied,
        *tool_checks(gathered, canaries),
        *suite_checks(gathered, canaries, expected),
    )
    notes = {**_notes(gathered, canaries), **({"observed": observed} if observed else {})}
    return Hearing((*checks, *probes), None, notes)


def unheard(task: Task, why: str, said: str, applied: Check | None = None) -> Hearing:
    """All that the container should have answered, unanswered."""
    names = [*_TOOLS, "pytest", "evidence", "test_ids", "canaries"]
    names += [spec.name for spec in probe_specs(task)]
    checks = [Check(name, False, {"missing": why}) for name in names]
    return Hearing(
        (applied or Check("applied", False, {"missing": why}), *checks), why, {"said": said}
    )


def probe_specs(task: Task) -> list[CheckSpec]:
    """The task's held-out questions."""
    return [spec for spec in task.checks if spec.kind == "probe"]


def put(change: Change, canaries: Canaries, sandbox: Sandbox) -> Check:
    """Lay the change and the planted tests over the starting tree, or say what could not be."""
    problems = {}
    # Deletions first: a new folder may have the name of a deleted file.
    if change.deleted:
        removed = sandbox.run(("rm", "-f", "--", *change.deleted), timeout_s=30)
        if removed.exit_code != 0:
            problems["rm"] = removed.output.decode("utf-8", "replace")[-2000:]
    for path, data in change.files.items():
        try:
            sandbox.write(path, data)
        except ToolError as error:
            problems[path] = str(error)
    for path, data in {**canaries.files, **canaries.altered}.items():
        try:
            sandbox.write(path, data)
        except ToolError:
            problems["planted"] = "a test could not be planted"
    return Check("applied", not problems, {"problems": problems})


def gather(
    sandbox: JudgeSandbox, suspect: Sandbox, canaries: Canaries, timeout_s: float
) -> Gathered:
    """mypy, ruff and the collector as the judge; beside them the tests as the agent."""
    exclude = [f"--exclude={path}" for path in sorted(canaries.files)]
    court: list[ExecResult | BaseException] = []

    def sit() -> None:
        argv = (*HARNESS, "court", "--report", REPORT, *exclude)
        try:
            court.append(sandbox.run(argv, timeout_s=timeout_s + LATE_S))
        except BaseException as error:
            court.append(error)

    # A daemon: when this thread is interrupted the container goes, and it ends with that.
    thread = threading.Thread(target=sit, name="judge's tools", daemon=True)
    thread.start()
    suite = suspect.run((*HARNESS, "suite"), timeout_s=timeout_s)
    thread.join()
    ended = court[0]
    if isinstance(ended, BaseException):
        raise ended
    report = None
    try:
        if not ended.timed_out and ended.exit_code == 0:
            report = json_object(sandbox.read(REPORT, cap=REPORT_BYTES))
    except ToolError:
        report = None
    return Gathered(report, ended, suite, read_testimony((report or {}).get("stream")))


def tool_checks(gathered: Gathered, canaries: Canaries) -> list[Check]:
    """One check a tool: it ran and ended with the exit code it must."""
    report = gathered.report or {}
    said = gathered.testimony
    own = canaries.own(said.outcomes)
    failed = [test for test, word in own.items() if word == "failed"]
    uncollected = [name for name in said.uncollected if name not in canaries.files]
    words = list(own.values())
    detail: JsonObject = {
        "exit": gathered.suite.exit_code,
        "expected_exit": TESTS_FAILED,  # of the planted tests
        "passed": words.count("passed"),
        "skipped": words.count("skipped"),
        "failed": len(failed),
        "not_collected": len(uncollected),
        "failures": sorted(failed)[:_NAMED],
        "collection_failures": uncollected[:_NAMED],
    }
    exits = (gathered.suite.exit_code, said.exit)
    passed = exits == (TESTS_FAILED, TESTS_FAILED) and not failed and not uncollected
    return [*(tool_check(name, report) for name in _TOOLS), Check("pytest", passed, detail)]


def tool_check(name: str, report: Mapping[str, object]) -> Check:
    """A tool ran and ended with exit code 0; what it found is kept, its seconds are not."""
    said = report.get(name)
    if not isinstance(said, dict):
        return Check(name, False, {"missing": "the tool is not reported"})
    kept = {key: value for key, value in said.items() if key not in ("seconds", "details")}
    if isinstance(details := said.get("details"), list) and details:
        kept["details"] = sorted(details, key=str)[:_NAMED]
    code = said.get("exit")
    return Check(name, type(code) is int and code == 0, kept)  # False is 0, and no exit code


def suite_checks(gathered: Gathered, canaries: Canaries, expected: frozenset[str]) -> list[Check]:
    """The account is whole, the tests are the expected ones, and the planted ones tell."""
    said = gathered.testimony
    own = canaries.own(said.outcomes)
    passed = {test for test, word in own.items() if word == "passed"}
    # Tests for other systems are skipped on every tree; one that must pass may not be.
    broken = {test for test, word in own.items() if word not in ("passed", "skipped")}
    detail: JsonObject = {
        "expected": len(expected),
        "passed": len(passed),
        "missing": sorted(expected - passed)[:_NAMED],
        "unexpected": sorted((passed | broken) - expected)[:_NAMED],
    }
    exact = bool(expected) and passed == expected and not broken
    planted = Check("canaries", not tampered(canaries, said), {"planted": len(canaries.tests)})
    return [
        Check("evidence", not said.problems, {"problems": list(said.problems)}),
        Check("test_ids", exact, detail),
        planted,
    ]


def probe(spec: CheckSpec, task: Task, suspect: Sandbox) -> tuple[Check, JsonObject]:
    """Run the task's hidden program on the judged tree and compare what it observed, here."""
    question = load_probe(task.folder / spec.program)
    program = question.program.encode()
    result = suspect.run((*PYTHON, "-"), timeout_s=PROBE_TIMEOUT_S, stdin=program)
    return answer(spec.name, question, result)


def _notes(gathered: Gathered, canaries: Canaries) -> JsonObject:
    report = gathered.report or {}
    parts = {name: part for name in _TOOLS if isinstance(part := report.get(name), dict)}
    seconds: dict[str, object] = {name: part.get("seconds") for name, part in parts.items()}
    texts = gathered.testimony.texts
    return {
        "seconds": {**seconds, "pytest": gathered.suite.seconds},
        "failures": canaries.own({n: text for n, text in texts.items() if n not in canaries.files}),
    }


def _tail(result: ExecResult) -> str:
    return result.output[-2000:].decode("utf-8", "replace")
