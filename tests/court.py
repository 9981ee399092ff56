"""A judge's container that says what a test wants, and the court around it."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from fakes import DictSandbox, ran, task

from runner.config.tasks import CheckSpec, Task
from runner.judge.canaries import plant
from runner.judge.hearing import REPORT
from runner.judge.judge import Court
from runner.judge.trees import Trees
from runner.types import ExecResult

TESTS = ("tests/test_a.py::test_1", "tests/test_a.py::test_2")
PROBE = CheckSpec("callable", "probe", program="hidden/probe.toml")
SEED = 7
TESTS_FAILED = ran(b"", 1)


def planted() -> Mapping[str, str]:
    """The planted tests of every court here, with the outcomes that an honest run gives."""
    canaries = plant(Trees({}, {}, {}), frozenset(TESTS), random.Random(SEED))
    return {
        **dict.fromkeys(canaries.must_fail, "failed"),
        **dict.fromkeys(canaries.must_pass, "passed"),
    }


def honest(files: Mapping[str, bytes], argv: Sequence[str]) -> Mapping[str, str]:
    """The planted tests of a tree as an honest run ends them; `argv` is how the court was started.

    Those that need more than Python itself are twins of real ones, which fail.
    """
    found = {}
    for path in (part.removeprefix("--exclude=") for part in argv if "--exclude=" in part):
        for part in files[path].decode().split("def test_")[1:]:
            name, _, rest = part.partition("(")
            try:
                exec(rest.partition(":")[2].split("\n\n")[0].strip(), {})
                found[f"{path}::test_{name}"] = "passed"
            except Exception:
                found[f"{path}::test_{name}"] = "failed"
    return found


def told(outcomes: Mapping[str, str], *more: object, exit: int = 1) -> list[str]:
    """The controller's lines: each test's phases, `more` lines, the end."""
    lines: list[object] = [["hello"]]
    for test, outcome in outcomes.items():
        lines.append(["test", test, "setup", "skipped" if outcome == "skipped" else "passed"])
        if outcome != "skipped":
            lines.append(["test", test, "call", outcome])
        lines.append(["test", test, "teardown", "passed"])
    lines += more
    return [json.dumps(line) for line in [*lines, ["end", exit, len(lines)]]]


def stream(lines: Sequence[str], **changed: object) -> dict[str, object]:
    """What the collector writes of those lines, unless `changed` says otherwise."""
    return {"connected": True, "peer_uid": 10001, "whole": True, "lines": list(lines), **changed}


def outcomes(**changed: str) -> dict[str, str]:
    """Outcomes of an honest run of a green tree, unless `changed` says otherwise."""
    return {**dict.fromkeys(TESTS, "passed"), **planted(), **changed}


def report(**changed: object) -> dict[str, object]:
    """What the judge's user reports of a green tree, unless `changed` says otherwise."""
    return {
        "mypy": {"exit": 0, "errors": 0, "seconds": 3.2},
        "ruff_check": {"exit": 0, "seconds": 0.2},
        "stream": stream(told(outcomes())),
        **changed,
    }


@dataclass
class Container:
    """A judge's container: its court writes `written`, its probe prints `printed`.

    `alone` is written where no change was laid: by a second container, if one is opened.
    """

    written: bytes | None
    court: ExecResult = field(default_factory=ran)
    suite: ExecResult = field(default_factory=lambda: TESTS_FAILED)
    printed: ExecResult = field(default_factory=lambda: ran(b'{"answer": 42}\n'))
    alone: bytes | None = None
    alone_suite: ExecResult = field(default_factory=lambda: TESTS_FAILED)
    sandbox: DictSandbox = field(init=False)
    opened: int = 0

    def __post_init__(self) -> None:
        self.sandbox = DictSandbox(on_run=self.run)

    def run(self, sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        again = self.opened > 1
        if "court" in argv:
            written = self.alone if again else self.written
            if written is not None:
                sandbox.files[REPORT] = written
            return self.court
        if "suite" in argv:
            return self.alone_suite if again else self.suite
        return self.printed if argv[-1] == "-" else ran()

    @contextmanager
    def open(self) -> Iterator[DictSandbox]:
        self.opened += 1
        self.sandbox.files.clear()
        yield self.sandbox


def court(container: Container, tried: Task | None = None) -> Court:
    return Court(
        task=tried or task(),
        trees=Trees({}, {}, {}),
        expected=frozenset(TESTS),
        open_sandbox=container.open,
        timeout_s=900,
        chance=random.Random(SEED),
    )
