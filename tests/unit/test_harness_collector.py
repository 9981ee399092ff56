"""The judge's end of the line: one connection, its owner, and whether it said all."""

import importlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parents[2] / "images" / "typer-base"


@pytest.fixture(scope="module")
def module() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROGRAMS))
        yield importlib.import_module("runner_harness.collector")


@pytest.fixture
def heard(module: Any, tmp_path: Path) -> Callable[[Callable[[Path], None]], dict[str, Any]]:
    """What is collected while `speak(gate)` runs."""

    def hear(speak: Callable[[Path], None]) -> dict[str, Any]:
        collector = module.Collector(tmp_path / "court")
        speaker = threading.Thread(target=speak, args=(tmp_path / "court" / "gate",))
        speaker.start()
        found: dict[str, Any] = collector.collect(10.0)
        speaker.join()
        return found

    return hear


def saying(data: bytes) -> Callable[[Path], None]:
    def speak(gate: Path) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(gate))
            line.sendall(data)

    return speak


def test_nobody_came(module: Any, tmp_path: Path) -> None:
    found = module.Collector(tmp_path / "court").collect(0.01)
    assert found == {"connected": False, "peer_uid": None, "whole": False, "lines": []}


def test_lines_are_kept_and_their_owner_is_known(heard: Any) -> None:
    found = heard(saying(b'["hello"]\n["end", 0, 1]\n'))
    lines = ['["hello"]', '["end", 0, 1]']
    assert found == {"connected": True, "peer_uid": os.getuid(), "whole": True, "lines": lines}


def test_a_line_that_was_cut_off_is_not_whole(heard: Any) -> None:
    assert heard(saying(b'["hello"]\n["end"'))["whole"] is False


def test_more_than_is_kept_is_not_whole_and_blocks_nobody(heard: Any, module: Any) -> None:
    found = heard(saying(b"x" * (module.STREAM_BYTES + 3_000_000) + b"\n"))
    assert found["whole"] is False
    assert sum(map(len, found["lines"])) == module.STREAM_BYTES


def test_what_is_no_ascii_is_kept_as_text(heard: Any) -> None:
    assert heard(saying(b"\xff\x1b\n"))["lines"] == ["\\xff\x1b"]


def test_once_somebody_came_nobody_else_can(heard: Any) -> None:
    refused = []

    def speak(gate: Path) -> None:
        with socket.socket(socket.AF_UNIX) as line, socket.socket(socket.AF_UNIX) as other:
            line.connect(str(gate))
            while gate.exists():  # until the collector took it up
                line.sendall(b"\n")
            try:
                other.connect(str(gate))
            except OSError as problem:
                refused.append(type(problem))

    assert heard(speak)["connected"]
    assert refused == [FileNotFoundError]


def test_a_report_is_nobody_elses(module: Any, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.symlink_to(tmp_path / "elsewhere")
    module.write_own(path, b"{}")
    assert path.read_bytes() == b"{}"
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "elsewhere").exists()
