"""Run while an image is built: proves a tree's signals and packs it with warm caches.

    bake.py TREE.tar SIGNALS.json TESTS.txt FOLDER

The harness runs once, as the agent's user and in the place where trials run it; FOLDER gets
`tree.tar` (repository, caches, an empty home) and `proof.json` (the counts that were found).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

AGENT = 10001
WORK = Path("/work")
REPOSITORY = WORK / "repo"
REPORT = WORK / "home" / "report.json"
DATE = "2026-01-01T00:00:00+00:00"
IGNORED = "__pycache__/\n.mypy_cache/\n.ruff_cache/\n.pytest_cache/\ncoverage/\n"


def main(tree: Path, signals: Path, tests: Path, folder: Path) -> None:
    """Prove and pack `tree`; exits with a message when a tool says something else of it."""
    wanted = json.loads(signals.read_text(encoding="utf-8"))
    expected = tests.read_text(encoding="utf-8").splitlines()
    _lay_out(tree)
    _commit()
    report = _harness()
    differences = wrong_signals(report, wanted) + wrong_tests(report, expected)
    if differences:
        sys.exit("the tools say something else of this tree:\n" + "\n".join(differences))
    _check_sealed()
    (folder / "proof.json").write_text(json.dumps(figures(report)) + "\n", encoding="utf-8")
    _pack(folder / "tree.tar")


def figures(report: dict[str, Any]) -> dict[str, int]:
    """The report's counts under the names of a task's signals."""
    return {
        "mypy_errors": report["mypy"]["errors"],
        "mypy_files": report["mypy"]["files"],
        "ruff_errors": report["ruff_check"]["errors"],
        "passed": report["pytest"]["passed"],
        "not_collected": report["pytest"]["not_collected"],
    }


def wrong_signals(report: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """One line for each count that is not the wanted one."""
    found = figures(report)
    return [
        f"{name}: {found[name]}, not {wanted[name]}"
        for name in found
        if found[name] != wanted[name]
    ]


def wrong_tests(report: dict[str, Any], green: list[str]) -> list[str]:
    """One line for each green test that did not pass though its module was collected, and for
    each that passed and is not one of the green ones."""
    gone = tuple(f"{module}::" for module in report["pytest"]["collection_failures"])
    expected = {name for name in green if not name.startswith(gone)}
    outcomes = report["pytest"]["tests"]
    passed = {name for name, outcome in outcomes.items() if outcome == "passed"}
    return [f"did not pass: {name}" for name in sorted(expected - passed)] + [
        f"passed but is not listed: {name}" for name in sorted(passed - expected)
    ]


def _lay_out(tree: Path) -> None:
    for folder in (REPOSITORY, WORK / "cache", WORK / "home"):
        folder.mkdir(parents=True)
    _as_agent(["chown", "-R", f"{AGENT}:{AGENT}", str(WORK)], user=0)
    _as_agent(["tar", "-xf", str(tree), "-C", str(REPOSITORY)])


def _commit() -> None:
    _git("init", "-q", "-b", "main", "--template=")
    exclude = REPOSITORY / ".git" / "info" / "exclude"
    _as_agent(["mkdir", "-p", str(exclude.parent)])
    exclude.write_text(IGNORED, encoding="utf-8")
    os.chown(exclude, AGENT, AGENT)
    _git("config", "core.logAllRefUpdates", "false")
    _git("config", "gc.auto", "0")
    _git("add", "-A")
    _git("commit", "-q", "-m", "Start")
    _git("gc", "-q", "--prune=now")


def _harness() -> dict[str, Any]:
    command = ["/opt/runner/bin/harness", "--report", str(REPORT)]
    done = _as_agent(command, cwd=REPOSITORY, check=False)
    if not REPORT.exists():
        sys.exit(f"the harness gave no report:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    report: dict[str, Any] = json.loads(REPORT.read_text(encoding="utf-8"))
    REPORT.unlink()
    return report


def _check_sealed() -> None:
    """One commit, nothing unreachable, and the run left no file of its own behind."""
    checks = {
        "commits": (_git("rev-list", "--all", "--count").strip(), "1"),
        "unreachable": (_git("fsck", "--unreachable", "--no-reflogs").strip(), ""),
        "status": (_git("status", "--porcelain").strip(), ""),
        "logs": (str((REPOSITORY / ".git" / "logs").exists()), "False"),
    }
    wrong = [f"{name}: {found}" for name, (found, wanted) in checks.items() if found != wanted]
    if wrong:
        sys.exit("the repository is not sealed:\n" + "\n".join(wrong))


def _pack(target: Path) -> None:
    shutil.rmtree(WORK / "home")
    _as_agent(["mkdir", str(WORK / "home")])
    # The posix format keeps times to the nanosecond: the caches compare them.
    command = ["tar", "--format=posix", "--sort=name", "-cf", str(target), "-C", str(WORK)]
    subprocess.run([*command, "repo", "cache", "home"], check=True)
    target.chmod(0o444)


def _git(*arguments: str) -> str:
    identity = {"NAME": "runner", "EMAIL": "runner@localhost", "DATE": DATE}
    env = {f"GIT_{who}_{key}": identity[key] for who in ("AUTHOR", "COMMITTER") for key in identity}
    return _as_agent(["git", *arguments], cwd=REPOSITORY, env=env).stdout


def _as_agent(
    command: list[str],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    user: int = AGENT,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "HOME": str(WORK / "home"), **(env or {})},
        user=user,
        group=user,
        extra_groups=[],
        capture_output=True,
        text=True,
    )
    if check and done.returncode != 0:
        sys.exit(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
