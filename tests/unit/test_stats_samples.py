import math

import pytest
from stats_samples import only, row

from analysis.stats.samples import METRICS, cells, trial_rows
from runner.errors import UsageError

PLAIN: dict[str, object] = {
    "trial_id": "t1",
    "arm": "A",
    "task": "T1",
    "status": "solved",
    "success": True,
    "usd": 1.5,
    "wall_s": 10,
    "iterations": 3,
    "tokens": 1000,
}


# ---- rows -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", PLAIN)
def test_a_row_without_a_column_is_refused_by_its_name(key: str) -> None:
    with pytest.raises(UsageError, match=f"no column {key}"):
        trial_rows([{name: value for name, value in PLAIN.items() if name != key}])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("value", [-1, math.inf, "much", [1]])
def test_a_number_that_can_be_none_is_refused_with_its_trial(metric: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"t1: {metric}"):
        trial_rows([PLAIN | {metric: value}])


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(UsageError, match="won"):
        trial_rows([PLAIN | {"status": "won"}])


@pytest.mark.parametrize("null", [None, math.nan])
def test_null_is_not_known_and_never_zero(null: object) -> None:
    (found,) = trial_rows([PLAIN | {"usd": null}])
    assert found.usd is None
    assert math.isnan(only([found]).values["usd"][0])


def test_other_columns_are_left_out_and_a_missing_verdict_is_no_success() -> None:
    (found,) = trial_rows([PLAIN | {"success": None, "model_s": 3}])
    assert found.success is False


def test_no_rows_are_no_cells() -> None:
    assert cells(trial_rows([])) == ()


# ---- cells ------------------------------------------------------------------------------


def test_what_has_no_result_is_only_counted_with_its_money() -> None:
    cell = only([row(1), row(2, status="infra", success=False), row(4, void=True)])
    assert (cell.trials, cell.solved, cell.void, cell.void_usd) == (1, 1, 2, 6)


def test_void_money_that_is_not_known_is_not_guessed() -> None:
    cell = only([row(1), row(2, void=True), row(None, void=True)])
    assert cell.void_usd is None


@pytest.mark.parametrize("status", ["cap", "budget", "timeout"])
def test_a_trial_cut_off_by_a_cap_is_a_result_but_not_completed(status: str) -> None:
    (cut,) = trial_rows([PLAIN | {"status": status, "usd": 9}])
    cell = only([row(1), row(2, success=False), cut])
    assert (cell.trials, cell.solved, int(cell.censored.sum())) == (3, 2, 1)
    assert cell.completed("usd").tolist() == [1]


def test_cells_are_sorted_and_rows_may_come_in_any_order() -> None:
    rows = [row(usd, arm=arm, task=task) for task in "ba" for arm in "YX" for usd in (2, 1, 3)]
    found, turned = cells(rows), cells(rows[::-1])
    assert [(cell.task, cell.arm) for cell in found] == [*zip("aabb", "XYXY", strict=True)]
    for one, other in zip(found, turned, strict=True):
        assert one.values["usd"].tolist() == other.values["usd"].tolist()
