"""One browser for all tests of this folder, and pages of every kind of record."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, opened
from report_record import HOSTILE, OPTIONS, changed, matrix, reported, said, write
from warm import Warm

from runner.cli.main import main
from runner.config.settings import ROOT
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


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of what `runner matrix` made with scripted models; only containers are played."""
    results = tmp_path_factory.mktemp("played")
    cells = ("--arms", "A,C,D", "--tasks", "S1", "-n", "3")
    with Warm(docker=False) as commands:
        database = str(results / "trials.duckdb")
        models = ("--models", "scripted:blunder")
        made = commands.run(results, "matrix", *cells, *models, RUNNER_DB=database)
        assert made.code == 0, made.said
    reported(results)
    return results / "report.html"


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the published data; skips, saying so, where they are not."""
    paper = Path(os.environ.get("PAPER_DATA", ROOT / ".." / "shared" / "paper"))
    if not paper.exists():
        pytest.skip("no published data: see PAPER_DATA")
    results = tmp_path_factory.mktemp("imported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNNER_RESULTS", str(results))
        assert main(["import", str(paper)]) == 0
    reported(results)
    return results / "report.html"


@pytest.fixture(scope="session", params=["live", "played", "imported"])
def each(request: pytest.FixtureRequest) -> Path:
    """One page after the other."""
    path: Path = request.getfixturevalue(request.param)
    return path


def page(results: Path, kind: ProviderKind) -> Path:
    """The report of a matrix whose first trial has a transcript and a change."""
    trials = matrix(kind)
    write(results, trials)
    said(results, trials[0])
    changed(results, f"{kind}-A-T1-0-1", {"typer/<b>main</b>.py": HOSTILE.encode() + b"\xff\n"})
    reported(results)
    return results / "report.html"
