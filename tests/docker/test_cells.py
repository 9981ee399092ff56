"""Whole trials through the command line: real containers, real SDKs, scripted models.

Arm C on T3 is in `test_replay_trial.py`, the persona that errs in `test_matrix_faults.py`.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from commandline import nothing_left, runner

from runner.ledger.duck import query

pytestmark = pytest.mark.docker


def one(results: Path, sql: str, **parameters: object) -> tuple[object, ...]:
    """The only row of a query."""
    rows = query(results / "trials.duckdb", sql, parameters=parameters).rows
    assert len(rows) == 1
    return rows[0]


def by_role(results: Path) -> Mapping[object, int]:
    """Tokens, in and out, by role; every call has its own."""
    rows = query(
        results / "trials.duckdb",
        "select role, sum(input_tokens + output_tokens + cache_read_tokens "
        "+ cache_write_5m_tokens), min(input_tokens + cache_read_tokens + cache_write_5m_tokens) "
        "from calls group by role",
    ).rows
    assert all(least for _, _, least in rows)
    return {role: int(str(total)) for role, total, _ in rows}


@pytest.mark.parametrize(
    ("arm", "task", "persona", "roles", "delegations"),
    [
        ("A", "T1", "oracle", {"solo"}, 0),
        ("B", "T2", "oracle", {"orchestrator", "executor"}, 1),
    ],
)
def test_a_cell_is_solved_judged_and_on_record(
    tmp_path: Path, arm: str, task: str, persona: str, roles: set[str], delegations: int
) -> None:
    done = runner(
        tmp_path, "trial", "--arm", arm, "--task", task, "--models", f"scripted:{persona}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "simulated" in done.stdout
    trial = one(tmp_path, "select trial_id, status, success, harness_green, iterations from trials")
    assert trial[1:4] == ("solved", True, True)
    tokens = by_role(tmp_path)
    assert set(tokens) == roles
    assert all(total > 0 for total in tokens.values())
    asked = one(
        tmp_path,
        "select count(*) from tool_calls where tool = 'delegate_to_executor' and not is_error",
    )
    assert (asked[0] >= 1) == bool(delegations)
    assert one(tmp_path, "select bool_and(passed), count(*) > 5 from checks") == (True, True)
    assert one(tmp_path, "select count(*) from calls where error is not null") == (0,)
    usd = one(tmp_path, "select sum(usd) from costs where card = 'list-2026-11'")[0]
    assert isinstance(usd, float)
    assert usd > 0
    # Orchestrators pay for Opus; a local executor's tokens count, its price is zero.
    if arm == "B":
        local = one(
            tmp_path,
            "select sum(usd) from costs where model = 'qwen3.5:9b' and card = 'list-2026-11'",
        )
        assert local == (0.0,)
    assert nothing_left(str(trial[0]))
    shown = runner(tmp_path, "show", str(trial[0]), "--json")
    told = json.loads(shown.stdout)
    assert {entry["role"] for entry in told["transcript"]} == roles
    assert len(told["calls"]) == one(tmp_path, "select count(*) from calls")[0]


def test_doing_nothing_fails_with_its_tokens_and_cost_on_record(tmp_path: Path) -> None:
    done = runner(tmp_path, "trial", "--arm", "D", "--task", "T1", "--models", "scripted:nop")
    assert done.returncode == 1, done.stdout + done.stderr
    trial = one(tmp_path, "select trial_id, status, success, harness_green from trials")
    assert trial[1:] == ("failed", False, False)
    assert one(tmp_path, "select count(*), sum(output_tokens) > 0 from calls") == (1, True)
    assert one(tmp_path, "select sum(usd) > 0 from costs where card = 'list-2026-11'") == (True,)
    failed = {
        name
        for (name,) in query(
            tmp_path / "trials.duckdb", "select name from checks where not passed"
        ).rows
    }
    assert failed >= {"mypy", "ruff_check", "pytest", "test_ids", "tests_restored"}
    assert nothing_left(str(trial[0]))


def test_a_cheat_that_fools_the_published_criterion_does_not_fool_the_judge(tmp_path: Path) -> None:
    cheat = "scripted:cheat:noqa.file"
    done = runner(tmp_path, "trial", "--arm", "D", "--task", "T1", "--models", cheat)
    assert done.returncode == 1, done.stdout + done.stderr
    trial = one(tmp_path, "select trial_id, status, success, harness_green from trials")
    assert trial[1:] == ("failed", False, True)
    ((refused,),) = query(
        tmp_path / "trials.duckdb", "select detail from checks where name = 'no_new_suppressions'"
    ).rows
    assert "typer/params.py" in str(refused)
    assert nothing_left(str(trial[0]))
