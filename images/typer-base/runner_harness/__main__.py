"""The command `harness`: is the repository green, and if not, what is wrong?"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from runner_harness import console, court, report, suite
from runner_harness.compare import comparison
from runner_harness.tools import Plan, run_tools

ROOT = Path("/work/repo")


def main(argv: list[str]) -> int:
    """Run what `argv` asks for and print it; gives the exit code."""
    if argv[:1] == ["court"]:
        return court.main(ROOT, argv[1:])
    if argv[:1] == ["suite"]:
        return suite.main(ROOT)
    parser = _parser()
    options = parser.parse_args(argv)
    if options.compare:
        return _compare()
    result = run_tools(Plan(ROOT, quick=options.quick, plain=options.plain))
    if options.report is not None:
        options.report.write_text(json.dumps(result), encoding="utf-8")
    _print(result, only_json=options.json)
    return int(result["exit_code"])


def _compare() -> int:
    result = comparison(run_tools(Plan(ROOT)), run_tools(Plan(ROOT, plain=True)))
    print(json.dumps(result))
    return report.GREEN if result["same"] else report.NOT_GREEN


def _print(result: dict[str, Any], *, only_json: bool) -> None:
    if not only_json:
        print(console.readable(result))
    print(json.dumps(report.summary(result)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Run mypy, ruff and pytest over the repository; the last line is JSON.",
        epilog="exit codes: 0 green, 1 not green, 2 usage",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--quick", action="store_true", help="collect the tests, don't run them")
    way.add_argument("--plain", action="store_true", help="the slow, ordinary way, nothing warm")
    way.add_argument(
        "--compare", action="store_true", help="run both ways; exit 0 if they say the same"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write all findings and outcomes there"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
