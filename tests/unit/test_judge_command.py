"""`runner judge`: what it refuses before any engine is asked, and what it shows."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_samples import ended, started, write_journal
from rich.console import Console

from runner.cli.judge import show
from runner.cli.main import main
from runner.judge.change import NOTHING, Change, change_sha256, packed
from runner.judge.verdict import verdict_bytes
from runner.types import Check, Verdict

CHANGE = packed(Change({"typer/colors.py": b"x = 1\n"}, (), (), {}))
FAILED = Verdict((Check("change", True), Check("mypy", False, {"exit": 1, "odd": "\x1b[2J"})))


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of one trial and its change, and no engine to be found."""
    for name in ("RUNNER_DB", "RUNNER_TASKS_DIR", "TASK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    kept = replace(ended("t-kept"), detail={"change_sha256": change_sha256(CHANGE)})
    (tmp_path / "journal").mkdir()
    (tmp_path / "changes").mkdir()
    none = [started("t-none"), ended("t-none", "infra")]
    write_journal(tmp_path / "journal", "r1", [started("t-kept"), kept], none)
    (tmp_path / "changes" / "t-kept.tar").write_bytes(CHANGE)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["judge", *arguments]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["t-kept", "--change", "x"], ["--change", "x"]])
def test_a_trial_or_a_change_with_its_task_must_be_given(
    results: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["judge", *arguments])
    assert refusal.value.code == 2
    assert "runner judge: error: " in capsys.readouterr().err


@pytest.mark.parametrize("change", [b"", CHANGE[:-600], CHANGE.replace(b"x = 1", b"x = 2")])
def test_a_stored_change_that_is_another_is_refused(
    results: Path, capsys: pytest.CaptureFixture[str], change: bytes
) -> None:
    (results / "changes" / "t-kept.tar").write_bytes(change)
    said = refused(capsys, "t-kept")
    assert f"is not the change that was judged: its SHA-256 is {change_sha256(change)}" in said
    assert change_sha256(CHANGE) in said


def test_a_stored_change_that_is_gone_is_refused(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "changes" / "t-kept.tar").unlink()
    assert "t-kept.tar: cannot be read: No such file" in refused(capsys, "t-kept")


def test_a_trial_that_never_came_to_the_judge_is_refused(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "t-none: no change of it is on record" in refused(capsys, "t-none")


def test_a_trial_is_judged_as_work_on_its_own_task(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "t-kept", "--task", "T1")
    assert "t-kept is work on T3, not on T1" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"", "this is no packed change"),
        (b"no tar" * 999, "this is no packed change"),
        (b"\0" * (16 * 1_048_576 + 1), "the most is 16777216"),
    ],
)
def test_a_file_that_is_no_change_is_refused(
    results: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    path = results / "mine.tar"
    if content is not None:
        path.write_bytes(content)
    assert said in refused(capsys, "--change", str(path), "--task", "T1")


def test_an_unknown_task_is_refused(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "mine.tar").write_bytes(packed(NOTHING))
    said = refused(capsys, "--change", str(results / "mine.tar"), "--task", "T9")
    assert "unknown task 'T9'" in said


def test_whatever_can_be_judged_needs_an_engine(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", "t-kept"]) == 3
    assert "Docker" in capsys.readouterr().err


def shown(verdict: Verdict, *, as_json: bool = False, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    show(console, verdict, as_json=as_json)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_as_json_it_is_the_verdicts_bytes_and_nothing_else() -> None:
    said = shown(FAILED, as_json=True)
    assert said.encode() == verdict_bytes(FAILED) + b"\n"
    assert json.loads(said)["success"] is False


def test_piped_it_is_a_line_a_check_with_the_evidence_of_what_failed() -> None:
    assert shown(FAILED).splitlines() == [
        "NOT PASSED",
        "change                yes",
        'mypy                  no   {"exit": 1, "odd": "\\u001b[2J"}',
    ]


def test_on_a_terminal_nothing_of_the_agents_is_a_code_of_the_terminals() -> None:
    said = shown(FAILED, terminal=True)
    assert "\x1b[2J" not in said
    assert "\\u001b[2J" in said
