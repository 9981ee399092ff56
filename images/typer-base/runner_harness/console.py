"""The report as text for whoever repairs the tree: bounded, most useful lines first."""

from typing import Any

# Chosen so that the whole stays below the 8000 characters a model is shown of a tool's output.
FAULTS_SHOWN = 30
FAILURES_SHOWN = 8
NAMES_SHOWN = 20
TRACEBACK_LINES = 6
LINE_CHARS = 160


def readable(report: dict[str, Any]) -> str:
    """Every tool's faults, at most a screen or two."""
    lines = _faults("mypy", report["mypy"]) + _faults("ruff check", report["ruff_check"])
    lines += _tests(report["pytest"])
    return "\n".join(
        line if len(line) <= LINE_CHARS else line[: LINE_CHARS - 3] + "..." for line in lines
    )


def _faults(name: str, part: dict[str, Any]) -> list[str]:
    details = part["details"]
    lines = [f"== {name}: {'ok' if part['exit'] == 0 else _many(part['errors'], 'error')}"]
    for fault in details[:FAULTS_SHOWN]:
        place = f"{_short(fault['file'])}:{fault.get('line')}:{fault.get('column')}"
        lines.append(f"{place}: {fault.get('message')} [{fault.get('code')}]")
    return lines + _rest(len(details), FAULTS_SHOWN) + _trouble(part)


def _tests(part: dict[str, Any]) -> list[str]:
    counts = [f"{part[key]} {key}" for key in ("passed", "failed", "skipped")]
    if part["not_collected"]:
        counts.append(f"{_many(part['not_collected'], 'module')} not collected")
    if not part["tests"]:
        counts = [f"{part['collected']} collected, none run", *counts[3:]]
    lines = [f"== pytest: {', '.join(counts)}"]
    problems = [("NOT COLLECTED", *item) for item in part["collection_failures"].items()]
    problems += [("FAILED", *item) for item in part["failures"].items()]
    for what, test_id, text in problems[:FAILURES_SHOWN]:
        lines += [f"-- {what} {test_id}", *_end_of(text)]
    shown = FAILURES_SHOWN + NAMES_SHOWN
    lines += [f"-- {what} {test_id}" for what, test_id, _ in problems[FAILURES_SHOWN:shown]]
    return lines + _rest(len(problems), shown) + _trouble(part)


def _end_of(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    return [f"   {line}" for line in lines[-TRACEBACK_LINES:]]


def _trouble(part: dict[str, Any]) -> list[str]:
    return [f"exit {part['exit']}:", *part["trouble"].splitlines()] if "trouble" in part else []


def _rest(count: int, shown: int) -> list[str]:
    return [f"... and {count - shown} more"] if count > shown else []


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _short(path: str) -> str:
    return path.removeprefix("/work/repo/")
