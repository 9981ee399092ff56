from collections.abc import Sequence
from pathlib import Path

import pytest
from ledger_samples import (
    CARDS,
    HAIKU,
    OPUS,
    QWEN,
    ask,
    call,
    ended,
    started,
    tool,
    trial,
    write_journal,
)

from runner.errors import Status
from runner.events import CallReserved, Event
from runner.ledger.database import ingest
from runner.types import ProviderKind, Usage

SOLO_CELL = "FROM cells WHERE card = 'list-2026-11'"


def filled(tmp_path: Path, *trials: Sequence[Event]) -> Path:
    db = tmp_path / "trials.duckdb"
    ingest(db, [write_journal(tmp_path, "r1", *trials)], CARDS)
    return db


def solo(
    trial_id: str,
    status: Status = "solved",
    *,
    millions: float = 1,
    wall_s: float = 10,
    iterations: int = 2,
    kind: ProviderKind = "scripted",
    model: str = HAIKU,
) -> list[Event]:
    """A trial of one call that costs `millions` USD by either card."""
    usage = Usage(input_tokens=round(millions * 1_000_000))
    return [
        started(trial_id, arm="D", kind=kind),
        *call(trial_id, 1, usage, role="solo", model=model),
        ended(trial_id, status, wall_s=wall_s, iterations=iterations),
    ]


# ---- costs ----------------------------------------------------------------------------------


def test_a_model_without_a_price_costs_null_and_never_zero(tmp_path: Path) -> None:
    db = filled(tmp_path, solo("t1", model="claude-sonnet-5"))
    assert ask(db, "SELECT card, usd FROM costs ORDER BY card") == [
        ("list-2026-11", 2.0),
        ("paper-2026-06", None),
    ]
    assert ask(
        db,
        "SELECT median_usd, usd_per_success, total_usd FROM cells WHERE card = 'paper-2026-06'",
    ) == [(None, None, None)]


def test_a_lost_call_costs_its_reserve_even_beside_calls_that_are_metered(tmp_path: Path) -> None:
    lost = CallReserved("t1", 9, 2, "solo", HAIKU, 0.5)
    db = filled(tmp_path, [*solo("t1")[:-1], lost, ended("t1", "timeout")])
    assert ask(db, "SELECT DISTINCT usd, lost_usd FROM costs") == [(1.5, 0.5)]


def test_each_class_of_tokens_is_priced_by_each_card(tmp_path: Path) -> None:
    usage = Usage(*[1_000_000] * 5)
    db = filled(tmp_path, [started("t1"), *call("t1", 1, usage), ended("t1")])
    found = ask(db, "SELECT card, usd FROM costs ORDER BY card")
    assert found == [(card, pytest.approx(CARDS[card].usd(OPUS, usage))) for card in sorted(CARDS)]


def test_costs_are_by_role_and_model_and_the_local_one_is_free(tmp_path: Path) -> None:
    db = filled(tmp_path, trial("t1"))
    expected = CARDS["list-2026-11"].usd(OPUS, Usage(1400, 120, 2000, 0, 3000))
    assert ask(
        db, "SELECT role, model, usd FROM costs WHERE card = 'list-2026-11' ORDER BY role"
    ) == [("executor", QWEN, 0.0), ("orchestrator", OPUS, pytest.approx(expected))]


# ---- cells ----------------------------------------------------------------------------------


def test_a_cell_without_success_has_no_median_and_no_cost_per_success(tmp_path: Path) -> None:
    db = filled(tmp_path, solo("t1", "failed"), solo("t2", "cap"), solo("t3", "infra"))
    assert ask(
        db,
        "SELECT attempts, successes, infra, success_rate, median_usd, median_wall_s_low, "
        f"usd_per_success, total_usd {SOLO_CELL}",
    ) == [(3, 0, 1, 0.0, None, None, None, 3.0)]


def test_the_money_of_failures_counts_per_success(tmp_path: Path) -> None:
    db = filled(tmp_path, solo("t1", millions=1), solo("t2", "failed", millions=4))
    assert ask(db, f"SELECT median_usd, usd_per_success {SOLO_CELL}") == [(1.0, 5.0)]


