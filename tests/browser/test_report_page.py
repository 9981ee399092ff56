"""The report as a person meets it: opened from disk in a real browser."""

from pathlib import Path

import pytest
from browser import Browser
from looking import IN_VIEW, PAINTED, PANE, SHOWN, VISIBLE, fresh, quiet
from many_trials import fill
from report_record import reported, said, trial, write

from analysis.report.build import answered, build
from analysis.report.detail import Places
from analysis.report.page import page
from analysis.report.rows import Question, read_record

CARD = "list-2026-11"


def test_an_empty_record_is_a_page_that_says_so(browser: Browser, tmp_path: Path) -> None:
    reported(tmp_path)
    fresh(browser, tmp_path / "report.html")
    assert "There are no live trials." in browser.ask("return document.body.innerText")
    quiet(browser, tmp_path / "report.html")


def test_what_models_and_tools_said_is_shown_and_never_run(browser: Browser, live: Path) -> None:
    fresh(browser, live, "#trial=live-A-T1-0-1")
    browser.wait(PANE, "#left")
    browser.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    text = browser.ask("return document.querySelector('#left').innerText")
    # Why it ended, evidence, change, what it was told, what it said, what a tool returned.
    assert text.count("<script>window.ran = 1</script>") == 6
    assert "\\x1b[31mred\\x1b[0m\\u202e" in text
    assert "\\udcff" in text
    assert browser.ask("return window.ran ?? null") is None
    assert browser.ask("return document.querySelectorAll('#left script, #left img').length") == 0
    quiet(browser, live)


def test_simulated_trials_carry_a_mark_that_stays_in_view(browser: Browser, scripted: Path) -> None:
    fresh(browser, scripted)
    assert browser.ask("return document.title").startswith("SIMULATED")
    for place in ("0", "document.documentElement.scrollHeight"):
        browser.ask(f"scrollTo({{top: {place}, behavior: 'instant'}})")
        assert browser.ask(IN_VIEW, ".warning")
    rows, marked = browser.ask("""
        return ['#all tbody tr', '#all tbody .kind-scripted']
            .map(what => document.querySelectorAll(what).length)""")
    assert rows == marked == 32
    captions = browser.ask(
        "return [...document.querySelectorAll('caption')].map(c => c.textContent)"
    )
    assert all("simulated" in caption for caption in captions)


def test_real_trials_carry_no_such_mark(browser: Browser, live: Path) -> None:
    fresh(browser, live)
    assert browser.ask("return document.querySelectorAll('.warning, .kind-scripted').length") == 0


def test_search_and_filters_narrow_the_table_and_tell_the_count(
    browser: Browser, live: Path
) -> None:
    fresh(browser, live)
    browser.write("#f-text", "b-t1")
    assert browser.ask(SHOWN) == [f"live-B-T1-{n}-1" for n in range(4)]
    browser.ask("""
        const status = document.querySelector('select[data-column=status]');
        status.value = 'failed'; status.dispatchEvent(new Event('input', {bubbles: true}))""")
    assert browser.ask(SHOWN) == ["live-B-T1-0-1"]
    assert browser.ask("return document.querySelector('#f-count').textContent") == "1 of 32 trials"
    browser.write("#f-text", "nobody")
    assert browser.ask(SHOWN) == []
    assert browser.ask(VISIBLE, "#f-none")


def test_columns_sort_by_worth_not_by_letters(browser: Browser, live: Path) -> None:
    fresh(browser, live)
    for order, first in (("ascending", "live-D"), ("descending", "live-C")):
        browser.ask("document.querySelector('th button[data-sort=\"6\"]').click()")
        assert browser.ask(SHOWN)[0].startswith(first)
        assert browser.ask("return document.querySelector('th[aria-sort]').ariaSort") == order


def test_a_trial_is_opened_unfolded_and_left_by_keyboard_alone(
    browser: Browser, live: Path
) -> None:
    fresh(browser, live)
    browser.ask("document.querySelector('#all tbody a').focus()")
    browser.press("enter")
    browser.wait(PANE, "#left")
    folded = ".said.returned details"
    assert browser.ask("return document.querySelector(arguments[0]).open", folded) is False
    assert not browser.ask(VISIBLE, f"{folded} pre")
    browser.ask("document.querySelector(arguments[0] + ' summary').focus()", folded)
    browser.press("enter")
    assert browser.ask(VISIBLE, f"{folded} pre")
    browser.press("escape")
    browser.wait("return !document.querySelector('#viewer').open")
    assert browser.ask("return document.activeElement.textContent") == "live-A-T1-0-1"
    quiet(browser, live)


