"""Reading published trials: strict about lines, exact about what they say."""

import json
from pathlib import Path

import pytest
from published_samples import (
    HAIKU,
    KNOWN_MODELS,
    OPUS,
    QWEN,
    failed_start,
    published,
    usage,
    write,
)

from runner.errors import UsageError
from runner.events import CallSettled, CheckDone, TrialEnded, TrialStarted
from runner.published.events import delegating, trial_events, trial_id
from runner.published.reading import Reading, Row, read_folder
from runner.types import Usage


def read(folder: Path) -> Reading:
    return read_folder(folder, KNOWN_MODELS)


def only(folder: Path) -> Row:
    reading = read(folder)
    assert reading.problems == ()
    (row,) = reading.rows
    return row


def calls_of(folder: Path) -> list[CallSettled]:
    reading = read(folder)
    arms = delegating(reading.rows)
    events = [event for row in reading.rows for event in trial_events(row, "run", arms)]
    return [event for event in events if isinstance(event, CallSettled)]


def end_of(row: Row) -> TrialEnded:
    end = trial_events(row, "run", ())[-1]
    assert isinstance(end, TrialEnded)
    return end


# ---- what is no trial -------------------------------------------------------------------


def test_a_folder_that_is_missing_or_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing: cannot be read: No such file"):
        read(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"no \*\.jsonl file here"):
        read(tmp_path)


@pytest.mark.parametrize("text", ["", "\n", "  \n\r\n"])
def test_an_empty_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "A.jsonl").write_text(text)
    assert read(tmp_path).problems == ("A.jsonl: is empty",)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "A.jsonl").mkdir()
    assert read(tmp_path).problems == ("A.jsonl: cannot be read: Is a directory",)


def test_a_line_cut_in_half_is_named_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = json.dumps(published())
    for end in range(1, len(whole)):
        write(tmp_path, "A.jsonl", published(trial=1), whole[:end])
        reading = read(tmp_path)
        assert reading.problems == ("A.jsonl, line 2: the line is cut off",), whole[:end]
        assert len(reading.rows) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("arm,task,trial", "is not JSON"),
        ("[1, 2]", "Input should be an object"),
        (published(colour="red"), "unknown key 'colour'"),
        (published(usage_by_role=None), "key 'usage_by_role'"),
        (published(usage_by_role={OPUS: None}), f"key 'usage_by_role.{OPUS}'"),
        (published(usage_by_role={OPUS: usage() | {"input_tokens": None}}), "input_tokens"),
        (published(usage_by_role={OPUS: usage() | {"input_tokens": -1}}), "input_tokens"),
        (published(usage_by_role={OPUS: usage() | {"thoughts": 1}}), "unknown key"),
        (published(usage_by_role={}), "no model, although there were turns"),
        (published(usage_by_role={"gpt-9": usage()}), "unknown model 'gpt-9': no rate card"),
        (published(usage_by_role={m: usage() for m in (OPUS, HAIKU, QWEN)}), "3 models"),
        (published(usage_by_role={m: usage() for m in (HAIKU, QWEN)}), "cannot be told"),
        (published(success=1), "key 'success'"),
        (published(trial="0"), "key 'trial'"),
        (published(wall_sec=float("nan")), "key 'wall_sec'"),
        (published(total_cost_usd=float("inf")), "key 'total_cost_usd'"),
        (published(arm="../../A"), "key 'arm'"),
        (published(task=""), "key 'task'"),
    ],
)
def test_a_line_that_is_no_trial_is_named_with_its_reason(
    tmp_path: Path, line: object, said: str
) -> None:
    write(tmp_path, "D.jsonl", published(trial=1), line)
    (problem,) = read(tmp_path).problems
    assert problem.startswith("D.jsonl, line 2: ")
    assert said in problem


@pytest.mark.parametrize("key", published())
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    write(tmp_path, "A.jsonl", {name: each for name, each in published().items() if name != key})
    assert read(tmp_path).problems == (f"A.jsonl, line 1: key '{key}' is missing",)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "A.jsonl", published(), published(trial=1, error="caf\u00e9"))
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-8").replace(b"6,", b"6\xff,", 1))
    (problem,) = read(tmp_path).problems
    assert problem.startswith("A.jsonl, line 1: is not UTF-8 text (byte ")


def test_a_trial_that_stands_twice_is_named_with_both_places(tmp_path: Path) -> None:
    write(tmp_path, "A.jsonl", published(), published(trial=1))
    write(tmp_path, "B.jsonl", dict(reversed(published().items())))
    reading = read(tmp_path)
    said = "B.jsonl, line 1: the same trial as A.jsonl, line 1, word for word"
    assert reading.problems == (said,)
    assert len(reading.rows) == 2


def test_other_files_and_blank_lines_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "A.jsonl", "", published(), "")
    (tmp_path / "trials.csv").write_text("arm,task\n")
    assert only(tmp_path).origin.line == 2


