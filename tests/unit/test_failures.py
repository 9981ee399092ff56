"""What follows from each kind of failure."""

import pytest

from runner.models.failures import RULES, pauses_run, retried, sent_again


@pytest.mark.parametrize(
    "kind",
    [
        "spend_limit",
        "billing_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "redirect",
    ],
)
def test_what_only_a_person_can_mend_pauses_the_run(kind: str) -> None:
    assert pauses_run(kind)


def test_nothing_else_pauses_the_run() -> None:
    assert sum(map(pauses_run, RULES)) == 6
    assert not pauses_run("a word of tomorrow's")


def test_only_what_was_lost_is_sent_again_and_only_what_was_not_is_retried() -> None:
    for kind, rule in RULES.items():
        assert not (rule.lost and rule.retried), kind
        assert not (rule.pauses and (rule.retried or rule.lost)), kind
        if sent_again(kind):
            assert rule.lost, kind
    assert not sent_again("a word of tomorrow's")


@pytest.mark.parametrize(
    ("status", "again"), [(400, False), (408, True), (409, True), (429, True), (500, True)]
)
def test_a_word_that_is_not_known_is_told_by_its_status(status: int, again: bool) -> None:
    assert retried("a word of tomorrow's", status) is again
