"""`runner reprice`: both cards side by side, changes in words, what has no price by name."""

from dataclasses import replace
from pathlib import Path

import pytest
from ledger_samples import HAIKU, OPUS, call, ended, started, write_journal
from published_samples import paper, published, write

from runner.cli.main import main
from runner.config.settings import ROOT
from runner.types import ProviderKind, Usage


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record whose commands see no option of this machine's."""
    for name in ("RUNNER_DB", "RUNNER_CARD", "RUNNER_RATES_DIR", "CARD", "AGAINST", "KIND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path / "results"))
    (tmp_path / "results" / "journal").mkdir(parents=True)
    return tmp_path / "results"


def play(results: Path, arm: str, model: str, kind: ProviderKind = "live") -> None:
    """One solved trial of 100,000 input tokens, on record."""
    name = f"{kind}-{arm}"
    begun = started(name, run_id=name, arm=arm, task="T1", kind=kind)
    calls = call(name, 1, Usage(100_000), role="solo", model=model)
    write_journal(results / "journal", name, [begun, *calls, ended(name)])


def said(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["reprice", *options]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--card", "free"], "unknown rate card 'free'; there are: list-2026-11, paper-2026-06"),
        (["--against", "free"], "unknown rate card 'free'"),
        (["--card", "paper-2026-06"], "--card and --against are both paper-2026-06"),
        (["--kind", "real"], "unknown kind 'real'; there are: live, scripted, imported"),
    ],
)
def test_wrong_words_are_named(
    results: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["reprice", *options]) == 2
    assert message in capsys.readouterr().err


def test_nothing_to_price_is_said(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys) == "no trial to price yet\n"
    play(results, "A", OPUS)
    assert said(capsys, "--kind", "imported") == "no imported trial to price yet\n"


def test_a_model_without_a_price_is_named_and_its_cell_shows_no_usd(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(results, "A", OPUS)
    play(results, "E", "claude-opus-5-5")
    text = said(capsys)
    assert (
        "no price: paper-2026-06 has none for claude-opus-5-5 (1 calls in 1 trials: E on T1)"
        in (text)
    )
    row = next(line for line in text.splitlines() if line.startswith("T1    E"))
    assert row.split()[3:] == ["1", "of", "1", "no", "price", "0.400", "no", "price", "0.400"]
    assert "E: no rank (no price)" in text


def test_a_cell_without_success_says_so(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = started("t1", run_id="t1", arm="A", kind="live")
    write_journal(results / "journal", "t1", [begun, ended("t1", "failed")])
    assert "0 of 1" in (text := said(capsys))
    assert "none solved" in text
    assert "A: no rank (none solved)" in text


def test_a_cell_whose_successes_all_met_a_cap_has_a_sum_and_no_median(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = started("t1", run_id="t1", arm="A", task="T1", kind="live")
    calls = call("t1", 1, Usage(100_000), role="solo", model=OPUS)
    write_journal(
        results / "journal", "t1", [begun, *calls, replace(ended("t1", "cap"), success=True)]
    )
    text = said(capsys)
    (row,) = [line.split() for line in text.splitlines() if line.startswith("T1")]
    assert " ".join(row[3:]) == "1 of 1 all met a cap all met a cap 1.500 0.500 0.33"
    assert "A: no rank (all met a cap)" in text
    assert "no price" not in text


def test_a_cell_without_a_result_says_so(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = started("t1", run_id="t1", arm="A", kind="live")
    write_journal(results / "journal", "t1", [begun, ended("t1", "infra")])
    text = said(capsys)
    assert "0 of 0" in text
    assert "A: no rank (no result)" in text


def test_a_lost_call_is_counted_at_its_reserve_and_said(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = started("t1", run_id="t1", arm="A", kind="live")
    reserve = call("t1", 1, Usage(), model=OPUS)[0]
    write_journal(results / "journal", "t1", [begun, reserve, ended("t1")])
    text = said(capsys)
    assert "lost: calls of 1 trials may have been billed and are counted at their reserve" in text
    assert "0.5000 USD by each trial's own card" in text


def test_simulated_trials_stand_apart_and_carry_the_word(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(results, "A", OPUS)
    play(results, "D", HAIKU, "scripted")
    text = said(capsys)
    live, scripted = text.split("Scripted trials")
    assert "simulated" not in live
    assert "T1    A    live " in live
    assert "D" not in [line.split()[1] for line in live.splitlines() if line.startswith("T1")]
    assert "T1    D    scripted (simulated)" in scripted
    assert scripted.count("failures included (simulated)") == 1
    assert "Scripted" not in said(capsys, "--kind", "live")


def test_a_card_of_one_s_own_is_as_good_as_any(
    tmp_path: Path,
    results: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = (ROOT / "runner" / "rates" / "paper-2026-06.toml").read_text(encoding="utf-8")
    folder = tmp_path / "rates"
    folder.mkdir()
    (folder / "paper-2026-06.toml").write_text(mine)
    (folder / "mine.toml").write_text(
        mine.replace('id = "paper-2026-06"', 'id = "mine"').replace("input = 15", "input = 30")
    )
    monkeypatch.setenv("RUNNER_RATES_DIR", str(folder))
    play(results, "A", OPUS)
    text = said(capsys, "--card", "mine")
    assert "USD by paper-2026-06, then mine" in text
    (row,) = [line.split() for line in text.splitlines() if line.startswith("T1")]
    assert row[6:9] == ["1.500", "3.000", "2.00"]


def test_the_paper_s_cells_by_the_public_list_and_what_that_changes(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(paper())]) == 0
    text = said(capsys, "--card", "list-2026-11")
    rows = [line.split() for line in text.splitlines() if line.startswith(("T1 ", "T2 ", "T3 "))]
    assert [row[7] for row in rows] == (
        [
            "0.579",
            "0.758",
            "0.646",
            "0.303",
            "0.370",
            "0.461",
            "0.396",
            "0.233",
            "0.057",
            "0.142",
            "0.155",
            "0.076",
        ]
    )
    assert "  on T1 A becomes cheaper than C; D's lead over A shrinks from 5.7x to 1.9x" in text
    assert "  on T2 A becomes cheaper than C; D's lead over A shrinks from 4.8x to 1.6x" in text
    assert (
        "  on T3 A becomes cheaper than D; B becomes cheaper than C; the cheapest is A and no "
        "longer D (D costs 1.3x)" in text
    )


def test_one_imported_trial_is_enough(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data", "A.jsonl", published())
    assert main(["import", str(tmp_path / "data")]) == 0
    capsys.readouterr()
    text = said(capsys)
    assert "on T3 one arm only, nothing to rank" in text
    assert text.endswith("ranks are of what was seen; how sure they are is in runner report\n")
