"""`runner whatif`: cells before and after, what is taken for granted, what can't be told.

The sample's trial costs 0.0240 USD by list-2026-11. Of what its orchestrator read, 300 tokens are
one return, billed as plain input: 0.0015 USD.
"""

from pathlib import Path

import pytest
from ledger_samples import ended, trial, write_journal
from published_samples import OPUS, QWEN, published, usage, write

from runner.cli.main import main
from runner.errors import Status


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record whose commands see no option of this machine's."""
    for name in ("RUNNER_DB", "RUNNER_CARD", "RUNNER_RATES_DIR", "CARD", "KIND", "CACHE",
                 "SUMMARY_CAP"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path / "results"))
    (tmp_path / "results" / "journal").mkdir(parents=True)
    return tmp_path / "results"


def said(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["whatif", *options]) == 0
    return capsys.readouterr().out


def cell(out: str, task: str, arm: str) -> list[str]:
    """The words of the cell's line, from `solved` on."""
    (line,) = [line for line in out.splitlines() if line.split()[:2] == [task, arm]]
    return line.split()[5:]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing to change: give --summary-cap, --cache or another --card"),
        (["--card", "list-2026-11"], "nothing to change"),
        (["--card", "free", "--summary-cap", "3"], "unknown rate card 'free'"),
        (["--cache", "2h"], "unknown cache life '2h'; there are: 5m, 1h, none"),
        (["--cache", "1h", "--kind", "real"], "unknown kind 'real'"),
    ],
)
def test_wrong_words_are_named(
    results: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["whatif", *options]) == 2
    assert message in capsys.readouterr().err


def test_a_cap_below_nothing_is_refused(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["whatif", "--summary-cap", "-1"])
    assert "'-1' is not a whole number from 0 up" in capsys.readouterr().err


def test_nothing_to_reckon_is_said(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--cache", "1h") == "no trial to reckon yet\n"


@pytest.mark.parametrize(
    ("options", "after", "change"),
    [
        (["--summary-cap", "300"], "0.0240", "+0.0%"),
        (["--summary-cap", "100"], "0.0230", "-4.2%"),
        (["--summary-cap", "0"], "0.0225", "-6.2%"),
        (["--cache", "none"], "0.0350", "+45.8%"),
        (["--cache", "1h"], "0.0315", "+31.2%"),
        (["--card", "paper-2026-06"], "0.0720", "+200.0%"),
    ],
)
def test_each_change_is_reckoned_as_by_hand(
    results: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    after: str,
    change: str,
) -> None:
    write_journal(results / "journal", "r1", trial("t1"))
    out = said(capsys, *options)
    assert cell(out, "T3", "C") == ["0.0240", after, change] * 2
    assert out.startswith("An estimate: ")
    assert "simulated" in out
    assert "Taken for granted" in out
    assert "goes on as it did" in out


@pytest.mark.parametrize(("ending", "why"), [("infra", "no result"), ("failed", "none solved")])
def test_a_cell_without_a_figure_says_what_it_wants(
    results: Path, capsys: pytest.CaptureFixture[str], ending: Status, why: str
) -> None:
    write_journal(results / "journal", "r1", [*trial("t1")[:-1], ended("t1", ending)])
    words = cell(said(capsys, "--cache", "1h"), "T3", "C")
    assert words[-2:] == why.split()
    assert "price" not in words
    assert (words[:2] == why.split()) is (ending == "infra")


def test_imported_returns_can_not_be_cut_and_the_cell_says_so(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    free = {OPUS: 0.0225, QWEN: 0.0}
    used = {OPUS: usage(), QWEN: usage(0, 0)}
    delegated = published(arm="B", usage_by_role=used, cost_usd_by_role=free)
    write(tmp_path / "data", "B.jsonl", delegated)
    write(tmp_path / "data", "A.jsonl", published())
    assert main(["import", str(tmp_path / "data")]) == 0
    capsys.readouterr()
    out = said(capsys, "--summary-cap", "300")
    assert cell(out, "T3", "A") == ["0.0075", "0.0075", "+0.0%"] * 2
    assert cell(out, "T3", "B") == ["0.0075", "not", "on", "record"] * 2
    assert "not on record: the calls of 1 orchestrated trials" in out


def test_kinds_stay_apart(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_journal(results / "journal", "r1", trial("t1"))
    write(tmp_path / "data", "A.jsonl", published())
    assert main(["import", str(tmp_path / "data")]) == 0
    capsys.readouterr()
    both = said(capsys, "--cache", "none")
    assert ("Imported trials" in both, "Scripted trials" in both) == (True, True)
    assert "Scripted" not in said(capsys, "--cache", "none", "--kind", "imported")
