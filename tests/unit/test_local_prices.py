"""A card of one's own with a price for a local model's time: `runner reprice`, `runner report`."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from ledger_samples import OPUS, QWEN, ended, started, write_journal
from published_samples import paper

from runner.cli.main import main
from runner.config.settings import ROOT
from runner.events import CallReserved, CallSettled, Event
from runner.types import JsonObject, ProviderKind, Role, Usage

OPTIONS = ("RUNNER_DB", "RUNNER_CARD", "CARD", "AGAINST", "KIND", "RUN", "OUT", "FORMAT")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record, whose commands see no option of this machine's."""
    for name in OPTIONS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("RUNNER_RATES_DIR", str(tmp_path / "rates"))
    (tmp_path / "results" / "journal").mkdir(parents=True)
    (tmp_path / "rates").mkdir()
    return tmp_path / "results"


def cards(folder: Path, **prices: float) -> None:
    """The shipped list, and `mine`, which prices the local model's time as well."""
    shipped = ROOT / "runner" / "rates"
    for path in shipped.glob("*.toml"):
        (folder / path.name).write_text(path.read_text(encoding="utf-8"))
    text = (shipped / "list-2026-11.toml").read_text(encoding="utf-8")
    text = text.replace('id = "list-2026-11"', 'id = "mine"')
    by_time = "".join(f"\n{name} = {price!r}" for name, price in prices.items())
    mine = re.sub(r'(\[rates\."qwen3\.5:9b"\](?:\n\w+ = \S+)+)', rf"\1{by_time}", text)
    assert mine != text or not prices
    (folder / "mine.toml").write_text(mine)


def spend(
    name: str,
    seq: int,
    role: Role,
    model: str,
    usage: Usage,
    seconds: float | None,
    detail: JsonObject,
) -> Sequence[Event]:
    return [
        CallReserved(name, seq, 1, role, model, 0.5),
        CallSettled(name, seq, 1, role, model, usage, seconds, "end_turn", detail=detail),
    ]


def play(
    results: Path,
    arm: str,
    lead_usd: float,
    number: int = 0,
    *,
    local_s: float | None = 1800.0,
    kind: ProviderKind = "live",
    **detail: object,
) -> None:
    """A solved trial on T1 whose lead spent so much at the list's price; B's executor served."""
    name = f"{kind}-{arm}-{number}"
    lead: Role = "orchestrator" if arm == "B" else "solo"
    events = [
        started(name, run_id=name, arm=arm, task="T1", kind=kind),
        *spend(name, 1, lead, OPUS, Usage(round(lead_usd * 200_000)), 4.0, {}),
    ]
    if arm == "B":
        events += spend(name, 2, "executor", QWEN, Usage(1000, 10), local_s, detail)
    write_journal(results / "journal", name, [*events, ended(name)])


def said(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert main(list(command)) == 0
    return " ".join(capsys.readouterr().out.split())


def row(text: str, arm: str) -> list[str]:
    """A cell's figures: median and per solved by both cards, and how many times as much."""
    found = re.search(rf"T1 {arm} live (\d of \d .*?)(?=T1 |What)", text)
    assert found, text
    return found[1].split()[3:]


# ---- what cannot be priced ------------------------------------------------------------------


@pytest.mark.parametrize("prices", [{"gpu_hour": 1.0}, {"kwh": 0.3, "watts": 200.0}])
def test_calls_whose_time_is_not_on_record_are_named_and_their_cell_shows_no_usd(
    results: Path, capsys: pytest.CaptureFixture[str], prices: dict[str, float]
) -> None:
    cards(results.parent / "rates", **prices)
    play(results, "A", 1.0)
    play(results, "B", 0.5)
    play(results, "B", 0.5, 1, local_s=None)
    text = said(capsys, "reprice", "--card", "mine", "--against", "list-2026-11")
    assert row(text, "A") == ["1.000", "1.000", "1.00", "1.000", "1.000", "1.00"]
    assert row(text, "B") == ["0.500", "no", "price", "0.500", "no", "price"]
    assert (
        "no price: mine prices qwen3.5:9b by its time, which is not on record (1 calls in 1 "
        "trials: B on T1); their cells show no USD rather than too little" in text
    )


def test_the_papers_local_model_has_no_time_on_record(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cards(results.parent / "rates", gpu_hour=1.0)
    assert main(["import", str(paper())]) == 0
    capsys.readouterr()
    text = said(capsys, "reprice", "--card", "mine")
    assert "in 10 trials: B on T1, B on T2, B on T3)" in text
    told = said(capsys, "report", "--terminal", "--card", "mine")
    assert "No price: mine prices qwen3.5:9b by its time, which is not on record" in told
    # What it pays beside its hours says enough in eight pairs of nine.
    assert "On T1, B is dearer than A even at $0 a GPU-hour" in told
    assert (
        "On T2, B costs less than A at least while a GPU-hour costs less than $0.67. Beside" in told
    )
    assert "for sure" not in told


# ---- what can -------------------------------------------------------------------------------


def test_hours_and_energy_are_in_every_cell(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cards(results.parent / "rates", gpu_hour=1.0, kwh=0.3, watts=200.0)
    play(results, "A", 1.0)
    play(results, "B", 0.5)
    text = said(capsys, "reprice", "--card", "mine", "--against", "list-2026-11")
    # Half an hour at 1 USD, and 0.1 kWh.
    assert row(text, "B") == ["0.500", "1.030", "2.06", "0.500", "1.030", "2.06"]
    assert "no price:" not in text


def test_what_was_measured_takes_the_place_of_the_seconds_of_the_call(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cards(results.parent / "rates", gpu_hour=1.0, kwh=0.3, watts=200.0)
    play(results, "B", 0.5, watt_hours=1000, gpu_s=900)
    text = said(capsys, "reprice", "--card", "mine", "--against", "list-2026-11")
    assert row(text, "B")[1] == "1.050"
    play(results, "A", 1.0)
    assert "GPU-seconds, measured" in said(capsys, "report", "--terminal")


def test_at_the_price_that_the_report_names_both_arms_cost_the_same(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cards(results.parent / "rates", gpu_hour=4.0)
    for number, usd in enumerate((1.0, 2.0, 3.0)):
        play(results, "A", usd + 2, number)
        play(results, "B", usd, number)
    for card in ("list-2026-11", "mine"):
        told = said(capsys, "report", "--terminal", "--card", card)
        assert "On T1, B costs less per solved task than A while an hour of its GPU" in told
        assert "costs less than $4.00 [" in told
    text = said(capsys, "reprice", "--card", "mine", "--against", "list-2026-11")
    assert row(text, "A")[4] == row(text, "B")[4] == "4.000"


def test_simulated_hours_carry_the_word(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cards(results.parent / "rates")
    (results.parent / "rates" / "mine.toml").unlink()
    play(results, "A", 1.0, kind="scripted")
    play(results, "B", 0.5, kind="scripted")
    told = said(capsys, "report", "--terminal")
    assert "SIMULATED" in told
    assert "costs what another does (simulated)" in told
