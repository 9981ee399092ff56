"""The command `harness`: is the repository green, and if not, what is wrong?"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from runner_harness import console, report
from runner_harness.tools import Plan, run_tools

ROOT = Path("/work/repo")


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    plan = Plan(ROOT, options.config, options.quick)
    result = run_tools(plan)
    if options.report:
        options.report.write_text(json.dumps(result), encoding="utf-8")
    _print(result, only_json=options.json)
    return int(result["exit_code"])


def _print(result: dict[str, Any], *, only_json: bool) -> None:
    if not only_json:
        print(console.readable(result))
    print(json.dumps(report.summary(result)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Run mypy, ruff and pytest over the repository. The last line is JSON.",
        epilog="exit codes: 0 green, 1 not green, 2 usage",
    )
    parser.add_argument("--quick", action="store_true", help="collect the tests, don't run them")
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write every test's outcome")
    parser.add_argument("--config", type=Path, metavar="DIR", help="use DIR/pyproject.toml")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
