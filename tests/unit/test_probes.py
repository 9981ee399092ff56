"""What becomes of a probe's answer, and of the bait; the probes themselves need a container."""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from doc_pages import ALL, table

from runner.attack import probes_around, probes_calls, probes_files, probes_network
from runner.attack.probes import BAIT_VARIABLE, NAMES, Bait, laid_bait, probe_records, run_probes
from runner.types import ExecResult

BAIT = Bait("s3cret-of-the-host", Path("/nowhere/bait.env"), 1, 0.0)


class Answering:
    """A shell in which every command prints the same."""

    def __init__(self, output: bytes) -> None:
        self.output = output
        self.asked: list[Sequence[str]] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        output_cap: int = 65_536,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        self.asked.append(argv)
        return ExecResult(0, None, self.output, len(self.output), 0.0, False)


@pytest.mark.parametrize("output", [b"", b"Traceback: killed", b"{}", b'{"capabilities": '])
def test_a_probe_that_gives_no_answer_does_not_hold(output: bytes) -> None:
    results = run_probes(Answering(output), BAIT)
    assert [result.name for result in results] == list(NAMES)
    assert not any(result.held for result in results)
    assert all("no answer" in result.said for result in results)


def test_a_way_that_stands_open_is_named_and_the_others_hold() -> None:
    answer = {name: ["/dev/mem", "/dev/sda"] if name == "devices" else [] for name in NAMES}
    results = run_probes(Answering(json.dumps(answer).encode()), BAIT)
    (opened,) = [result for result in results if not result.held]
    assert (opened.name, opened.said) == ("devices", "/dev/mem; /dev/sda")


def test_the_probes_carry_no_secret_in_with_them() -> None:
    shell = Answering(b"{}")
    run_probes(shell, BAIT)
    assert not [argv for argv in shell.asked if BAIT.secret in " ".join(argv)]
    assert all(BAIT.secret[::-1] in argv[-1] for argv in shell.asked)


def test_names_are_told_apart_and_more_than_twenty() -> None:
    assert len(set(NAMES)) == len(NAMES) > 20


def test_a_secret_in_a_record_is_found_wherever_it_lies(tmp_path: Path) -> None:
    deep = tmp_path / "transcripts" / "t.jsonl"
    deep.parent.mkdir()
    deep.write_text(f'{{"text": "{BAIT.secret}"}}\n')
    result = probe_records(BAIT, tmp_path)
    assert not result.held
    assert str(deep) in result.said


def test_no_record_at_all_proves_nothing(tmp_path: Path) -> None:
    assert not probe_records(BAIT, tmp_path).held


def test_records_without_the_secret_hold(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text("{}\n")
    assert probe_records(BAIT, tmp_path).held


def test_the_bait_lies_there_and_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BAIT_VARIABLE, "before")
    with laid_bait() as bait:
        assert os.environ[BAIT_VARIABLE] == bait.secret
        assert bait.secret in bait.path.read_text()
        socket.create_connection(("127.0.0.1", bait.port), timeout=5).close()
    assert os.environ[BAIT_VARIABLE] == "before"
    assert not bait.path.exists()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", bait.port), timeout=5)


def test_the_page_counts_the_probes_as_they_are() -> None:
    rows = table(
        ALL["docs/sandbox.md"], "What a command finds that looks for a way out", "looked at"
    )
    sockets = [name for name in probes_calls.names() if name.startswith("socket ")]
    calls = len(probes_calls.names()) - len(sockets)
    others = (probes_files.PROBES, probes_around.PROBES, probes_network.PROBES)
    assert [int(row[1]) for row in rows] == [calls, len(sockets), *map(len, others)]
    assert f"{len(NAMES)} probes" in ALL["docs/sandbox.md"]
