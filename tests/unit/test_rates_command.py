"""`runner rates`: what there is, and what is wrong with a card of one's own, by file and key."""

import re
from pathlib import Path

import pytest
from ledger_samples import CARDS

from runner.cli.main import main
from runner.config.settings import ROOT

CARD = """
id = "mine"
as_of = "2026-11-23"
source = "my contract"
note = "after\\nrebate"

[rates."claude-opus-4-7"]
input = 4
output = 20
cache_write_5m = 5
cache_write_1h = 8
cache_read = 0.4

[rates."claude-haiku-4-5-20251001"]
input = 1
output = 5
cache_write_5m = 1.25
cache_write_1h = 2
cache_read = 0.1

[rates."qwen3.5:9b"]
input = 0
output = 0
cache_write_5m = 0
cache_write_1h = 0
cache_read = 0
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card of one's own, right in every key."""
    for name in ("RUNNER_RATES_DIR", "RUNNER_CARD"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "mine.toml"
    path.write_text(CARD, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("output = 20", "outptu = 20", "unknown key 'rates.claude-opus-4-7.outptu' (misspelt?)"),
        ("cache_read = 0.4\n", "", "key 'rates.claude-opus-4-7.cache_read' is missing"),
        ("input = 4", 'input = "4"', "key 'rates.claude-opus-4-7.input'"),
        ("input = 4", "input = -4", "key 'rates.claude-opus-4-7.input'"),
        ("input = 4", "input = inf", "key 'rates.claude-opus-4-7.input'"),
        ('as_of = "2026-11-23"', 'as_of = "last week"', "key 'as_of'"),
        ('source = "my contract"\n', "", "key 'source' is missing"),
        ('id = "mine"', 'id = "yours"', "key 'id': \"yours\" must be the file's name, mine"),
        ("input = 4", "input = ", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_key(
    mine: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    assert old in CARD
    mine.write_text(CARD.replace(old, new, 1), encoding="utf-8")
    assert main(["rates", "--check", str(mine)]) == 2
    error = capsys.readouterr().err
    assert str(mine) in error
    assert said in error


def test_all_that_is_wrong_is_said_at_once(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine.write_text(CARD.replace("output", "outptu"), encoding="utf-8")
    assert main(["rates", "--check", str(mine)]) == 2
    assert capsys.readouterr().err.count("unknown key") == 3


def test_a_file_that_is_missing_or_no_text_is_named(
    tmp_path: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rates", "--check", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: cannot be read: No such file" in capsys.readouterr().err
    mine.write_bytes(b"\xff\xfe")
    assert main(["rates", "--check", str(mine)]) == 2
    assert "mine.toml: is not valid TOML" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cache_read = 0.4", "cache_read = 40", "reading the cache is dearer than input"),
        ("output = 20", "output = 2", "output is cheaper than input"),
        ("cache_write_1h = 8", "cache_write_1h = 4", "cheaper to write than five minutes"),
        ("cache_write_5m = 5", "cache_write_5m = 3", "writing the cache is cheaper than input"),
        ('as_of = "2026-11-23"', 'as_of = "2999-01-01"', "as_of 2999-01-01 lies ahead"),
        ('"qwen3.5:9b"', '"qwen3.5"', "arm B cannot run by this card: no price for qwen3.5:9b"),
    ],
)
def test_what_looks_like_a_slip_is_noted_but_allowed(
    mine: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    assert old in CARD
    mine.write_text(CARD.replace(old, new, 1), encoding="utf-8")
    assert main(["rates", "--check", str(mine)]) == 0
    notes = [x for x in capsys.readouterr().out.splitlines() if x.startswith("note: ")]
    assert any(said in note for note in notes), notes


def test_a_right_card_is_shown_without_notes_and_where_to_put_it(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rates", "--check", str(mine)]) == 0
    said = capsys.readouterr().out
    assert "note: " not in said
    assert "source: my contract\nafter rebate\n" in said
    assert f"{mine}: the card is well formed" in said
    assert f"copy it to {ROOT / 'runner' / 'rates'}" in said


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ("gpu_hour = 0.72", "0.72 USD a GPU-hour"),
        ("gpu_hour = 0.0045", "0.0045 USD a GPU-hour"),
        ("kwh = 0.3\nwatts = 200", "0.30 USD/kWh at 200 W"),
        (
            "gpu_hour = 0.72\nkwh = 0.3\nwatts = 200.0",
            "0.72 USD a GPU-hour, 0.30 USD/kWh at 200 W",
        ),
    ],
)
def test_what_a_local_model_s_time_costs_is_shown_below_the_prices_of_tokens(
    mine: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    prices: str,
    said: str,
) -> None:
    mine.write_text(f"{CARD}{prices}\n", encoding="utf-8")
    assert main(["rates", "--check", str(mine)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [n for n, line in enumerate(lines) if line.startswith("qwen3.5:9b ")]
    assert lines[row + 1] == f"qwen3.5:9b: {said}"
    monkeypatch.setenv("RUNNER_RATES_DIR", str(mine.parent))
    monkeypatch.setenv("RUNNER_CARD", "mine")
    assert main(["rates"]) == 0
    assert f"\nqwen3.5:9b: {said}\n" in capsys.readouterr().out


def test_a_model_whose_time_has_no_price_has_no_such_line(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rates", "--check", str(mine)]) == 0
    assert "qwen3.5:9b: " not in capsys.readouterr().out


def test_every_card_is_listed_with_date_source_and_each_class_apart(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rates"]) == 0
    said = capsys.readouterr().out
    for card in CARDS.values():
        assert f"{card.id}  as of {card.as_of}" in said
        assert f"source: {card.source}" in said
    listed = said.split("paper-2026-06  as of")[0].splitlines()
    (heading,) = [line for line in listed if line.startswith("USD per million")]
    assert re.split(r" {2,}", heading)[1:] == [
        "input", "output", "write 5 min", "write 1 h", "cache read",
    ]  # fmt: skip
    (opus,) = [line.split() for line in listed if line.startswith("claude-opus-4-7 ")]
    assert opus[1:] == ["5", "25", "6.25", "10", "0.5"]
    assert "list-2026-11  as of 2026-11-23  (in force" in said


def test_a_folder_without_cards_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNNER_RATES_DIR", str(tmp_path))
    assert main(["rates"]) == 2
    assert "no rate card (*.toml) here" in capsys.readouterr().err
