"""The cells of `runner status`: nothing there looks surer than it is."""

from pathlib import Path

import pytest
from ledger_samples import trial, write_journal

from runner.cli.main import main
from runner.errors import Status

HEADERS, BLOCK = 3 << 12, 1 << 18  # of DuckDB's format, in bytes


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (["infra"], "no data"),
        (["solved"], "n too small"),
        (["solved", "failed"], "n too small"),
        (["solved", "solved", "infra"], "n too small"),
        (["solved", "solved", "failed"], "0.21 to 0.94"),
        (["solved", "solved", "solved"], "0.44 to 1.00"),
    ],
)
def test_the_interval_of_a_rate_says_when_there_are_too_few_results(
    ends: list[Status],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path))
    (tmp_path / "journal").mkdir()
    trials = [trial(f"t{n}", status) for n, status in enumerate(ends)]
    write_journal(tmp_path / "journal", "r1", *trials)
    assert main(["status"]) == 0
    cells = capsys.readouterr().out.split("Latest trials")[0]
    assert "95 % interval" in cells
    assert [each for each in ("no data", "n too small", " to ") if each in cells] == [
        " to " if " to " in said else said
    ]
    assert said in cells


def test_whichever_part_of_the_database_is_damaged_a_rebuild_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path))
    (tmp_path / "journal").mkdir()
    write_journal(tmp_path / "journal", "r1", trial("t1"))
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    database = tmp_path / "trials.duckdb"
    whole = database.read_bytes()
    refused = 0
    for start in (0, *range(HEADERS, len(whole), BLOCK)):
        database.write_bytes(whole[:start] + bytes(64) + whole[start + 64 :])
        if main(["status"]) != 0:
            refused += 1
            assert "--rebuild` makes it anew" in capsys.readouterr().err
        capsys.readouterr()
        assert main(["status", "--rebuild"]) == 0
        assert capsys.readouterr().out.endswith(said)
    assert refused > 1
