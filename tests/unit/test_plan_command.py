"""`runner plan` at the command line."""

import math
import re
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist, variance

import pytest
from ledger_samples import ended, started, write_journal
from published_samples import paper
from stats_samples import paper_table, usd_by_card

from runner.cli.main import main
from runner.events import TrialStarted


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path))
    return tmp_path


def played(trial_id: str, persona: str) -> TrialStarted:
    begun = started(trial_id, arm="D")
    return replace(begun, manifest={**begun.manifest, "persona": persona})


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["plan", *arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_without_any_result_only_the_worst_case_is_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(capsys, "-n", "2", "--arms", "D", "--tasks", "T1,T2")
    assert "2 cells, until 2 are solved, at most 4 attempts in each" in text
    assert "every result at its arm's limit: $80.00" in text
    assert "at worst: $40.00 (the run's budget; --budget sets another)" in text
    assert "2 cells take of which there is no result yet" in text


def test_a_budget_is_the_worst_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert "at worst: $5.00 (the run's budget)" in said(capsys, "--budget", "5")


def test_without_a_budget_there_is_no_worst_case(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--models", "scripted", "--arms", "D", "--tasks", "T1")
    assert "at worst: no bound" in text
    assert "set --budget" in text


def test_results_on_record_are_what_is_expected(
    capsys: pytest.CaptureFixture[str], results: Path
) -> None:
    trials = [[played(f"t{n}", "oracle"), ended(f"t{n}")] for n in range(4)]
    write_journal(results / "journal", "r1", *trials)
    text = said(capsys, "-n", "3", "--arms", "D", "--tasks", "T3", "--models", "scripted")
    assert "simulated" in text
    assert "expected: $0.00, from the results on record" in text
    assert "D T3 3-6 3.0" in text


def test_those_of_another_persona_say_nothing(
    capsys: pytest.CaptureFixture[str], results: Path
) -> None:
    trials = [[played(f"t{n}", "nop"), ended(f"t{n}")] for n in range(4)]
    write_journal(results / "journal", "r1", *trials)
    options = ("--arms", "D", "--tasks", "T3", "--models")
    assert "no result yet" in said(capsys, *options, "scripted:oracle")
    assert "from the results on record" in said(capsys, *options, "scripted:nop")


def test_how_many_trials_show_a_difference_is_not_guessed_without_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "no spread is known" in said(capsys, "--detect", "20%")


def test_nor_from_too_few(capsys: pytest.CaptureFixture[str], results: Path) -> None:
    trials = [[started(f"t{n}", arm="D"), ended(f"t{n}")] for n in range(2)]
    write_journal(results / "journal", "r1", *trials)
    text = said(capsys, "--detect", "0.2", "--models", "scripted")
    assert "From the scripted (simulated) trials on record" in text
    assert "To see a difference of 20% in usd on T3: no number can be given" in text


def noether(detect: float, spread: float, alpha: float) -> float:
    """Noether 1987, for normal logarithms: successes per arm at power 0.8, two-sided."""
    above = NormalDist().cdf(-math.log1p(-detect) / (spread * math.sqrt(2)))
    wanted = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(0.8)
    return wanted**2 / (6 * (above - 0.5) ** 2)


def test_the_published_trials_tell_how_many_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["import", str(paper())]) == 0
    capsys.readouterr()
    text = said(capsys, "--models", "live", "--arms", "A,B,C,D", "--detect", "20%")
    assert "From the imported trials on record, by the card list-2026-11:" in text
    found = re.search(
        r"20% in usd on T2: for one comparison (\d+) successes per cell, cautiously (\d+), some "
        r"(\d+) trials at the success rate so far; for all 18 of this matrix (\d+), cautiously "
        r"(\d+), some (\d+) trials; from a spread of (\d+)% over 12 values so far",
        text,
    )
    assert found, text
    one, cautious, trials, every, every_cautious, every_trials, percent = map(int, found.groups())
    # By hand from the published file: the logarithms' deviations from their arm's mean.
    costs: dict[str, list[float]] = {}
    for line in paper_table():
        if line["task"] == "T2" and line["success"] == "1":
            costs.setdefault(line["arm"], []).append(math.log(usd_by_card(line, "list-2026-11")))
    square = sum(variance(logs) * (len(logs) - 1) for logs in costs.values())
    spread = math.sqrt(square / (12 - 4))
    assert percent == round(100 * spread)
    # The simulation draws from these values and not from a normal law: near, not the same.
    assert one == pytest.approx(noether(0.2, spread, 0.05), rel=0.2)
    assert every == pytest.approx(noether(0.2, spread, 0.05 / 18), rel=0.2)
    assert one < cautious < every_cautious
    # A and D solved three of four.
    assert (trials, every_trials) == (math.ceil(one / 0.75), math.ceil(every / 0.75))


def test_two_arms_on_one_task_are_one_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(paper())]) == 0
    capsys.readouterr()
    text = said(capsys, "--models", "live", "--arms", "A,D", "--tasks", "T2", "--detect", "50%")
    assert "of this matrix" not in text
    assert "on T2: " in text
    assert "on T1" not in text


@pytest.mark.parametrize("share", ["0", "100%", "x", "-20%", "nan"])
def test_a_difference_is_a_share(share: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["plan", f"--detect={share}"])
