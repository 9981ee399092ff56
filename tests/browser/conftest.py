"""One browser for all tests of this folder, and a record each test may fill."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, opened
from report_record import HOSTILE, OPTIONS, changed, matrix, reported, said, write

from runner.types import ProviderKind


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; a failure, not a skip, where there is none."""
    with opened() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _no_options() -> Iterator[None]:
    """No option of this machine's is seen."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OPTIONS:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small live matrix; read only."""
    return page(tmp_path_factory.mktemp("live"), "live")


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, simulated."""
    return page(tmp_path_factory.mktemp("scripted"), "scripted")


def page(results: Path, kind: ProviderKind) -> Path:
    """The report of a matrix whose first trial has a transcript and a change."""
    trials = matrix(kind)
    write(results, trials)
    said(results, trials[0])
    changed(results, f"{kind}-A-T1-0-1", {"typer/<b>main</b>.py": HOSTILE.encode() + b"\xff\n"})
    reported(results)
    return results / "report.html"
