import json
from collections.abc import Callable
from pathlib import Path

import pytest
from court import NOTHING, PROBE, Container, court, report
from fakes import ran, task

from runner.judge.judge import judge
from runner.types import Check, ExecResult


@pytest.fixture
def probed(tmp_path: Path) -> Callable[[ExecResult], Check]:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "probe.py").write_bytes(b"import typer\n")

    def probe(printed: ExecResult) -> Check:
        container = Container(json.dumps(report()).encode(), printed=printed)
        checks = judge(court(container, task(folder=tmp_path, checks=(PROBE,))), NOTHING).checks
        assert container.sandbox.stdins[-1] == b"import typer\n"
        (check,) = (each for each in checks if each.name == "callable")
        return check

    return probe


@pytest.mark.parametrize(
    "printed",
    [
        b'{"passed": true}',
        b'{"passed": true, "detail": {"problems": []}}\n',
        b'noise\n{"passed": true}\n\n',
    ],
)
def test_a_probe_that_says_passed_passes(
    probed: Callable[[ExecResult], Check], printed: bytes
) -> None:
    assert probed(ran(printed)).passed


NO_ANSWERS = {
    "silence": ran(b""),
    "garbage": ran(b"hello"),
    "no UTF-8": ran(b"\xff\xfe"),
    "not an object": ran(b"true"),
    "a list": ran(b'[{"passed": true}]'),
    "nothing said": ran(b"{}"),
    "no": ran(b'{"passed": false}'),
    "one": ran(b'{"passed": 1}'),
    "a word": ran(b'{"passed": "true"}'),
    "said, then crashed": ran(b'{"passed": true}', 1),
    "said, then killed": ran(b'{"passed": true}', None, 9),
    "said, then hung": ran(b'{"passed": true}', None, 9, timed_out=True),
    "said, then more": ran(b'{"passed": true}\nTraceback'),
    "brackets without end": ran(b"[" * 100_000),
    "not a number": ran(b'{"passed": true, "detail": {"x": NaN}}'),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_any_other_answer_of_a_probe_fails(
    probed: Callable[[ExecResult], Check], name: str
) -> None:
    assert not probed(NO_ANSWERS[name]).passed


@pytest.mark.parametrize("detail", ["[1]", '"words"', "7", "null"])
def test_a_detail_that_is_no_object_is_kept_as_one(
    probed: Callable[[ExecResult], Check], detail: str
) -> None:
    printed = f'{{"passed": true, "detail": {detail}}}'.encode()
    assert probed(ran(printed)).detail == {"said": json.loads(detail)}
