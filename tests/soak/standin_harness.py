"""A STAND-IN for the harness, for tests of the runner itself: no tool runs.

The tree is green when every text of `wanted.json` is in its file and none of `unwanted` is; all
tests of `tests.txt` then count as passed. It takes the harness's options and writes its reports,
the judge's too: planted tests fail as they would, those that import anything among them.
"""

import ast
import json
import sys
import tarfile
from pathlib import Path

ROOT = "/work/repo"
UNWANTED = "undefined_name"


def text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def is_red() -> bool:
    wanted = json.loads(text_of("/opt/task/wanted.json"))
    found = {path: text_of(f"{ROOT}/{path}") for path in wanted}
    spoilt = any(UNWANTED in text for text in found.values())
    return spoilt or not all(text in found[path] for path, text in wanted.items())


def outcomes_of(path: str) -> dict[str, str]:
    """The planted tests of a file: only those that need nothing can pass here."""
    found = {}
    source = text_of(f"{ROOT}/{path}")
    if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(source).body):
        return {f"{path}::{name}": "failed" for name in functions(source)}  # a real test's twin
    for part in source.split("def test_")[1:]:
        name, _, rest = part.partition("(")
        body = rest.partition(":")[2].split("\n\n")[0]
        try:
            exec(body.strip(), {})
            found[f"{path}::test_{name}"] = "passed"
        except Exception:
            found[f"{path}::test_{name}"] = "failed"
    return found


def swapped(names: list[str]) -> dict[str, str]:
    """Tests that changed roles: one has a new name, and a twin that must fail has its old one."""
    found = {}
    with tarfile.open("/opt/task/tree.tar") as tree:
        for path in sorted({name.partition("::")[0] for name in names} & set(tests_in(tree))):
            member = tree.extractfile(f"repo/{path}")
            before = functions(member.read().decode()) if member else {}
            for name, said in functions(text_of(f"{ROOT}/{path}")).items():
                if name not in before:
                    found[f"{path}::{name}"] = "passed"
                elif said != before[name]:
                    found[f"{path}::{name}"] = "failed"
    return found


def tests_in(tree: tarfile.TarFile) -> list[str]:
    """The paths of files that are not as they were."""
    found = []
    for member in tree:
        path = member.name.removeprefix("repo/")
        if path.endswith(".py") and (handle := tree.extractfile(member)):
            try:
                if handle.read() != Path(ROOT, path).read_bytes():
                    found.append(path)
            except OSError:
                continue
    return found


def functions(source: str) -> dict[str, str]:
    """What each test of a module says."""
    body = ast.parse(source).body
    return {
        n.name: ast.dump(n) for n in body if isinstance(n, ast.FunctionDef) and "test" in n.name
    }


def stream(planted: list[str], red: bool) -> dict[str, object]:
    """What the judge's collector would have heard."""
    names = text_of("/opt/task/tests.txt").split("\n")
    outcomes = {name: "failed" if red else "passed" for name in names if name}
    changed = swapped(list(outcomes))
    outcomes |= {name: "failed" if red else word for name, word in changed.items()}
    for path in planted:
        outcomes |= outcomes_of(path)
    lines: list[object] = [["hello"]]
    for test, word in outcomes.items():
        lines += [["test", test, "setup", "passed"], ["test", test, "call", word]]
        lines.append(["test", test, "teardown", "passed"])
    lines.append(["end", 1, len(lines)])
    told = [json.dumps(line) for line in lines]
    return {"connected": True, "peer_uid": 10001, "whole": True, "lines": told}


def court(argv: list[str]) -> int:
    red = is_red()
    planted = [part.removeprefix("--exclude=") for part in argv if part.startswith("--exclude=")]
    report = {"mypy": {"exit": int(red)}, "ruff_check": {"exit": int(red)}}
    report["stream"] = stream(planted, red)  # type: ignore[assignment]
    Path(argv[argv.index("--report") + 1]).write_text(json.dumps(report), encoding="utf-8")
    return 0


def main(argv: list[str]) -> int:
    if argv[:1] == ["court"]:
        return court(argv)
    if argv[:1] == ["suite"]:
        return 1  # planted tests fail
    # As with the real one, a quick look finds nothing wrong with work that is not yet begun.
    red = int(is_red() and "--quick" not in argv)
    summary: dict[str, object] = {"exit_code": red, "stand_in": True}
    for tool in ("mypy", "ruff_check", "pytest"):
        summary[tool] = {"exit": red}
    if "--report" in argv:
        Path(argv[argv.index("--report") + 1]).write_text(json.dumps(summary), encoding="utf-8")
    sys.stdout.write(json.dumps(summary) + "\n")
    return red


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
