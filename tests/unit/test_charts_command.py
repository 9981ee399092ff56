"""`runner charts`: the report's pictures as files, in the forms asked for."""

from pathlib import Path

import pytest
from report_record import OPTIONS, matrix, trial, write

from runner.cli.main import main


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in OPTIONS:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "results"
    (folder / "journal").mkdir(parents=True)
    monkeypatch.setenv("RUNNER_RESULTS", str(folder))
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "there are no live trials to draw"),
        (("--format", "pdf"), "unknown format 'pdf'; there are: svg, png, html"),
        (("--kind", "real"), "unknown kind 'real'"),
        (("--run", "r9"), "there is no trial of run 'r9'"),
    ],
)
def test_what_can_not_be_drawn_is_named_and_nothing_is_written(
    results: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert main(["charts", str(results / "pictures"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (results / "pictures").exists()


def test_a_folder_that_can_not_be_written_is_named(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(results, [trial()])
    (results / "pictures").write_text("")
    assert main(["charts", str(results / "pictures"), "--format", "svg"]) == 3
    assert "cannot write" in capsys.readouterr().err


def test_only_the_forms_asked_for_are_written_each_named_and_simulated_ones_marked(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(results, matrix("scripted", 3))
    folder = results / "pictures"
    assert main(["charts", str(folder), "--format", "svg"]) == 0
    said = capsys.readouterr().out
    names = {path.name for path in folder.iterdir()}
    assert {name.rpartition(".")[2] for name in names} == {"svg"}
    assert {"cost-light.svg", "cost-dark.svg", "pareto-T1-light.svg", "time-dark.svg"} <= names
    assert all(name in said for name in names)
    assert "24 simulated trials" in said
    assert all("SIMULATED" in path.read_text(encoding="utf-8") for path in folder.iterdir())
