from datetime import date
from pathlib import Path

import pytest

from runner.config.rates import RateCard, load_card, load_cards
from runner.errors import UsageError
from runner.types import Usage

CARDS = Path(__file__).parents[2] / "runner" / "rates"
GOOD = """
id = "mine"
as_of = "2026-11-01"
source = "my bill"
[rates."m"]
input = 1
output = 5.0
cache_write_5m = 1.25
cache_write_1h = 2
cache_read = 0.1
"""
MILLION_OF_EACH = Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000)


def card_of(folder: Path, text: str) -> RateCard:
    path = folder / "mine.toml"
    path.write_text(text)
    return load_card(path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("source", "sourse", "sourse"),
        ("cache_read = 0.1", "cache_reed = 0.1", "rates.m.cache_reed"),
        ("cache_read = 0.1", "", "rates.m.cache_read"),
        ("input = 1", 'input = "1"', "rates.m.input"),
        ("input = 1", "input = -1", "rates.m.input"),
        ("input = 1", "input = nan", "rates.m.input"),
        ("input = 1", "input = inf", "rates.m.input"),
        ("input = 1", "input = true", "rates.m.input"),
        ('"2026-11-01"', '"November"', "as_of"),
        ('"2026-11-01"', "2026", "as_of"),
        ('"my bill"', '""', "source"),
        ('id = "mine"', 'id = "other"', "'id'"),
        ('[rates."m"]', "[rates.m", "not valid TOML"),
    ],
)
def test_a_wrong_card_is_refused_naming_file_and_key(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        card_of(tmp_path, GOOD.replace(old, new))
    assert "mine.toml" in str(caught.value)
    assert told in str(caught.value)


def test_a_card_without_any_price_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="prices no model"):
        card_of(tmp_path, GOOD.split("[rates")[0] + "[rates]")


def test_a_folder_without_cards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rate card"):
        load_cards(tmp_path / "nowhere")


@pytest.mark.parametrize("price", ["usd", "worst_case_usd"])
def test_an_unknown_model_is_an_error_that_says_what_to_add_where(
    tmp_path: Path, price: str
) -> None:
    card = card_of(tmp_path, GOOD)
    with pytest.raises(UsageError) as caught:
        card.usd("gpt", Usage()) if price == "usd" else card.worst_case_usd("gpt", 0, 0)
    assert str(tmp_path / "mine.toml") in str(caught.value)
    assert '[rates."gpt"]' in str(caught.value)


def test_a_date_may_be_written_with_or_without_quotes(tmp_path: Path) -> None:
    assert card_of(tmp_path, GOOD).as_of == date(2026, 11, 1)
    assert card_of(tmp_path, GOOD.replace('"2026-11-01"', "2026-11-01")).as_of == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("card", "model", "usd"),
    [
        ("paper-2026-06", "claude-opus-4-7", 15 + 75 + 18.75 + 30 + 1.50),
        ("paper-2026-06", "claude-haiku-4-5-20251001", 1 + 5 + 1.25 + 2 + 0.10),
        ("list-2026-11", "claude-opus-4-7", 5 + 25 + 6.25 + 10 + 0.50),
        ("list-2026-11", "claude-haiku-4-5-20251001", 1 + 5 + 1.25 + 2 + 0.10),
        ("list-2026-11", "claude-haiku-4-5", 1 + 5 + 1.25 + 2 + 0.10),
        ("list-2026-11", "claude-sonnet-5-5", 2 + 10 + 2.50 + 4 + 0.10),
        ("list-2026-11", "claude-opus-5-5", 4 + 20 + 5 + 8 + 0.20),
    ],
)
def test_a_million_tokens_of_each_class_cost_the_sum_of_the_prices(
    card: str, model: str, usd: float
) -> None:
    assert load_cards(CARDS)[card].usd(model, MILLION_OF_EACH) == pytest.approx(usd)


def test_each_class_of_tokens_has_its_own_price(tmp_path: Path) -> None:
    card = card_of(tmp_path, GOOD)
    assert card.usd("m", Usage(input_tokens=1_000)) == pytest.approx(0.001)
    assert card.usd("m", Usage(output_tokens=1_000)) == pytest.approx(0.005)
    assert card.usd("m", Usage(cache_write_5m_tokens=1_000)) == pytest.approx(0.00125)
    assert card.usd("m", Usage(cache_write_1h_tokens=1_000)) == pytest.approx(0.002)
    assert card.usd("m", Usage(cache_read_tokens=1_000)) == pytest.approx(0.0001)


def test_the_worst_case_has_all_input_in_the_dearest_class(tmp_path: Path) -> None:
    card = card_of(tmp_path, GOOD)
    assert card.worst_case_usd("m", 1_000_000, 100_000) == pytest.approx(2.0 + 0.5)
    assert card.worst_case_usd("m", 1000, 1000) > card.usd("m", Usage(1000, 1000))


@pytest.mark.parametrize("card", ["paper-2026-06", "list-2026-11"])
def test_the_local_model_is_free_by_an_explicit_row(card: str) -> None:
    assert load_cards(CARDS)[card].usd("qwen3.5:9b", MILLION_OF_EACH) == 0


@pytest.mark.parametrize("card", ["paper-2026-06", "list-2026-11"])
def test_the_cards_that_ship_are_dated_and_sourced(card: str) -> None:
    shipped = load_cards(CARDS)[card]
    assert shipped.id.endswith(shipped.as_of.strftime("%Y-%m"))
    assert shipped.source
    assert shipped.note


def test_a_model_with_two_tiers_is_left_out_rather_than_priced_wrongly() -> None:
    card = load_cards(CARDS)["list-2026-11"]
    assert "claude-haiku-5-5" not in card.rates
    assert "claude-haiku-5-5" in card.note
