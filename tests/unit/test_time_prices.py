"""A local model priced by its time: by hour, by energy, in reserves, settlements and views."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from fakes import CARD as PLAIN
from fakes import HandClock, PlayedModel, meter, says
from ledger_samples import OPUS, QWEN, ask, ended, started, write_journal
from meter_calls import ASK

from analysis.calls import TokenRow
from runner.agent.bound import input_bound
from runner.budget import Account
from runner.cluster.settle import spent_usd
from runner.config.rates import Rate, RateCard, load_card
from runner.errors import LimitReached, ModelFailure, UsageError
from runner.events import CallReserved, CallSettled, Event, RunStarted
from runner.ledger.database import ingest
from runner.ledger.runs import read_run
from runner.types import JsonObject, Usage

CARD = """
id = "mine"
as_of = "2026-11-01"
source = "my bill"
[rates."qwen3.5:9b"]
input = 0
output = 0
cache_write_5m = 0
cache_write_1h = 0
cache_read = 0
gpu_hour = 0.72
kwh = 0.30
watts = 200
"""
# An hour of its calls is 0.72 USD, and 0.2 kWh at 0.30 USD: 0.06 USD where nobody measured.
HOURLY = 0.72 + 0.06


def card_of(folder: Path, text: str = CARD) -> RateCard:
    path = folder / "mine.toml"
    path.write_text(text)
    return load_card(path)


def card(**prices: float) -> RateCard:
    rates = {QWEN: Rate(0, 0, 0, 0, 0, **prices), OPUS: Rate(5, 25, 6.25, 10, 0.5)}
    return RateCard("mine", date(2026, 11, 1), "my bill", "", rates, Path("mine.toml"))


HOUR = card(gpu_hour=0.72)
BOTH = card(gpu_hour=0.72, kwh=0.30, watts=200)

# ---- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("gpu_hour = 0.72", "gpu_hour = -1", "rates.qwen3.5:9b.gpu_hour"),
        ("gpu_hour = 0.72", "gpu_hour = inf", "rates.qwen3.5:9b.gpu_hour"),
        ("gpu_hour = 0.72", 'gpu_hour = "0.72"', "rates.qwen3.5:9b.gpu_hour"),
        ("gpu_hour = 0.72", "gpu_hours = 0.72", "rates.qwen3.5:9b.gpu_hours"),
        ("kwh = 0.30", "kwh = nan", "rates.qwen3.5:9b.kwh"),
        ("watts = 200", "watts = -200", "rates.qwen3.5:9b.watts"),
        ("watts = 200", "", "'rates.qwen3.5:9b.watts' is missing"),
        ("cache_read = 0\n", "", "rates.qwen3.5:9b.cache_read"),
    ],
)
def test_a_wrong_price_by_time_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml") as caught:
        card_of(tmp_path, CARD.replace(old, new))
    assert told in str(caught.value)


@pytest.mark.parametrize("by", [HOUR, card(kwh=0.30, watts=200)])
def test_a_time_that_is_not_known_has_no_price(by: RateCard) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml: rate card mine prices qwen3\.5:9b by its"):
        by.usd(QWEN, Usage(1000, 100))


# ---- what a call costs ----------------------------------------------------------------------


def test_an_hour_costs_its_price_and_its_energy(tmp_path: Path) -> None:
    mine = card_of(tmp_path)
    assert mine.usd(QWEN, Usage(9000, 900), 3600.0) == pytest.approx(HOURLY)
    assert mine.usd(QWEN, Usage(9000, 900), 90.0) == pytest.approx(HOURLY / 40)
    assert mine.usd(QWEN, Usage(9000, 900), 0.0) == 0


def test_energy_that_was_measured_takes_the_place_of_the_watts() -> None:
    # 500 Wh are 0.5 kWh.
    measured = {"watt_hours": 500.0}
    assert BOTH.usd(QWEN, Usage(), 3600.0, measured) == pytest.approx(0.72 + 0.15)
    assert card(kwh=0.30, watts=200).usd(QWEN, Usage(), None, measured) == pytest.approx(0.15)


@pytest.mark.parametrize("said", ["500", None, True, -1.0, float("inf"), float("nan"), {}])
def test_energy_that_is_no_number_was_not_measured(said: object) -> None:
    call = CallSettled("t", 1, 1, "executor", QWEN, Usage(), 3600.0, detail={"watt_hours": said})
    assert BOTH.settled_usd(call) == pytest.approx(HOURLY)


def test_seconds_of_the_gpu_take_the_place_of_the_calls_and_are_never_more() -> None:
    # The energy of what nobody measured goes on counting all of the call.
    said = {"gpu_s": 1800}
    assert BOTH.usd(QWEN, Usage(), 3600.0, said) == pytest.approx(0.36 + 0.06)
    assert HOUR.usd(QWEN, Usage(), None, said) == pytest.approx(0.36)
    assert HOUR.usd(QWEN, Usage(), 3600.0, {"gpu_s": 7200.0}) == pytest.approx(0.72)
    assert HOUR.usd(QWEN, Usage(), 3600.0, {"gpu_s": "1"}) == pytest.approx(0.72)


def test_tokens_and_time_add_up() -> None:
    by_both = replace(PLAIN, rates={"m": Rate(1, 2, 0, 0, 0, gpu_hour=3.6)})
    assert by_both.usd("m", Usage(1_000_000, 1_000_000), 10.0) == pytest.approx(3.01)


def test_a_model_without_a_price_by_time_needs_no_time() -> None:
    assert BOTH.usd(OPUS, Usage(1_000_000)) == 5.0


# ---- money is set aside first ---------------------------------------------------------------


def asked(model: PlayedModel, account: Account, card: RateCard, events: list[Event]) -> None:
    counted = meter(events, card=card, account=account, call_s=600.0, clock=HandClock())
    counted.call(model, "executor", 1, "system", ASK, (), 4096)


def test_a_call_sets_aside_all_the_time_it_can_last_and_settles_what_it_took() -> None:
    account, events = Account("trial", 1.0), []  # type: ignore[var-annotated]
    asked(PlayedModel(QWEN, [says("DONE")]), account, HOUR, events)
    reserved, settled = events
    assert reserved.usd == pytest.approx(600 / 3600 * 0.72)
    assert settled.latency_s == 0.5
    assert account.spent_usd == pytest.approx(0.5 / 3600 * 0.72)
    assert account.reserved_usd == 0


def test_a_call_whose_time_could_pass_the_limit_is_not_sent() -> None:
    model = PlayedModel(QWEN, [says("DONE")])
    with pytest.raises(LimitReached):
        asked(model, Account("trial", 0.11), HOUR, [])
    assert model.seen == []


def test_a_call_that_failed_for_good_costs_the_time_it_took() -> None:
    clock = HandClock()

    class Slow(PlayedModel):
        def reply(self, *asked: object) -> object:  # type: ignore[override]
            clock.now += 36.0
            raise ModelFailure("no tool call", kind="api_error", lost=False)

    account, events = Account("trial", 1.0), []  # type: ignore[var-annotated]
    counted = meter(events, card=HOUR, account=account, call_s=600.0, clock=clock)
    with pytest.raises(ModelFailure):
        counted.call(Slow(QWEN, []), "executor", 1, "system", ASK, (), 4096)
    assert account.spent_usd == pytest.approx(0.0072)
    assert HOUR.settled_usd(events[-1]) == pytest.approx(0.0072)


def test_a_reply_that_got_lost_costs_its_reserve() -> None:
    account, events = Account("trial", 1.0), []  # type: ignore[var-annotated]
    with pytest.raises(ModelFailure):
        asked(
            PlayedModel(QWEN, [ModelFailure("gone", kind="no_such", lost=True)]),
            account,
            HOUR,
            events,
        )
    assert account.spent_usd == pytest.approx(0.12)


def test_a_model_that_is_free_sets_nothing_aside() -> None:
    free = card()
    assert free.worst_case_usd(QWEN, input_bound("", ASK, ()), 4096, 600.0) == 0


# ---- what is on record costs the same everywhere --------------------------------------------


def settled(seq: int, seconds: float | None, detail: JsonObject, *, lost: bool = False) -> Event:
    usage = Usage(0, 0) if lost else Usage(100, 10)
    return CallSettled("t1", seq, 1, "executor", QWEN, usage, seconds, lost=lost, detail=detail)


def events_of(*calls: Event) -> list[Event]:
    reserves = [
        CallReserved("t1", each.seq, 1, "executor", QWEN, 0.25)
        for each in calls
        if isinstance(each, CallSettled)
    ]
    return [started("t1", arm="B"), *reserves, *calls, ended("t1")]


# 3600 s not measured, 1800 s (of 2000) at 500 Wh, one lost: 0.72 * 1.5 + 0.30 * (0.2 + 0.5) + 0.25.
CALLS = (
    settled(1, 3600.0, {}),
    settled(2, 2000.0, {"watt_hours": 500.0, "gpu_s": 1800.0}),
    settled(3, 7.0, {"watt_hours": 9.0}, lost=True),
)
COST = 0.72 * 1.5 + 0.30 * 0.7 + 0.25


def filled(folder: Path, cards: Sequence[RateCard], *calls: Event) -> Path:
    db = folder / "trials.duckdb"
    journal = write_journal(folder, "r1", events_of(*calls))
    ingest(db, [journal], {each.id: each for each in cards})
    return db


def test_the_view_of_costs_has_time_in_it(tmp_path: Path) -> None:
    db = filled(tmp_path, [BOTH, replace(card(), id="free")], *CALLS)
    assert ask(db, "SELECT card, usd, lost_usd FROM costs ORDER BY card") == [
        ("free", 0.25, 0.25),
        ("mine", pytest.approx(COST), 0.25),
    ]
    assert ask(db, "SELECT seconds, watt_hours, unmetered_s FROM usage") == [
        (5400.0, 500.0, 3600.0)
    ]


def test_a_card_that_changes_its_price_by_time_is_read_anew(tmp_path: Path) -> None:
    db = filled(tmp_path, [card()], settled(1, 3600.0, {}))
    assert ask(db, "SELECT usd FROM costs") == [(0.0,)]
    ingest(db, [tmp_path / "r1.jsonl"], {"mine": HOUR})
    assert ask(db, "SELECT usd FROM costs") == [(pytest.approx(0.72),)]


def test_a_time_nobody_measured_costs_null_and_never_zero(tmp_path: Path) -> None:
    cards = [HOUR, replace(card(), id="free"), replace(card(kwh=0.3, watts=200), id="power")]
    known = {"watt_hours": 500.0}
    db = filled(tmp_path, cards, settled(1, None, known), settled(2, 10.0, {}))
    assert ask(db, "SELECT seconds, unmetered_s FROM usage") == [(None, 10.0)]
    assert ask(db, "SELECT card, usd FROM costs ORDER BY card") == [
        ("free", 0.0),
        ("mine", None),
        ("power", pytest.approx(0.3 * (0.5 + 10 / 3600 * 0.2))),
    ]


@pytest.mark.parametrize("said", ["500", "much", None, True, -1, {"a": 1}])
def test_what_is_on_record_and_is_no_number_was_not_measured(tmp_path: Path, said: object) -> None:
    detail = {"watt_hours": said, "gpu_s": said}
    db = filled(tmp_path, [BOTH], settled(1, 3600.0, detail))
    assert ask(db, "SELECT usd FROM costs") == [(pytest.approx(HOURLY),)]


def test_a_runs_journal_and_a_trial_from_elsewhere_cost_the_same(tmp_path: Path) -> None:
    begun = RunStarted("r1", "scripted", {"arms": ["B"]}, "2026-11-23T10:00:00Z")
    path = write_journal(tmp_path, "r1", [begun, *events_of(*CALLS)])
    assert read_run(path, BOTH).spent_usd == {"B": pytest.approx(COST)}
    assert spent_usd(events_of(*CALLS), BOTH) == pytest.approx(COST)


def test_the_reports_rows_cost_the_same() -> None:
    usage = Usage(200, 20)
    rate = BOTH.rate(QWEN)
    row = TokenRow("t1", "B", "T1", "executor", QWEN, 0.25, usage, rate, 5400.0, 500.0, 3600.0)
    assert row.usd == pytest.approx(COST)
    assert replace(row, seconds=None).usd is None