def test_a_byte_order_mark_and_windows_line_ends_are_read_over(tmp_path: Path) -> None:
    text = json.dumps(published())
    (tmp_path / "A.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    assert only(tmp_path).trial.arm == "A"


# ---- attempts, ids ----------------------------------------------------------------------


def test_rows_of_one_trial_are_its_attempts_in_their_order(tmp_path: Path) -> None:
    write(tmp_path, "A.jsonl", failed_start(), published(), published(trial=1))
    assert [row.attempt for row in read(tmp_path).rows] == [1, 2, 1]


def test_an_id_stands_for_the_content_and_not_for_the_place(tmp_path: Path) -> None:
    write(tmp_path / "one", "A.jsonl", published())
    write(tmp_path / "two", "X.jsonl", published(trial=1), dict(reversed(published().items())))
    one, (_, two) = only(tmp_path / "one"), read(tmp_path / "two").rows
    assert trial_id(one) == trial_id(two)
    assert trial_id(one).startswith("imported-A-T3-0-")


# ---- events -----------------------------------------------------------------------------


def test_a_trial_says_where_it_comes_from_and_no_date(tmp_path: Path) -> None:
    write(tmp_path, "A.jsonl", published())
    row = only(tmp_path)
    started = trial_events(row, "run", ())[0]
    assert isinstance(started, TrialStarted)
    assert (started.provider_kind, started.started_at, started.run_id) == ("imported", "", "run")
    assert started.manifest == {
        "source": {"file": "A.jsonl", "sha256": row.origin.sha256, "line": 1}
    }


def test_an_arm_with_one_model_is_solo_and_its_writes_are_of_five_minutes(tmp_path: Path) -> None:
    write(tmp_path, "A.jsonl", published(usage_by_role={OPUS: usage(1, 2, 3, 4)}))
    (call,) = calls_of(tmp_path)
    assert (call.role, call.model, call.seq) == ("solo", OPUS, 1)
    assert call.usage == Usage(1, 2, 3, 0, 4)
    assert call.latency_s is None
    assert call.detail == {"aggregated": True}


def test_of_two_models_opus_leads_whatever_the_order(tmp_path: Path) -> None:
    write(tmp_path, "C.jsonl", published(arm="C", usage_by_role={HAIKU: usage(), OPUS: usage(2)}))
    assert [(call.seq, call.role, call.model) for call in calls_of(tmp_path)] == [
        (1, "orchestrator", OPUS),
        (2, "executor", HAIKU),
    ]


def test_a_delegating_arm_leads_as_orchestrator_even_where_it_did_not_delegate(
    tmp_path: Path,
) -> None:
    both = {OPUS: usage(), HAIKU: usage()}
    write(tmp_path, "C.jsonl", published(arm="C"), published(arm="C", usage_by_role=both))
    assert [call.role for call in calls_of(tmp_path)] == [
        "orchestrator",
        "orchestrator",
        "executor",
    ]


def test_a_local_model_gets_the_name_the_cards_know_and_keeps_its_own(tmp_path: Path) -> None:
    models = {OPUS: usage(), QWEN: usage(0, 0)}
    write(tmp_path, "B.jsonl", published(arm="B", usage_by_role=models))
    call = calls_of(tmp_path)[1]
    assert (call.role, call.model) == ("executor", "qwen3.5:9b")
    assert call.detail == {"aggregated": True, "source_model": QWEN, "uncounted": True}


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (published(), "solved"),
        (published(success=False, iterations=17), "failed"),
        (published(success=False, iterations=40), "cap"),
        (published(success=False, iterations=40, arm="C"), "cap"),
        (published(success=False, iterations=40, arm="Z"), "failed"),
        (published(success=False, blocked=True), "blocked"),
        (published(success=False, error="APIError: gone"), "infra"),
        (failed_start(), "infra"),
    ],
)
def test_how_a_row_is_counted(tmp_path: Path, row: dict[str, object], status: str) -> None:
    write(tmp_path, "A.jsonl", row)
    end = end_of(only(tmp_path))
    assert (end.status, end.success) == (status, row["success"])


def test_a_failed_start_says_so_and_has_neither_calls_nor_checks(tmp_path: Path) -> None:
    write(tmp_path, "A.jsonl", failed_start())
    row = only(tmp_path)
    assert end_of(row).reason == "failed start: BadRequestError: no credit"
    assert len(trial_events(row, "run", ())) == 2


def test_a_long_error_is_kept_whole_but_its_sentence_is_short(tmp_path: Path) -> None:
    error = "x" * 1000 + "\nand a traceback"
    write(tmp_path, "A.jsonl", failed_start(error=error))
    end = end_of(only(tmp_path))
    assert end.reason == f"failed start: {'x' * 300}"
    assert end.detail["error"] == error


def test_what_was_not_measured_is_unknown_and_what_was_said_is_kept(tmp_path: Path) -> None:
    final = {"exit_code": 1, "summary": "ruff errors=7"}
    write(tmp_path, "A.jsonl", published(success=False, verify_final=final))
    row = only(tmp_path)
    end = end_of(row)
    assert (end.wall_s, end.model_s, end.tool_s, end.judge_s) == (59.89, None, None, None)
    assert not end.harness_green
    assert end.detail["source_usd"] == 0.0225
    (check,) = [each for each in trial_events(row, "run", ()) if isinstance(each, CheckDone)]
    assert (check.name, check.passed, check.detail) == ("verify_final", False, final)
