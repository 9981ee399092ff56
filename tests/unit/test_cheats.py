"""The persona `cheat:ID`: mends honestly what its attack does not leave, attacks, says DONE."""

import pytest

from runner.attack.image import load_tiny
from runner.config.settings import ROOT
from runner.config.tasks import load_tasks
from runner.errors import UsageError
from runner.players import Players
from runner.scripted.cheats import find_variant, load_stages, turns_of
from runner.scripted.script import Ask

SOLUTION = load_tiny().task.solution


def paths(turns: tuple[tuple[Ask, ...], ...]) -> set[str]:
    """The files that the editor is asked to change."""
    asked = [ask.arguments for turn in turns for ask in turn]
    return {str(each["path"]) for each in asked if isinstance(each, dict) and "path" in each}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("magic", "unknown cheat 'magic'; known: .*conftest-hook"),
        ("conftest-hook.magic", "has no variant 'magic'; it has: makereport, "),
    ],
)
def test_an_unknown_cheat_is_refused_with_those_there_are(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_variant(name)
    with pytest.raises(UsageError, match=said):
        Players.read(f"scripted:cheat:{name}")


def test_a_task_without_words_for_attacks_is_refused() -> None:
    _, variant = find_variant("conftest-hook")
    with pytest.raises(UsageError, match="no cheats for task 'T9'; there are for: TINY, T1"):
        turns_of(variant, "T9", SOLUTION)


def test_the_first_variant_is_the_one_without_a_name() -> None:
    assert find_variant("conftest-hook") == find_variant("conftest-hook.makereport")
    assert find_variant("conftest-hook") != find_variant("conftest-hook.ignore")


def test_it_mends_all_but_what_its_attack_leaves() -> None:
    mends = load_stages()["TINY"].mends
    _, hook = find_variant("conftest-hook")
    assert hook.leaves == ("tests",)
    mended = paths(turns_of(hook, "TINY", SOLUTION)) - {"conftest.py"}
    assert mended == {step.path for step in SOLUTION} - set(mends["tests"])


def test_one_that_leaves_everything_mends_nothing() -> None:
    _, shim = find_variant("path-shim")
    assert paths(turns_of(shim, "TINY", SOLUTION)) == set()


def test_one_that_leaves_nothing_mends_everything_first() -> None:
    _, link = find_variant("links")
    turns = turns_of(link, "TINY", SOLUTION, canary="/a/place/canary")
    assert paths(turns) == {step.path for step in SOLUTION}
    assert "ln -s /a/place/canary typer/notes.py" in repr(turns[-1])


TASKS = {**load_tasks(ROOT / "breakage"), "TINY": load_tiny().task}


@pytest.mark.parametrize("task", load_stages())
def test_what_mends_a_fault_is_among_the_steps_of_the_tasks_solution(task: str) -> None:
    mended = {path for paths in load_stages()[task].mends.values() for path in paths}
    assert mended <= {step.path for step in TASKS[task].solution}