def tabbed(browser: Browser, selector: str, most: int = 40) -> None:
    """The focus on what is meant, by the Tab key alone."""
    for _ in range(most):
        browser.press("tab")
        if browser.ask("return document.activeElement.matches(arguments[0])", selector):
            return
    raise AssertionError(f"{selector} is not reached by {most} tabs")


def test_what_the_demo_leaves_is_read_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    events = trial("C", "T3", kind="scripted")
    write(tmp_path / "results", [events])
    said(tmp_path / "results", events)
    reported(tmp_path / "results")
    path = tmp_path / "results" / "report.html"
    fresh(browser, path)
    assert browser.ask("return document.title").startswith("SIMULATED")
    assert browser.ask(IN_VIEW, ".warning")
    assert "No answer: the trials are simulated" in browser.ask("return document.body.innerText")
    tabbed(browser, "#f-text", most=80)
    browser.write("#f-text", "nobody")
    assert browser.ask(SHOWN) == []
    browser.write("#f-text", "c t3")
    assert browser.ask(SHOWN) == ["scripted-C-T3-0-1"]
    tabbed(browser, "#all tbody a")
    browser.press("enter")
    browser.wait(PANE, "#left")
    tabbed(browser, "#v-beside")
    browser.press("enter")
    assert browser.wait(PANE, "#right") == browser.ask(PANE, "#left") == "scripted-C-T3-0-1"
    browser.press("escape")
    browser.wait("return !document.querySelector('#viewer').open")
    quiet(browser, path)


def test_a_filter_is_set_by_keyboard_alone(browser: Browser, scripted: Path) -> None:
    fresh(browser, scripted)
    browser.ask("document.querySelector('#f-text').focus()")
    tabbed(browser, "select[data-column=arm]", most=2)
    browser.press("down")
    browser.wait("return document.querySelector('#f-count').textContent === '8 of 32 trials'")
    assert {name.split("-")[1] for name in browser.ask(SHOWN)} == {"A"}


def test_many_trials_get_pages_of_their_own_and_still_stand_side_by_side(
    browser: Browser, scripted: Path, tmp_path: Path
) -> None:
    """Whether they fit in is the only difference, so that few trials show it as well."""
    question = Question(scripted.with_name("trials.duckdb"), ("scripted",), CARD, CARD)
    record = read_record(question)
    places = Places(scripted.with_name("transcripts"), scripted.with_name("changes"), {})
    made = page(build(record, answered(record)), record.trials, places, "many", embed_bytes=0)
    path = tmp_path / "many.html"
    path.write_text(made.html, encoding="utf-8")
    (tmp_path / "many").mkdir()
    for name, text in made.files:
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert len(list((tmp_path / "many").iterdir())) == 32 + 1  # and their one style sheet
    fresh(browser, path, "#trial=scripted-A-T1-0-1&beside=scripted-B-T1-0-1")
    browser.wait("return document.querySelectorAll('.pane iframe').length === 2")
    quiet(browser, path)
    alone = tmp_path / "many" / "scripted-A-T1-0-1.html"
    fresh(browser, alone)
    assert browser.ask(IN_VIEW, ".warning")
    browser.wait("return document.querySelectorAll('.said').length > 0")
    assert "<script>window.ran" in browser.ask("return document.body.innerText")
    assert browser.ask("return window.ran ?? null") is None
    assert browser.ask("return getComputedStyle(document.body).margin") == "0px"  # by its style
    browser.click("#unfold")
    assert browser.ask("return [...document.querySelectorAll('.output')].every(e => e.open)")
    quiet(browser, alone)


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_it_without_scrolling_sideways(
    browser: Browser, live: Path, dark: bool
) -> None:
    fresh(browser, live)
    browser.look(390, 844, dark=dark)
    assert browser.ask("return [document.documentElement.scrollWidth, innerWidth]") == [390, 390]


def test_a_thousand_trials_open_in_a_moment_from_a_small_file(
    browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path, 1000)
    reported(tmp_path)
    path = tmp_path / "report.html"
    assert path.stat().st_size < 5_000_000
    paints = []
    for _ in range(3):  # a busy machine delays some of them, a heavy page all
        fresh(browser, path)
        paints.append(browser.wait(PAINTED))
    assert min(paints) <= 1500
    assert len(browser.ask(SHOWN)) == 1000
    assert browser.ask("return document.querySelectorAll('.picture.light svg').length") >= 8
    browser.click("#all tbody a")
    browser.wait("return document.querySelectorAll('#left iframe').length === 1")
    quiet(browser, path)
    alone = next(path.with_name("report-trials").glob("*-C-T2-0-*.html"))
    fresh(browser, alone)
    browser.wait("return document.querySelectorAll('.said').length > 30")
    quiet(browser, alone)
