"""Keys never reach a recording, whoever says them."""

from pathlib import Path

import pytest
from fakes import PlayedModel, says
from taped import KEY, ask, exchanges

from runner.errors import ModelFailure
from runner.recording.exchanges import Tape
from runner.recording.record import RecordingModel
from runner.types import Reply, ToolCall, ToolResult, Usage, UserText


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchanges.jsonl"


def test_a_key_that_a_hostile_server_quotes_is_nowhere_in_the_file(path: Path) -> None:
    echo = Reply(
        text=f"your key is {KEY}",
        calls=(ToolCall("c1", "bash", {"command": f"echo {KEY}", KEY: [KEY]}),),
        usage=Usage(1, 1),
        stop_reason="tool_use",
        latency_s=0.1,
        request_id=KEY,
        raw=[{"type": "text", "text": f"your key is {KEY}", "x": {KEY: 1}}],
        detail={"model": KEY},
    )
    refusal = ModelFailure(f"401: {KEY} is wrong", kind=KEY, request_id=KEY, detail={"k": KEY})
    with Tape(path, (KEY,)) as tape:
        model = RecordingModel(PlayedModel("big", [echo, refusal]), "solo", tape)
        first = UserText(f"use {KEY}")
        ask(model, first, system=f"Never say {KEY}.")
        with pytest.raises(ModelFailure):
            ask(model, first, echo, ToolResult("c1", "bash", f"{KEY}\n"))
    assert KEY.encode() not in path.read_bytes()
    assert path.read_bytes().count(b"[key removed]") >= 10
    assert len(exchanges(path)) == 2


def test_the_digest_is_of_what_is_on_record_not_of_the_key(path: Path, tmp_path: Path) -> None:
    digests = []
    for name, key in (("a", KEY), ("b", "[key removed]")):
        with Tape(tmp_path / name, (KEY,)) as tape:
            ask(RecordingModel(PlayedModel("big", [says("hi")]), "solo", tape), UserText(key))
        digests.append(exchanges(tmp_path / name)[0].sha256)
    assert digests[0] == digests[1]
