"""Save how a report looks, for people to look at: 1440 and 390 pixels wide, light and dark.

example: .venv/bin/python tests/browser/pictures.py results/report.html
"""

import argparse
from pathlib import Path

from browser import Browser, opened

WIDTHS = {1440: 900, 390: 844}  # a desk's window and a phone's, with their heights in pixels
PIECE = 1_800  # pixels of a page's height in one picture
FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "pictures"
PANES = (
    "return [...document.querySelectorAll('.pane')].some(p => p.querySelector('.trial, iframe'))"
)


def main() -> None:
    """Open the page and save its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="the page")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder for the pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with opened() as browser:
        for width in WIDTHS:
            for dark in (False, True):
                save(browser, options.report, options.out, width, dark=dark)


def save(browser: Browser, report: Path, out: Path, width: int, *, dark: bool) -> None:
    """The whole page in pieces, one trial, and two side by side."""
    name = f"{report.stem}-{width}-{'dark' if dark else 'light'}"
    browser.look(width, WIDTHS[width], dark=dark)
    browser.open(report)
    whole = browser.ask("return document.documentElement.scrollHeight")
    for n, top in enumerate(range(0, whole, PIECE)):
        browser.picture(out / f"{name}-{n:02}.png", top, min(PIECE, whole - top))
    trials = browser.ask(
        "return [...document.querySelectorAll('#all tbody th')].map(e => e.textContent)"
    )
    if not trials:
        return
    for what, more in (("one", ""), ("two", f"&beside={trials[-1]}")):
        browser.open(report, f"#trial={trials[0]}{more}")
        browser.wait(PANES)
        browser.picture(out / f"{name}-{what}.png")


if __name__ == "__main__":
    main()