def test_a_trial_without_any_call_costs_nothing_and_still_counts(tmp_path: Path) -> None:
    db = filled(tmp_path, solo("t1"), [started("t2", arm="D"), ended("t2", "infra")])
    assert ask(db, f"SELECT attempts, total_usd {SOLO_CELL}") == [(2, 1.0)]


@pytest.mark.parametrize(
    ("successes", "attempts", "low", "high"),
    [(0, 3, 0.0, 0.5615), (3, 3, 0.4385, 1.0), (1, 2, 0.0945, 0.9055), (2, 3, 0.2077, 0.9385)],
)
def test_the_success_rate_has_its_wilson_interval(
    tmp_path: Path, successes: int, attempts: int, low: float, high: float
) -> None:
    trials = [solo(f"t{i}", "solved" if i < successes else "failed") for i in range(attempts)]
    db = filled(tmp_path, *trials)
    assert ask(db, f"SELECT success_rate, wilson_low, wilson_high {SOLO_CELL}") == [
        (
            pytest.approx(successes / attempts),
            pytest.approx(low, abs=5e-5),
            pytest.approx(high, abs=5e-5),
        )
    ]


def test_two_successes_give_a_median_but_no_interval(tmp_path: Path) -> None:
    db = filled(tmp_path, solo("t1", wall_s=10), solo("t2", wall_s=20), solo("t3", "failed"))
    assert ask(db, f"SELECT median_wall_s, median_wall_s_low, median_wall_s_high {SOLO_CELL}") == [
        (15.0, None, None)
    ]


def test_medians_and_intervals_are_of_successes_only(tmp_path: Path) -> None:
    trials = [solo(f"t{i}", millions=i, wall_s=10 * i, iterations=i) for i in range(1, 10)]
    db = filled(tmp_path, *trials, solo("t99", "failed", millions=99, wall_s=999, iterations=99))
    for name, unit in (("usd", 1), ("wall_s", 10), ("iterations", 1)):
        assert ask(
            db, f"SELECT median_{name}, median_{name}_low, median_{name}_high {SOLO_CELL}"
        ) == [(5.0 * unit, 2.0 * unit, 8.0 * unit)]


def test_live_and_scripted_trials_are_never_in_one_cell(tmp_path: Path) -> None:
    db = filled(tmp_path, solo("t1"), solo("t2", "failed", kind="live"))
    assert ask(db, f"SELECT provider_kind, attempts, successes {SOLO_CELL} ORDER BY 1") == [
        ("live", 1, 0),
        ("scripted", 1, 1),
    ]


# ---- context --------------------------------------------------------------------------------


def test_the_parts_of_a_context_add_up_to_what_was_billed(tmp_path: Path) -> None:
    events = [
        started("t1"),
        *call("t1", 1, Usage(100, 50, 900), iteration=1),
        tool("t1", 1, "bash", 300),
        tool("t1", 1, "delegate_to_executor", 700),
        *call("t1", 2, Usage(1, 9_999), role="executor"),
        tool("t1", 2, "bash", 80_000, role="executor"),
        *call("t1", 3, Usage(150, 60, 0, 0, 1000), iteration=2),
        *call("t1", 4, Usage(10, 5, 100, 200, 900), iteration=3),
        *call("t1", 5, Usage(500), iteration=4),
        ended("t1"),
    ]
    db = filled(tmp_path, events)
    assert ask(
        db,
        "SELECT iteration, context_tokens, base, own_text, own_tool_output, executor_returns "
        "FROM context_growth ORDER BY seq",
    ) == [
        (1, 1000, 1000, 0, 0, 0),
        (2, 1150, 1000, 50, 30, 70),
        (3, 1210, 1000, 110, 30, 70),
        (4, 500, 500, 0, 0, 0),
    ]
    assert ask(
        db,
        "SELECT count(*) FROM context_growth WHERE context_tokens <> "
        "base + own_text + own_tool_output + executor_returns",
    ) == [(0,)]


def test_calls_without_usage_are_not_shown_as_an_empty_context(tmp_path: Path) -> None:
    reserve, _settle = call("t1", 2, Usage(), iteration=2)
    events = [started("t1"), *call("t1", 1, Usage(7)), reserve, ended("t1", "timeout")]
    assert ask(filled(tmp_path, events), "SELECT seq FROM context_growth") == [(1,)]
