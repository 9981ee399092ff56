"""The report as text for whoever repairs the tree: bounded, most useful lines first."""

from typing import Any

FAULTS_SHOWN = 40
FAILURES_SHOWN = 12
TRACEBACK_LINES = 14


def readable(report: dict[str, Any]) -> str:
    """Every tool's faults, at most a screen or two."""
    blocks = [
        _faults("mypy", report["mypy"]),
        _faults("ruff check", report["ruff_check"]),
        _tests(report["pytest"]),
    ]
    return "\n".join(line for block in blocks for line in block)


def _faults(name: str, part: dict[str, Any]) -> list[str]:
    details = part.get("details", [])
    lines = [f"== {name}: {'ok' if part['exit'] == 0 else _many(part['errors'], 'error')}"]
    for fault in details[:FAULTS_SHOWN]:
        place = f"{_short(fault.get('file', ''))}:{fault.get('line')}:{fault.get('column')}"
        lines.append(f"{place}: {fault.get('message')} [{fault.get('code')}]")
    return lines + _rest(len(details), FAULTS_SHOWN) + _trouble(part)


def _tests(part: dict[str, Any]) -> list[str]:
    counts = [f"{part[key]} {key.replace('_', ' ')}" for key in ("passed", "failed", "skipped")]
    if part["not_collected"]:
        counts.append(f"{_many(part['not_collected'], 'module')} not collected")
    lines = [f"== pytest: {', '.join(counts)}"]
    problems = {**part["collection_failures"], **part["failures"]}
    for test_id, text in list(problems.items())[:FAILURES_SHOWN]:
        what = "NOT COLLECTED" if test_id in part["collection_failures"] else "FAILED"
        lines += [f"-- {what} {test_id}", *text.strip().splitlines()[-TRACEBACK_LINES:]]
    for test_id in list(problems)[FAILURES_SHOWN:FAULTS_SHOWN]:
        lines.append(f"-- FAILED {test_id}")
    return lines + _rest(len(problems), FAULTS_SHOWN) + _trouble(part)


def _trouble(part: dict[str, Any]) -> list[str]:
    return [f"(exit {part['exit']}) {part['trouble']}"] if "trouble" in part else []


def _rest(count: int, shown: int) -> list[str]:
    return [f"... and {count - shown} more"] if count > shown else []


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _short(path: str) -> str:
    return path.removeprefix("/work/repo/")
