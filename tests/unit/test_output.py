"""What is printed may find no reader or no room: each command then ends as its work asks."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from runner.cli.output import OutputGone, forgiving, standard_error, standard_output

RUNNER = [sys.executable, "-m", "runner.cli.main"]


class Full(io.StringIO):
    """A file on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def unread(arguments: list[str], results: Path) -> subprocess.CompletedProcess[str]:
    """Run a command into a pipe whose reader has left already."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [*RUNNER, *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "RUNNER_RESULTS": str(results), "PYTHONUNBUFFERED": ""},
        )
    finally:
        os.close(writer)


@pytest.mark.parametrize("arguments", [["rates"], ["sql", "select 1"], ["--help"]])
def test_a_command_whose_reader_has_left_ends_in_silence_as_sigpipe_would(
    tmp_path: Path, arguments: list[str]
) -> None:
    ended = unread(arguments, tmp_path)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_full_disk_is_named_without_a_traceback(tmp_path: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(
            [*RUNNER, "rates"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 3
    assert "No space left on device" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_command_that_only_prints_has_printed_all_of_it_when_it_ends(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()

    def sql(asked: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RUNNER, "sql", "--csv", asked],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "RUNNER_RESULTS": str(tmp_path), "PYTHONUNBUFFERED": ""},
        )

    ended = sql("select range as n from range(50000)")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["n", *map(str, range(50_000))]
    wrong = sql("select nothing")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("runner: SQL: ")


def test_standard_output_that_fails_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    console = Console(file=standard_output())
    with pytest.raises(OutputGone, match="No space left") as gone:
        console.print("one")
    assert (gone.value.exit_code, gone.value.unread) == (3, False)
    console.print("what else may be said on the way out")


def test_work_that_must_go_on_says_once_that_nothing_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    console = Console(file=standard_output())
    forgiving(console, "the exit code tells")
    console.print("one")
    console.print("two")
    assert capsys.readouterr().err.count("No space left on device); the exit code tells") == 1


def test_a_console_that_can_print_is_the_same_as_before() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80)
    forgiving(console, "never said")
    console.print("one")
    assert (file.getvalue(), console.is_terminal) == ("one\n", False)


def test_standard_error_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Full())
    standard_error().print("preparing")


def test_without_standard_output_nothing_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert standard_output() is None
