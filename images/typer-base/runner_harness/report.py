"""What the tools said, as one report: pure functions over their machine-readable output."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

GREEN, NOT_GREEN, USAGE = 0, 1, 2


@dataclass(frozen=True)
class ToolRun:
    """One tool that ended: its exit code, its own output and how long it took."""

    exit: int
    stdout: str
    stderr: str
    seconds: float
    record: dict[str, Any] = field(default_factory=dict)


def mypy_part(run: ToolRun) -> dict[str, Any]:
    """Counts of mypy's errors; `details` has them one by one."""
    details, other = _json_lines(run.stdout)
    errors = [entry for entry in details if entry.get("severity") == "error"]
    part = {
        "exit": run.exit,
        "errors": len(errors),
        "files": len({entry.get("file") for entry in errors}),
        "seconds": round(run.seconds, 3),
        "details": errors,
    }
    return _with_trouble(part, run, other, crashed=run.exit != 0 and not errors)


def ruff_part(run: ToolRun) -> dict[str, Any]:
    """Counts of ruff's findings, in all and by rule; `details` has them one by one."""
    try:
        found = json.loads(run.stdout)
    except ValueError:
        found = []
    codes = Counter(entry.get("code") or "syntax" for entry in found)
    details = [
        {
            "file": entry["filename"],
            "line": entry["location"]["row"],
            "column": entry["location"]["column"],
            "code": entry.get("code") or "syntax",
            "message": entry["message"],
        }
        for entry in found
    ]
    part = {
        "exit": run.exit,
        "errors": len(found),
        "codes": dict(sorted(codes.items())),
        "seconds": round(run.seconds, 3),
        "details": details,
    }
    return _with_trouble(part, run, [], crashed=run.exit != 0 and not found)


def format_part(run: ToolRun) -> dict[str, Any]:
    """Whether ruff would reformat anything; never counts against the tree."""
    return {"exit": run.exit, "informational": True, "seconds": round(run.seconds, 3)}


def pytest_part(run: ToolRun) -> dict[str, Any]:
    """Counts of outcomes; `tests` maps every test id to its outcome."""
    record = run.record
    tests: dict[str, str] = record.get("tests", {})
    outcomes = Counter(tests.values())
    part = {
        "exit": run.exit,
        "passed": outcomes["passed"],
        "failed": outcomes["failed"],
        "skipped": outcomes["skipped"],
        "not_collected": len(record.get("not_collected", {})),
        "seconds": round(run.seconds, 3),
        "collected": max(len(record.get("collected", ())), len(tests)),
        "tests": tests,
        # Sorted: workers finish in any order, and equal trees must read alike.
        "failures": dict(sorted(record.get("failures", {}).items())),
        "collection_failures": dict(sorted(record.get("not_collected", {}).items())),
    }
    failed = outcomes["failed"] or part["not_collected"]
    return _with_trouble(part, run, [], crashed=run.exit != 0 and not failed)


def whole_report(parts: dict[str, dict[str, Any]], seconds: float) -> dict[str, Any]:
    """The report of all tools; green needs every one of them to have exited with 0."""
    counted = [part for part in parts.values() if not part.get("informational")]
    green = all(part["exit"] == 0 for part in counted)
    return {"exit_code": GREEN if green else NOT_GREEN, "seconds": round(seconds, 3), **parts}


_LONG = ("details", "tests", "failures", "collection_failures")


def summary(report: dict[str, Any]) -> dict[str, Any]:
    """The report without its lists: what is printed last."""
    return {
        name: (
            {key: value for key, value in part.items() if key not in _LONG}
            if isinstance(part, dict)
            else part
        )
        for name, part in report.items()
    }


def _json_lines(text: str) -> tuple[list[dict[str, Any]], list[str]]:
    details, other = [], []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if isinstance(entry, dict):
            details.append(entry)
        elif line.strip():
            other.append(line)
    return details, other


def _with_trouble(
    part: dict[str, Any], run: ToolRun, other: list[str], *, crashed: bool
) -> dict[str, Any]:
    # The tool failed without naming a single fault: what it printed is all there is to go by.
    if crashed:
        text = "\n".join([*other, run.stderr.strip()]).strip() or run.stdout.strip()
        part["trouble"] = text[-2_000:]
    return part
