"""Held-out questions: a program reports what it saw, the host knows what is right."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from court import PROBE, Container, court, report
from fakes import ran, task

from runner.config.probes import load_probe
from runner.errors import UsageError
from runner.judge.change import NOTHING
from runner.judge.judge import judge
from runner.judge.probes import equal
from runner.types import Check, ExecResult

PROGRAM = "import typer\n"
FILE = f"program = '{PROGRAM.strip()}'\n[expected]\nanswer = 42\n"


@pytest.fixture
def probed(tmp_path: Path) -> Callable[[ExecResult], Check]:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "probe.toml").write_text(FILE)

    def probe(printed: ExecResult) -> Check:
        container = Container(json.dumps(report()).encode(), printed=printed)
        checks = judge(court(container, task(folder=tmp_path, checks=(PROBE,))), NOTHING).checks
        assert container.sandbox.stdins[-1] == PROGRAM.strip().encode()
        (check,) = (each for each in checks if each.name == "callable")
        return check

    return probe


@pytest.mark.parametrize("printed", [b'{"answer": 42}', b'noise\n{"answer": 42}\n\n'])
def test_the_right_values_pass(probed: Callable[[ExecResult], Check], printed: bytes) -> None:
    assert probed(ran(printed)).passed


NO_ANSWERS = {
    "silence": ran(b""),
    "garbage": ran(b"hello"),
    "no UTF-8": ran(b"\xff\xfe"),
    "not an object": ran(b"42"),
    "a list": ran(b'[{"answer": 42}]'),
    "nothing said": ran(b"{}"),
    "a claim": ran(b'{"passed": true}'),
    "a claim beside a wrong value": ran(b'{"answer": 41, "passed": true}'),
    "something more": ran(b'{"answer": 42, "more": 1}'),
    "another type": ran(b'{"answer": "42"}'),
    "almost that type": ran(b'{"answer": 42.0}'),
    "said, then crashed": ran(b'{"answer": 42}', 1),
    "said, then killed": ran(b'{"answer": 42}', None, 9),
    "said, then hung": ran(b'{"answer": 42}', None, 9, timed_out=True),
    "said, then more": ran(b'{"answer": 42}\nTraceback'),
    "brackets without end": ran(b"[" * 100_000),
    "not a number": ran(b'{"answer": NaN}'),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_any_other_answer_of_a_probe_fails(
    probed: Callable[[ExecResult], Check], name: str
) -> None:
    assert not probed(NO_ANSWERS[name]).passed


def test_wrong_values_are_named_and_what_was_seen_is_no_part_of_the_verdict(
    probed: Callable[[ExecResult], Check],
) -> None:
    assert probed(ran(b'{"answer": 41}')).detail == {"cases": 1, "wrong": ["answer"]}


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), ("1", 1), (0, False), ([1], [True]), ({"a": 1}, {"a": 1.0}), ([], {})],
)
def test_values_of_other_types_differ(one: object, other: object) -> None:
    assert one == other or type(one) is not type(other)
    assert not equal(one, other)
    assert not equal({"x": [one]}, {"x": [other]})
    assert equal({"x": [one]}, {"x": [one]})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "program"),
        ("program = 'x'\n", "expected"),
        ("program = 'x'\n[expected]\n", "expected"),
        ("program = 1\n[expected]\na = 1\n", "program"),
        ("import json\n", "TOML"),
    ],
)
def test_a_file_without_a_program_or_expected_values_is_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(UsageError, match=reason):
        load_probe(tmp_path / "p.toml")
