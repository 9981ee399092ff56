"""Pictures as files: SVG and PNG for both grounds, words, and one interactive page of them all."""

import json
from collections.abc import Collection, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path

import vl_convert

from analysis.charts.drawing import plain
from analysis.charts.picture import Picture
from analysis.colours import darkened
from runner.errors import EnvironmentProblem

PAGE = "pictures.html"
FORMS = ("svg", "png", "html")
SCALE = 2.0  # of PNG: sharp in print and on dense screens

SNIPPET = "window.drawVega = vegaEmbed;"


def write(
    pictures: Mapping[str, Picture], folder: Path, forms: Collection[str] = FORMS
) -> tuple[Path, ...]:
    """Write `NAME-light` and `NAME-dark` as `.svg` and `.png`, and `pictures.html`.

    Comes back with the files written; those of `forms` only.

    The folder is made if need be; files of the same names are replaced.

    Raises:
        EnvironmentProblem: the folder can't be written.
    """
    made: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            for ground, svg in (("light", picture.svg_light), ("dark", picture.svg_dark)):
                path = folder / f"{safe(name)}-{ground}"
                if "svg" in forms:
                    made.append(path.with_name(f"{path.name}.svg"))
                    made[-1].write_text(svg, encoding="utf-8")
                if "png" in forms:
                    made.append(path.with_name(f"{path.name}.png"))
                    made[-1].write_bytes(vl_convert.svg_to_png(svg, scale=SCALE))
        if "html" in forms:
            made.append(folder / PAGE)
            made[-1].write_text(page(pictures), encoding="utf-8")
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {folder}: {error.strerror or error}") from error
    return tuple(made)


def safe(name: str) -> str:
    """The name as a file's: what is no letter, digit, dot or dash becomes a dash."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)


def page(pictures: Mapping[str, Picture]) -> str:
    """One HTML page with every picture, interactive where it is a chart; it fetches nothing.

    It follows the reader's choice of light or dark, and shows the SVGs where scripts are off.
    """
    specs = {
        name: {"light": picture.spec, "dark": json.loads(darkened(json.dumps(picture.spec)))}
        for name, picture in pictures.items()
        if picture.spec is not None
    }
    frame = files("analysis.charts").joinpath("page.html").read_text(encoding="utf-8")
    parts = {
        "@SCRIPT@": inert(vl_convert.javascript_bundle(SNIPPET)) if specs else "",
        "@SPECS@": inert(json.dumps(specs)).replace("<", "\\u003c"),
        "@FIGURES@": "".join(figure(name, picture) for name, picture in pictures.items()),
    }
    for mark, text in parts.items():
        frame = frame.replace(mark, text, 1)
    return frame


def figure(name: str, picture: Picture) -> str:
    """One picture: both SVGs, of which the page shows one, and its words to unfold."""
    return (
        f'<figure data-name="{escape(name)}"><div class="drawn">'
        f'<div class="light">{picture.svg_light}</div><div class="dark">{picture.svg_dark}</div>'
        f"</div><figcaption><details><summary>{escape(plain(picture.title))}, in words</summary>"
        f"<p>{escape(plain(picture.text))}</p></details></figcaption></figure>\n"
    )


def inert(script: str) -> str:
    """A script's text without what would end its element early."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
