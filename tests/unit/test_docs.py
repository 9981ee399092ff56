"""The documents are held to the code: what exists is described, what is described exists."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from doc_pages import ALL, FENCE, README, anchor, queries, table, text, without_code, words
from ledger_samples import CARDS, ask, trial, write_journal
from pydantic_core import PydanticUndefined

from runner import errors
from runner.agent.delegate import delegate_spec
from runner.cli.main import COMMANDS
from runner.config.arms import Arm, ExecutorSeat, Limits, Seat, load_arms
from runner.config.settings import ROOT, Settings
from runner.config.tasks import CheckSpec, Signals, load_tasks
from runner.errors import Status
from runner.ledger.database import ingest
from runner.ledger.duck import query
from runner.models import anthropic_messages, ollama_chat
from runner.scripted.faults import KINDS
from runner.scripted.personas import PERSONAS

DESIGN_COLUMNS = {
    "trials": "trial_id run_id arm task trial attempt provider_kind status success harness_green "
    "iterations wall_s model_s tool_s judge_s wait_s started_at manifest",
    "calls": "trial_id seq iteration role model input_tokens output_tokens cache_write_5m_tokens "
    "cache_write_1h_tokens cache_read_tokens latency_s stop_reason request_id error",
    "tool_calls": "trial_id call_seq role tool seconds exit_code timed_out truncated output_chars "
    "is_error",
    "checks": "trial_id name passed detail",
    "rates": "card as_of source model input output cache_write_5m cache_write_1h cache_read",
    "costs": "trial_id card role model usd",
    "cells": "attempts successes success_rate wilson_low wilson_high median_usd usd_per_success",
    "context_growth": "trial_id iteration context_tokens executor_returns own_tool_output own_text "
    "base",
}


# ---- settings, exit codes ---------------------------------------------------------------


def shown(default: object) -> str:
    if default is None:
        return "none"
    if isinstance(default, Path) and default.is_relative_to(ROOT):
        return default.relative_to(ROOT).as_posix()
    return str(default)


def test_the_settings_table_is_the_settings_class() -> None:
    documented = {row[0]: tuple(row[1:3]) for row in table(README, "Configuration", "setting")}
    actual = {}
    for name, field in Settings.model_fields.items():
        assert field.default is not PydanticUndefined
        variable = field.validation_alias or f"RUNNER_{name.upper()}"
        actual[name] = (variable, shown(field.default))
    assert documented == actual


def test_every_variable_a_document_names_is_a_setting() -> None:
    known = {f"RUNNER_{name.upper()}" for name in Settings.model_fields}
    named = {name for page in ALL.values() for name in re.findall(r"RUNNER_[A-Z_]+", page)}
    assert named <= known


def test_the_exit_codes_are_those_of_the_program() -> None:
    documented = {int(row[0]) for row in table(README, "The command `runner`", "exit code")}
    assert documented == {getattr(errors, n) for n in vars(errors) if n.startswith("EXIT_")}


# ---- commands, targets ------------------------------------------------------------------

TARGETS = set(re.findall(r"^([a-z-]+):.*## ", text("Makefile"), re.MULTILINE))


def test_every_command_has_a_row_and_no_other_is_named() -> None:
    rows = table(README, "The command `runner`", "command")
    assert [row[0].split()[1] for row in rows] == list(COMMANDS)
    named = {
        (name, word)
        for name, page in ALL.items()
        for word in re.findall(r"(?:^|`|bin/)runner ([a-z]+)\b", page, re.MULTILINE)
    }
    assert {(name, word) for name, word in named if word not in COMMANDS} == set()


def test_every_make_target_has_a_row_and_no_other_is_named() -> None:
    rows = table(README, "Quick start", "target")
    assert {row[0].split()[1] for row in rows} == TARGETS
    named = {
        (name, word)
        for name, page in ALL.items()
        for word in re.findall(r"(?:^|`)make ([a-z-]+)", page, re.MULTILINE)
    }
    assert {(name, word) for name, word in named if word not in TARGETS} == set()


def test_the_first_command_is_the_demo() -> None:
    assert FENCE.findall(README)[0] == ("", "make demo\n")


# ---- arms, tasks, cards, personas -------------------------------------------------------

ARMS = load_arms(ROOT / "runner" / "arms")
TASKS = load_tasks(ROOT / "breakage")


@pytest.mark.parametrize(
    ("page", "heading"), [("README.md", "Arms and tasks"), ("docs/arms.md", "The shipped arms")]
)
def test_the_arms_are_as_their_files_say(page: str, heading: str) -> None:
    rows = {row[0]: row for row in table(ALL[page], heading, "arm")}
    # README may keep to those that run unasked.
    assert {arm.id for arm in ARMS.values() if arm.default} <= set(rows) <= set(ARMS)
    assert page == "README.md" or set(rows) == set(ARMS)
    for arm in (ARMS[name] for name in rows):
        row = rows[arm.id]
        assert arm.lead.model in row[1]
        assert (arm.executor.model in row[2]) if arm.executor else row[2] in ("none", "nobody")
        assert row[3] == " / ".join(str(arm.max_turns(task)) for task in sorted(TASKS))
        if arm.executor and len(row) > 4:
            bound = arm.executor.summary_tokens or arm.executor.summary_chars
            assert row[4].startswith(str(bound))


def test_what_all_arms_share_is_as_their_files_say() -> None:
    said = "at most 4096 tokens a reply, 20 turns a delegation, 10 USD and 90 minutes a trial"
    assert said in README
    for arm in ARMS.values():
        assert (arm.lead.max_tokens, arm.limits) == (4096, Limits(10.0, 5400.0))
        assert arm.executor is None or arm.executor.max_turns == 20


@pytest.mark.parametrize(
    ("page", "heading"), [("README.md", "Arms and tasks"), ("docs/tasks.md", "The three tasks")]
)
def test_every_task_has_a_row(page: str, heading: str) -> None:
    assert [row[0] for row in table(ALL[page], heading, "task")] == sorted(TASKS)


def test_the_faults_of_t1_are_listed_file_by_file() -> None:
    rows = table(ALL["docs/tasks.md"], "T1's faults by file", "file")
    assert {row[0] for row in rows} == {each.path for each in TASKS["T1"].insertions}
    faults = [[cell for cell in row[1:] if cell] for row in rows]
    assert sum(map(len, faults)) == 25


def test_rate_cards_personas_and_faults_are_listed() -> None:
    assert {row[0] for row in table(ALL["docs/arms.md"], "Rate cards", "card")} == set(CARDS)
    scripted = ALL["docs/scripted.md"]
    assert {row[0] for row in table(scripted, "Personas", "persona")} == set(PERSONAS)
    kinds = {kind for row in table(scripted, "Options", "kind") for kind in row[0].split(", ")}
    assert kinds == set(KINDS)


def test_every_status_is_explained() -> None:
    rows = table(ALL["docs/numbers.md"], "Status, success, harness_green", "`status`")
    assert {row[0] for row in rows} == set(Status.__args__)  # type: ignore[attr-defined]


def test_keys_of_arms_and_tasks_are_explained() -> None:
    arms, tasks = words(ALL["docs/arms.md"]), words(ALL["docs/tasks.md"])
    kinds = (Arm, Seat, ExecutorSeat, Limits)
    assert {each.name for kind in kinds for each in fields(kind)} <= arms
    assert {each.name for kind in (Signals, CheckSpec) for each in fields(kind)} <= tasks
    assert {check.kind for task in TASKS.values() for check in task.checks} <= tasks


def test_options_of_providers_and_tools_are_explained() -> None:
    options = {*anthropic_messages._OPTIONS, *ollama_chat._OPTIONS}
    assert options <= words(ALL["docs/arms.md"])
    assert {"bash", "str_replace_editor", delegate_spec().name} <= words(ALL["docs/agent.md"])


# ---- links ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(ALL[name])):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        if not target.exists():
            broken.append(link)
        elif fragment:
            lines = target.read_text(encoding="utf-8").splitlines()
            if fragment not in {anchor(x.lstrip("# ")) for x in lines if x.startswith("#")}:
                broken.append(link)
    assert broken == []


# ---- queries ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    journal = write_journal(folder, "r1", trial("t1"), trial("t2"), trial("t3", "failed"))
    ingest(folder / "trials.duckdb", [journal], CARDS)
    return folder / "trials.duckdb"


def test_the_readme_has_queries_to_try() -> None:
    assert len([name for name, _ in queries() if name == "README.md"]) >= 4


@pytest.mark.parametrize(("name", "sql"), queries())
def test_every_query_runs_as_printed_and_finds_something(db: Path, name: str, sql: str) -> None:
    assert query(db, sql).rows


@pytest.mark.parametrize("name", DESIGN_COLUMNS)
def test_columns_that_outsiders_rely_on_exist(db: Path, name: str) -> None:
    found = ask(db, f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{name}'")
    assert set(DESIGN_COLUMNS[name].split()) <= {str(column) for (column,) in found}
