"""What every report must do in a browser, whoever made its trials: tests, a matrix, others."""

from pathlib import Path

import pytest
from browser import Browser
from looking import IN_VIEW, PANE, SHOWN, VISIBLE, fresh, quiet

CELLS = """return [...document.querySelectorAll('#all tbody tr')]
    .map(r => [r.cells[0].textContent, r.cells[1].textContent])"""
MARKS = """return [...document.querySelectorAll('.picture.' + arguments[0] + ' svg')]
    .map(svg => svg.querySelectorAll('path[d], rect, line, circle').length)"""
OUTPUTS = "return [...document.querySelectorAll('.pane .output')].map(e => e.open)"


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_pictures_have_marks_on_the_ground_that_is_asked_for(
    browser: Browser, each: Path, ground: str
) -> None:
    fresh(browser, each)
    browser.look(1440, 900, dark=ground == "dark")
    other = {"light": "dark", "dark": "light"}[ground]
    marks = browser.ask(MARKS, ground)
    assert len(marks) >= 5
    assert min(marks) > 0
    assert browser.ask(VISIBLE, f".picture.{ground} svg")
    assert not browser.ask(VISIBLE, f".picture.{other}")
    quiet(browser, each)


def test_the_trials_of_one_arm_are_found(browser: Browser, each: Path) -> None:
    fresh(browser, each)
    before = browser.ask(CELLS)
    wanted = [name for name, arm in before if arm == "D"]
    assert 0 < len(wanted) < len(before)
    browser.ask("""
        const arm = document.querySelector('select[data-column=arm]');
        arm.value = 'D'; arm.dispatchEvent(new Event('input', {bubbles: true}))""")
    assert browser.ask(SHOWN) == wanted
    said = browser.ask("return document.querySelector('#f-count').textContent")
    assert said == f"{len(wanted)} of {len(before)} trials"
    browser.write("#f-text", wanted[-1])
    assert browser.ask(SHOWN) == wanted[-1:]


def test_two_trials_stand_side_by_side(browser: Browser, each: Path) -> None:
    fresh(browser, each)
    names = [name for name, _ in browser.ask(CELLS)]
    last = len(names) - 1
    browser.click("button[data-pick='0']")
    browser.click(f"button[data-pick='{last}']")
    browser.wait(PANE, "#right")
    assert [browser.ask(PANE, side) for side in ("#left", "#right")] == [names[0], names[last]]
    left, right = browser.ask("""
        return ['#left', '#right'].map(s => document.querySelector(s).getBoundingClientRect())""")
    assert left["right"] <= right["left"]
    assert left["width"] > 500
    browser.ask("""
        const other = document.querySelector('#right select');
        other.value = 1; other.dispatchEvent(new Event('change'))""")
    browser.wait(f"return ({PANE.removeprefix('return ')}) === '{names[1]}'", "#right")
    quiet(browser, each)


def test_what_tools_returned_is_folded_until_it_is_asked_for(browser: Browser, each: Path) -> None:
    fresh(browser, each)
    name = browser.ask(CELLS)[0][0]
    browser.click("#all tbody a")
    browser.wait(PANE, "#left")
    if name.startswith("imported"):  # nobody published what was said
        assert "There is no transcript of this trial" in browser.ask(
            "return document.querySelector('#left').innerText"
        )
        return
    folded = browser.ask(OUTPUTS)
    assert folded
    assert not any(folded)
    browser.click("#v-unfold")
    assert browser.ask(OUTPUTS) == [True] * len(folded)
    assert browser.ask(VISIBLE, ".said.returned pre")
    quiet(browser, each)


def test_a_scripted_matrix_shows_what_was_changed_and_that_nobody_real_did_it(
    browser: Browser, played: Path
) -> None:
    fresh(browser, played)
    assert browser.ask("return document.title").startswith("SIMULATED")
    assert browser.ask(IN_VIEW, ".warning")
    browser.click("#all tbody a")
    browser.wait(PANE, "#left")
    browser.ask("document.querySelectorAll('#left details').forEach(each => each.open = true)")
    diffs = browser.ask("""
        return [...document.querySelectorAll('#left .file')].map(file => file.innerText)""")
    assert [diff.split()[0] for diff in diffs] == ["typer/colors.py", "typer/standin.py"]
    assert "VALUE = 1" in diffs[1]  # as the task S1 asks
    said = browser.ask("return document.querySelectorAll('#left .said').length")
    assert said > 5
    quiet(browser, played)


def test_the_published_data_have_their_answer_and_every_row(
    browser: Browser, imported: Path
) -> None:
    fresh(browser, imported)
    assert len(browser.ask(SHOWN)) == 41
    assert browser.ask("return document.querySelectorAll('.answer').length") == 3
    quiet(browser, imported)
