"""One trial in full, also where some of its record is missing, damaged or empty."""

from pathlib import Path

from report_record import record_of, said, trial

from analysis.report.detail import Places, as_said, detail
from runner.ledger.transcript import Answered
from runner.types import ToolCall, Usage


def test_a_trial_without_transcript_and_change_says_so(tmp_path: Path) -> None:
    record = record_of(tmp_path, trial())
    found = detail(record.trials[0], Places(tmp_path, tmp_path, {}))
    assert (found.change, found.said) == (None, ())
    assert found.note == "There is no transcript of this trial on record."


def test_a_damaged_transcript_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    events = trial()
    said(tmp_path, events)
    path = tmp_path / "transcripts" / "live-A-T1-0-1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"{\xff}\n", *lines[2:]]))
    found = detail(record_of(tmp_path, events).trials[0], Places(path.parent, tmp_path, {}))
    assert len(found.said) == 2
    assert "line 3" in found.note


def test_a_tool_that_was_asked_for_with_nothing_says_so() -> None:
    calls = (
        ToolCall("t1", "bash", {"command": "ls"}),
        ToolCall("t2", "bash", {}),
        ToolCall("t3", "bash", {}, malformed="not JSON \x1b"),
    )
    found = as_said(Answered("solo", 0, 1, "", calls, "tool_use", Usage(), 1.0))
    assert [given for _, given in found.calls] == [
        "ls", "no arguments", "could not be read: not JSON \\x1b",
    ]  # fmt: skip
