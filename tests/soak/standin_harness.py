"""A STAND-IN for the harness, for tests of the runner itself: no tool runs.

The tree is green when every text of `wanted.json` is in its file and none of `unwanted` is; all
tests of `tests.txt` then count as passed. It takes the harness's options and writes its reports.
"""

import json
import sys
from pathlib import Path

ROOT = "/work/repo"
UNWANTED = "undefined_name"


def text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def main(argv: list[str]) -> int:
    wanted = json.loads(text_of("/opt/task/wanted.json"))
    found = {path: text_of(f"{ROOT}/{path}") for path in wanted}
    spoilt = any(UNWANTED in text for text in found.values())
    complete = all(text in found[path] for path, text in wanted.items())
    # As with the real one, a quick look finds nothing wrong with work that is not yet begun.
    red = int(spoilt or not (complete or "--quick" in argv))
    summary: dict[str, object] = {"exit_code": red, "stand_in": True}
    for tool in ("mypy", "ruff_check", "pytest"):
        summary[tool] = {"exit": red}
    if "--report" in argv:
        names = text_of("/opt/task/tests.txt").split("\n")
        outcome = "failed" if red else "passed"
        tests = {name: outcome for name in names if name}
        report = {**summary, "pytest": {"exit": red, "tests": tests}}
        Path(argv[argv.index("--report") + 1]).write_text(json.dumps(report), encoding="utf-8")
    sys.stdout.write(json.dumps(summary) + "\n")
    return red


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
