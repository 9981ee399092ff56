"""How tests look at a report's page: what they ask the browser, and that it stayed quiet."""

from pathlib import Path

from browser import Browser

VISIBLE = "const e = document.querySelector(arguments[0]); return e && e.checkVisibility()"
IN_VIEW = """
    const box = document.querySelector(arguments[0]).getBoundingClientRect();
    return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight"""
SHOWN = """return [...document.querySelectorAll('#all tbody tr')].filter(r => !r.hidden)
    .map(r => r.cells[0].textContent)"""
PAINTED = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
PANE = "return document.querySelector(arguments[0] + ' .trial')?.dataset.trial"


def quiet(browser: Browser, path: Path) -> None:
    """Nothing was complained about, and nothing but the page and its own parts asked for."""
    assert browser.console() == []
    beside = path.parent.resolve().as_uri()
    asked = [url for url in browser.requests() if not url.startswith(("chrome:", "about:"))]
    assert asked
    assert [url for url in asked if not url.startswith(beside)] == []


def fresh(browser: Browser, path: Path, fragment: str = "") -> None:
    """The page opened in a desktop window, with the logs of earlier pages let go."""
    browser.look(1440, 900, dark=False)
    browser.open(path)
    browser.console()
    browser.requests()
    browser.open(path, fragment)
