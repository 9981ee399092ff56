"""The judge's own part in its container, as the user that owns the tree: `harness court`.

mypy and ruff run here, beside the tests, on source that nobody else can change; what the run
of the tests says is collected here (see `runner_harness.collector`). None of it runs a line of
the repository.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from runner_harness import report
from runner_harness.collector import Collector, write_own
from runner_harness.tools import PYTHON, Plan, mypy_arguments, ran, ruff_command

CONFIG = Path("/opt/runner/config")
FOLDER = Path("/work/court")
GATE_WAIT_S = 60.0

# The tree is on the path for the tests' sake; the judge's own tools must not meet it there.
_MYPY = """\
import runpy, sys
sys.path[:] = [place for place in sys.path if not place.startswith("/work")]
runpy.run_module("mypy", run_name="__main__", alter_sys=True)
"""


def main(root: Path, argv: list[str]) -> int:
    """Collect all evidence and write it to `--report`; 0 even when it speaks against the tree."""
    parser = argparse.ArgumentParser(prog="harness court", description=__doc__)
    parser.add_argument("--report", type=Path, required=True, metavar="FILE")
    parser.add_argument("--exclude", action="append", default=[], help="not for ruff")
    options = parser.parse_args(argv)
    # Byte code first: the tests cannot write any. Compiling runs nothing.
    subprocess.run([PYTHON, "-I", "-m", "compileall", "-q", "typer"], cwd=root, capture_output=True)
    collector = Collector(FOLDER)
    os.environ["HOME"] = str(FOLDER)
    plan = Plan(root, CONFIG)
    mypy = [PYTHON, "-I", "-B", "-c", _MYPY, *mypy_arguments(plan)]
    ruff = ruff_command(plan)
    ruff += [f"--extend-exclude={path}" for path in options.exclude]
    with ThreadPoolExecutor(3) as pool:
        collected = pool.submit(collector.collect, GATE_WAIT_S)
        typed = pool.submit(ran, mypy, root, {})
        linted = pool.submit(ran, ruff, root, {})
        evidence: dict[str, Any] = {
            "mypy": report.mypy_part(typed.result()),
            "ruff_check": report.ruff_part(linted.result()),
            "stream": collected.result(),
        }
    write_own(options.report, json.dumps(evidence).encode())
    sys.stdout.write("collected\n")
    return 0
