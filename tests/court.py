"""A judge's container that says what a test wants, and the court around it."""

from collections.abc import Iterator
from contextlib import contextmanager

from fakes import DictSandbox, ran, task

from runner.config.tasks import CheckSpec, Task
from runner.judge.change import Change
from runner.judge.checks import Trees
from runner.judge.judge import REPORT, Court
from runner.types import ExecResult

TESTS = ("tests/test_a.py::test_1", "tests/test_a.py::test_2")
NOTHING = Change({}, (), (), {})
PROBE = CheckSpec("callable", "probe", program="hidden/probe.py")


def report(**changed: object) -> dict[str, object]:
    """What the harness reports of a green tree, unless `changed` says otherwise."""
    return {
        "mypy": {"exit": 0, "errors": 0},
        "ruff_check": {"exit": 0},
        "pytest": {"exit": 0, "tests": dict.fromkeys(TESTS, "passed")},
        **changed,
    }


def outcomes(**changed: str) -> dict[str, object]:
    """A pytest section with exit code 0 and other outcomes than two passes."""
    return {"pytest": {"exit": 0, "tests": {**dict.fromkeys(TESTS, "passed"), **changed}}}


class Container:
    """A judge's container: its harness writes `written`, its probe prints `printed`."""

    def __init__(
        self,
        written: bytes | None,
        harness: ExecResult | None = None,
        printed: ExecResult | None = None,
    ) -> None:
        self.sandbox = DictSandbox(on_run=self.run)
        self.written = written
        self.harness = harness or ran()
        self.printed = printed or ran(b'{"passed": true, "detail": {"problems": []}}\n')
        self.opened = 0

    def run(self, sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        if "--report" in argv:
            if self.written is not None:
                sandbox.files[REPORT] = self.written
            return self.harness
        return self.printed if argv[-1] == "-" else ran()

    @contextmanager
    def open(self) -> Iterator[DictSandbox]:
        self.opened += 1
        yield self.sandbox


def court(container: Container, tried: Task | None = None) -> Court:
    return Court(
        task=tried or task(),
        trees=Trees({}, {}, {}),
        expected=frozenset(TESTS),
        open_sandbox=container.open,
        timeout_s=900,
    )
