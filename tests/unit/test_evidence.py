"""What pytest's controller says is believed only when it is a full and single account."""

import json

import pytest
from court import TESTS, outcomes, stream, told

from runner.judge.evidence import json_object, outcome_of, read_testimony

WHOLE = told(outcomes())


def line(*parts: object) -> str:
    return json.dumps(list(parts))


def ended(*lines: str) -> list[str]:
    """Those lines between a beginning and an end."""
    body = [line("hello"), *lines]
    return [*body, line("end", 1, len(body))]


def test_a_full_account_has_no_problems() -> None:
    said = read_testimony(stream(WHOLE))
    assert (said.problems, said.exit, said.ended) == ((), 1, True)
    assert said.outcomes[TESTS[0]] == "passed"


PHASES = [line("test", "a", when, "passed") for when in ("setup", "call", "teardown")]

PROBLEMS = {
    "nothing": None,
    "no lines": {"connected": True},
    "words": "ok",
    "nobody came": stream([], connected=False, whole=False),
    "somebody else came": stream(WHOLE, peer_uid=0),
    "another agent came": stream(WHOLE, peer_uid=10003),
    "cut off": stream(WHOLE, whole=False),
    "no beginning": stream(WHOLE[1:]),
    "no end": stream(WHOLE[:-1]),
    "an end that counts other lines": stream([*WHOLE[:-1], line("end", 1, 3)]),
    "an end too early": stream([WHOLE[0], line("end", 1, 1), *WHOLE[1:]]),
    "two ends": stream([*WHOLE, line("end", 1, len(WHOLE))]),
    "a line lost": stream([*WHOLE[:2], *WHOLE[3:]]),
    "two beginnings": stream(ended(line("hello"))),
    "no JSON": stream([*WHOLE[:2], "PASSED", *WHOLE[3:]]),
    "an exit code that is none": stream([line("hello"), line("end", "0", 1)]),
    "a test twice": stream(ended(*PHASES, *PHASES)),
    "a phase twice": stream(ended(*PHASES, PHASES[1])),
    "a pass beside a failure": stream(ended(*PHASES, line("test", "a", "call", "failed"))),
    "no set-up": stream(ended(*PHASES[1:])),
    "no call": stream(ended(PHASES[0], PHASES[2])),
    "no tear-down": stream(ended(*PHASES[:2])),
    "out of order": stream(ended(PHASES[1], PHASES[0], PHASES[2])),
    "another word": stream(ended(PHASES[0], line("test", "a", "call", "PASSED"), PHASES[2])),
    "an unknown line": stream(ended(line("result", "a", "passed"))),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_anything_else_has_a_problem(name: str) -> None:
    assert read_testimony(PROBLEMS[name]).problems


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name.startswith("a ")])
def test_what_was_said_wrongly_of_a_test_is_no_pass(name: str) -> None:
    assert read_testimony(PROBLEMS[name]).outcomes.get("a") != "passed"


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("passed", "passed", "passed"), "passed"),
        (("passed", "failed", "passed"), "failed"),
        (("passed", "passed", "failed"), "failed"),
        (("passed", "skipped", "passed"), "skipped"),
    ],
)
def test_the_worst_phase_is_the_outcome(words: tuple[str, ...], outcome: str) -> None:
    said = list(zip(("setup", "call", "teardown"), words, strict=True))
    assert outcome_of(said) == (outcome, "")


@pytest.mark.parametrize("word", ["failed", "skipped"])
def test_what_is_not_set_up_is_not_called(word: str) -> None:
    assert outcome_of([("setup", word), ("teardown", "passed")]) == (word, "")


def test_a_test_in_which_a_worker_died_failed() -> None:
    assert outcome_of([("???", "failed")]) == ("failed", "")


# ---- JSON from a place that cannot be trusted ---------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "NaN",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e400}',
        "{" * 9,
        '{"a":' * 9999,
        '{"a": %s}' % ("9" * 5000),
    ],
)
def test_what_no_journal_can_hold_is_no_object(text: str) -> None:
    assert json_object(text) is None


def test_an_object_is_read_whole() -> None:
    assert json_object('{"a": [1.5, -2, null, "\\ud800"]}') == {"a": [1.5, -2, None, "\ud800"]}
