import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import EnvironmentProblem
from runner.events import (
    CallReserved,
    CallSettled,
    CheckDone,
    Event,
    Phase,
    ToolUsed,
    TrialEnded,
    TrialStarted,
)
from runner.ledger.codec import CodecError
from runner.ledger.journal import Journal
from runner.ledger.journal_format import from_json, read_journal, to_json
from runner.ledger.journal_lines import line
from runner.types import Usage

EVENTS: tuple[Event, ...] = (
    TrialStarted("t1", "r1", "C", "T3", 0, 1, "scripted", "2026-11-23T10:00:00Z", {"é": [1, {}]}),
    CallReserved("t1", 1, 1, "orchestrator", "claude-opus-4-7", 0.1 + 0.2),
    CallSettled(
        "t1", 1, 1, "orchestrator", "claude-opus-4-7", Usage(1, 2, 3, 4, 5), 1e-9, "end_turn", "q"
    ),
    CallSettled("t1", 2, 2, "executor", "m", Usage(), 0.5, error="boom", detail={"a": None}),
    ToolUsed("t1", 1, 1, "solo", "bash", 0.25, None, True, False, 8000, False, "ls \udcff \x00 \n"),
    Phase("t1", "judge"),
    Phase("t1", "judge", 2.0),
    CheckDone("t1", "mypy", False, {"errors": 16, "share": 0.1}),
    TrialEnded("t1", "failed", False, True, 3, 9.0, 1.0, 2.0, 3.0, 0.5, "2026-11-23", "mypy: 16"),
)
PHASE = Phase("t1", "agent")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "journal" / "r1.jsonl"


def written(path: Path) -> bytes:
    with Journal.create(path) as journal:
        for event in EVENTS:
            journal.append(event)
    return path.read_bytes()


# ---- events as text -------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_exactly(event: Event) -> None:
    text = to_json(event)
    assert from_json(text) == event
    assert "\n" not in text
    assert text.isascii()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"trial_id":"t"}', "unknown kind None"),
        ('{"kind":"TrialPaused"}', "unknown kind 'TrialPaused'"),
        ('{"kind":"Phase","trial_id":"t"}', "Phase lacks 'name'"),
        ('{"kind":"Phase","trial_id":"t","name":"x","mood":1}', "Phase has no field 'mood'"),
        ('{"kind":"Phase","trial_id":"t","name":3}', "Phase.name: 3 is not str"),
        ('{"kind":"Phase","trial_id":"t","name":"x","seconds":true}', "Phase.seconds: True"),
        (to_json(EVENTS[1]).replace("orchestrator", "boss"), "CallReserved.role: 'boss'"),
        (to_json(EVENTS[1]).replace('"seq":1', '"seq":1.5'), "CallReserved.seq: 1.5"),
        (to_json(EVENTS[2]).replace("cache_read", "cash_read"), "Usage has no field"),
    ],
)
def test_text_that_is_no_known_event_is_an_error_that_says_why(text: str, told: str) -> None:
    with pytest.raises(CodecError) as caught:
        from_json(text)
    assert told in str(caught.value)


# ---- torn and damaged -----------------------------------------------------------------------


def test_cut_at_every_byte_only_the_last_line_is_lost(path: Path) -> None:
    data = written(path)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        content = read_journal(path)
        whole = data[:length].count(b"\n")
        assert content.events == EVENTS[: max(0, whole - 1)]
        assert content.lines == whole
        rest = data[:length][content.size :]
        assert content.torn == (rest if rest or not length else None)


def test_a_whole_journal_has_nothing_torn(path: Path) -> None:
    written(path)
    content = read_journal(path)
    assert content.events == EVENTS
    assert content.torn is None
    assert content.pid == os.getpid()


def test_a_last_line_of_zeros_as_power_cuts_leave_is_torn(path: Path) -> None:
    data = written(path)
    path.write_bytes(data + b"\0" * 100)
    assert read_journal(path).torn == b"\0" * 100


@pytest.mark.parametrize(
    "harm",
    [
        lambda lines: [*lines[:2], lines[2].replace(b"0.3", b"0.4"), *lines[3:]],
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
        lambda lines: [*lines[:2], b"\n", *lines[3:]],
        lambda lines: [*lines[:2], lines[2].rstrip(b"\n"), *lines[3:]],
        lambda lines: [*lines[:2], b"\xff\0" + lines[2], *lines[3:]],
    ],
    ids=["changed", "missing", "swapped", "empty", "joined", "garbage"],
)
def test_damage_before_the_end_names_file_and_line(
    path: Path, harm: Callable[[list[bytes]], list[bytes]]
) -> None:
    lines = written(path).splitlines(keepends=True)
    path.write_bytes(b"".join(harm(lines)))
    with pytest.raises(EnvironmentProblem) as caught:
        read_journal(path)
    assert str(path) in str(caught.value)
    assert "line 3" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"kind":"Writer","schema":2,"pid":1}', "newer runner"),
        ('{"kind":"TrialPaused","trial_id":"t"}', "unknown kind 'TrialPaused'"),
        (to_json(PHASE), "does not begin with its header"),
    ],
)
def test_a_journal_this_program_does_not_know_is_refused(path: Path, text: str, told: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(line(1, text))
    with pytest.raises(EnvironmentProblem) as caught:
        read_journal(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_journal_is_named(path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"r1\.jsonl: No such file"):
        read_journal(path)
