import resource
from pathlib import Path

import pytest

from runner.errors import EnvironmentProblem, UsageError
from runner.ledger.transcript import (
    Answered,
    Broke,
    Entry,
    Opened,
    Returned,
    Told,
    TranscriptWriter,
    read_transcript,
)
from runner.types import ToolCall, ToolSpec, Usage

SPEC = ToolSpec("bash", "Runs a command.", {"type": "object", "properties": {"command": {}}})
ENTRIES: tuple[Entry, ...] = (
    Opened("orchestrator", 0, "claude-opus-4-7", "You mend code.", (SPEC,)),
    Told("orchestrator", 0, 1, "Mend this."),
    Answered(
        "orchestrator",
        0,
        1,
        "I look.",
        (ToolCall("c1", "bash", {"command": "ls"}), ToolCall("c2", "?", {}, malformed="no JSON")),
        "tool_use",
        Usage(1, 2, 3, 4, 5),
        0.1 + 0.2,
        "req_1",
    ),
    Returned("orchestrator", 0, 1, "c1", "bash", "a\nb \udcff \x00 é", False),
    Opened("executor", 1, "m", "You do as told.", ()),
    Broke("executor", 1, 1, "overloaded"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "transcripts" / "t1.jsonl"


def write(path: Path, *entries: Entry, secrets: tuple[str, ...] = ()) -> None:
    with TranscriptWriter(path, secrets) as writer:
        for entry in entries:
            writer.write(entry)


def test_entries_come_back_exactly_and_in_order(path: Path) -> None:
    write(path, *ENTRIES)
    assert tuple(read_transcript(path)) == ENTRIES


def test_an_entry_can_be_read_before_the_trial_ends(path: Path) -> None:
    with TranscriptWriter(path) as writer:
        writer.write(ENTRIES[0])
        assert tuple(read_transcript(path)) == ENTRIES[:1]


def test_a_trial_killed_in_mid_line_loses_that_line_only(path: Path) -> None:
    write(path, *ENTRIES)
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert tuple(read_transcript(path)) == ENTRIES[:-1]


@pytest.mark.parametrize("harm", [b"{}\n", b"\xff\n", b'{"kind":"Sang"}\n', b"\n"])
def test_a_line_that_is_no_entry_is_named(path: Path, harm: bytes) -> None:
    write(path, *ENTRIES)
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(first + b"\n" + harm + rest)
    with pytest.raises(EnvironmentProblem, match=r"t1\.jsonl, line 2"):
        tuple(read_transcript(path))


def test_a_missing_transcript_is_named(path: Path) -> None:
    with pytest.raises(UsageError, match=r"no transcript .*t1\.jsonl"):
        tuple(read_transcript(path))


def test_a_trial_writes_its_transcript_once(path: Path) -> None:
    write(path, *ENTRIES)
    with pytest.raises(UsageError, match="trial t1 has a transcript already"):
        TranscriptWriter(path)
    assert tuple(read_transcript(path)) == ENTRIES


@pytest.mark.parametrize(
    "entry",
    [
        Told("solo", 0, 1, "sk-secret-key"),
        Broke("solo", 0, 1, "401: sk-secret-key is not valid"),
        Returned("solo", 0, 1, "c", "bash", "KEY=sk-secret-key\n", False),
        Answered(
            "solo",
            0,
            1,
            "",
            (ToolCall("c", "bash", {"command": ["sk-secret-key"]}),),
            "tool_use",
            Usage(),
            1.0,
        ),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_a_key_never_reaches_the_file(path: Path, entry: Entry) -> None:
    write(path, entry, secrets=("sk-secret-key", "", "a"))
    assert b"sk-secret-key" not in path.read_bytes()
    (read,) = read_transcript(path)
    assert "[key removed]" in str(read)
    assert type(read) is type(entry)


def test_a_full_disk_is_named_with_the_fix(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with TranscriptWriter(path) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30, hard))
        try:
            with pytest.raises(EnvironmentProblem, match=r"t1\.jsonl: .*RUNNER_RESULTS"):
                writer.write(ENTRIES[0])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == 30


def test_a_folder_that_cannot_be_made_is_named_with_the_fix() -> None:
    with pytest.raises(EnvironmentProblem, match="/sys/transcripts"):
        TranscriptWriter(Path("/sys/transcripts/t1.jsonl"))
