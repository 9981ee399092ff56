"""The judge: a second fresh container, the starting tree, the change, and the questions.

Nothing it decides rests on what the agent's container says. Source text is read on the host;
the tools run in a container no model talks to, with the judge's own configuration.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from runner.config.tasks import CheckSpec, Task
from runner.errors import ToolError
from runner.judge.change import Change
from runner.judge.checks import CHECKS, Trees
from runner.types import Check, JsonObject, Sandbox, Verdict

# Isolated from the environment and from the current folder, and writing no byte code.
PYTHON = ("/opt/venv/bin/python", "-I", "-B")
HARNESS = (*PYTHON, "-m", "runner_harness", "--json", "--config", "/opt/runner/config")
REPORT = "/work/repo/.judge-report.json"
REPORT_BYTES = 8 * 1_048_576


@dataclass(frozen=True)
class Court:
    """What judging a task needs besides the change.

    `expected` holds the test ids that must pass, all of them and no others; `open_sandbox`
    gives a fresh container of the task's image; `timeout_s` bounds the tools together.
    """

    task: Task
    trees: Trees
    expected: frozenset[str]
    open_sandbox: Callable[[], AbstractContextManager[Sandbox]]
    timeout_s: float


def judge(court: Court, change: Change) -> Verdict:
    """Answer every question about a change; raises `SandboxFailure` when the container is lost."""
    checks = [allowed(change), *static_checks(court)]
    with court.open_sandbox() as sandbox:
        checks.append(put(change, sandbox))
        report = run_tools(sandbox, court.timeout_s)
        checks += tool_checks(report, court.expected)
        checks += [probe(spec, court.task, sandbox) for spec in specs(court.task, "probe")]
    return Verdict(tuple(checks))


def allowed(change: Change) -> Check:
    """Nothing was refused on the way. What differs outside is named, not held against the arm:
    it does not travel."""
    detail: JsonObject = {
        "files": sorted(change.files),
        "deleted": list(change.deleted),
        "outside": list(change.outside[:100]),
        "refused": dict(list(change.refused.items())[:100]),
    }
    return Check("change", not change.refused, detail)


def static_checks(court: Court) -> list[Check]:
    """The task's questions about source text."""
    return [
        CHECKS[spec.kind](spec, court.trees) for spec in court.task.checks if spec.kind in CHECKS
    ]


def specs(task: Task, kind: str) -> Sequence[CheckSpec]:
    """The task's checks of one kind."""
    return [spec for spec in task.checks if spec.kind == kind]


def put(change: Change, sandbox: Sandbox) -> Check:
    """Lay the change over the starting tree, or say what could not be laid."""
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
    return Check("applied", not problems, {"problems": problems})


def run_tools(sandbox: Sandbox, timeout_s: float) -> Mapping[str, object]:
    """mypy, ruff and pytest in the judge's container; an empty report is missing evidence."""
    result = sandbox.run((*HARNESS, "--report", REPORT), timeout_s=timeout_s)
    try:
        report = json_object(sandbox.read(REPORT, cap=REPORT_BYTES))
    except ToolError as error:
        report, problem = None, f"no report: {error}"
    else:
        problem = "the report is no JSON object"
    if report is None or result.timed_out:
        tail = result.output[-2000:].decode("utf-8", "replace")
        why = f"stopped after {timeout_s:g} s" if result.timed_out else problem
        return {"missing": f"{why}; output ends with: {tail}"}
    return report


def json_object(data: bytes | str) -> dict[str, object] | None:
    """The JSON object in `data`, safe to put on record; None when it is no such thing.

    The agent's code can make it anything: a number no journal can hold, brackets without end.
    """
    try:
        value = json.loads(data, parse_constant=_unwritable, parse_float=_finite)
        json.dumps(value)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unwritable(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    return number if math.isfinite(number := float(text)) else _unwritable(text)


def tool_checks(report: Mapping[str, object], expected: frozenset[str]) -> list[Check]:
    """One check a tool, and one on the exact set of tests with their outcomes."""
    checks = [tool_check(name, report) for name in ("mypy", "ruff_check", "pytest")]
    pytest = report.get("pytest")
    outcomes = pytest.get("tests") if isinstance(pytest, dict) else None
    found: Mapping[str, object] = outcomes if isinstance(outcomes, dict) else {}
    passed = {test for test, outcome in found.items() if outcome == "passed"}
    # Tests for other systems are skipped on every tree; one that must pass may not be.
    broken = {test for test, outcome in found.items() if outcome not in ("passed", "skipped")}
    detail: JsonObject = {
        "expected": len(expected),
        "passed": len(passed),
        "missing": sorted(expected - passed)[:50],
        "unexpected": sorted((passed | broken) - expected)[:50],
    }
    exact = bool(expected) and passed == expected and not broken
    return [*checks, Check("test_ids", exact, detail)]


def tool_check(name: str, report: Mapping[str, object]) -> Check:
    """A tool ran and ended with exit code 0."""
    said = report.get(name)
    if not isinstance(said, dict):
        return Check(name, False, {"missing": report.get("missing", "the tool is not reported")})
    kept = {key: value for key, value in said.items() if key != "tests"}
    code = said.get("exit")
    return Check(name, type(code) is int and code == 0, kept)  # False is 0, and no exit code


def probe(spec: CheckSpec, task: Task, sandbox: Sandbox) -> Check:
    """Run the task's hidden program on the judged tree; its last line is a JSON object."""
    program = (task.folder / spec.program).read_bytes()
    result = sandbox.run((*PYTHON, "-"), timeout_s=60, stdin=program)
    lines = result.output.decode("utf-8", "replace").strip().splitlines()
    answer = json_object(lines[-1]) if lines else None
    if result.exit_code != 0 or answer is None:
        return Check(spec.name, False, {"exit": result.exit_code, "output": lines[-20:]})
    detail = answer.get("detail", {})
    return Check(
        spec.name,
        answer.get("passed") is True,
        detail if isinstance(detail, dict) else {"said": detail},
    )
