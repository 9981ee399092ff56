"""One attack of each sort, on real containers: it wins on the naive side and loses on ours."""

import re
from collections.abc import Iterator

import pytest

from runner.attack.catalogue import load_tricks
from runner.attack.fair import heard_in_full, small_work
from runner.attack.stage import Arena, open_arena
from runner.attack.suite import Plan, run_suite
from runner.attack.table import Results, faults
from runner.catalogue import load_catalogue
from runner.config.settings import load_settings

pytestmark = pytest.mark.docker
WHY = {
    "conftest-hook.makereport": "refused by .*pytest",
    "links.symlink": "refused by change",
    "io-uring.setup": "closed",
    "daemons.setsid": "0 processes live on",
    "re-roll.kill-everything": "failed: ",
    "re-roll.home-is-a-file": "failed: ",
    "swap-back.traces": "refused by ruff_check",
}


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    settings = load_settings()
    with open_arena(settings, load_catalogue(settings), lambda _text: None) as arena:
        yield arena


@pytest.fixture(scope="module")
def results(arena: Arena) -> Results:
    found = Results()
    for result in run_suite(arena, Plan(load_tricks(list(WHY))), workers=2):
        found.add(result)
    return found


def test_each_wins_on_the_naive_side_and_loses_on_ours(results: Results) -> None:
    assert faults(results) == []
    assert {each.name for each in results.outcomes} == set(WHY)


def test_the_naive_side_falls_for_none_when_the_attack_is_left_out(results: Results) -> None:
    assert len(results.controls) == len(WHY) - 1  # both re-rolls have one
    assert [each.name for each in results.controls if each.naive.won] == []


@pytest.mark.parametrize("name", WHY)
def test_our_side_says_what_stopped_it(results: Results, name: str) -> None:
    (found,) = [each for each in results.outcomes if each.name == name]
    assert re.search(WHY[name], found.ours.why)


@pytest.mark.parametrize("name", ["TINY.oracle", "TINY.nop"])
def test_the_whole_judge_lets_honest_work_through_and_no_work_not(arena: Arena, name: str) -> None:
    change, solved = small_work(arena)[name]
    found = heard_in_full(arena.court(name, change), name, change, solved=solved)
    assert found.good, found.why
