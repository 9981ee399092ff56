"""From a chart, or from nothing, to a picture: SVG for both grounds, labelled and marked."""

import re
from collections.abc import Mapping, Sequence
from textwrap import wrap
from xml.sax.saxutils import escape, quoteattr

import vl_convert

from analysis.charts.picture import Picture, Spec
from analysis.charts.theme import CONFIG, FONT, SIMULATED
from analysis.colours import ALERT, GROUND, INK, MUTED, darkened

# What XML can't hold: control characters, and halves of surrogate pairs.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ROOT = re.compile(r"<svg\b([^>]*)>")
_SIZE = re.compile(r'\b(width|height)="([0-9.]+)"')


def plain(text: str) -> str:
    """The text without what a drawing can't hold."""
    return UNSEEN.sub("\ufffd", text)


def scrubbed(value: object) -> object:
    """The value with every text in it `plain`: one control character aborts the whole process."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {name: scrubbed(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(each) for each in value]
    return value


def charted(title: str, text: str, chart: Spec, *, simulated: bool) -> Picture:
    """The picture of a chart.

    The specification doesn't name its schema: that is an address, and would look like something
    to be fetched.
    """
    spec: Spec = {name: scrubbed(value) for name, value in chart.items()} | {"config": CONFIG}
    svg = str(vl_convert.vegalite_to_svg(dict(spec)))
    return _picture(title, text, spec, svg, simulated)


def drawn(title: str, text: str, parts: Sequence[str], size: tuple[int, int], *, simulated: bool
          ) -> Picture:  # fmt: skip
    """The picture of SVG elements drawn by hand, with its title above them (40 pixels)."""
    width, height = size
    heading = f"{SIMULATED} · {title}" if simulated else title
    colour = ALERT if simulated else INK
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="{FONT}">'
        f'<rect width="{width}" height="{height}" fill="{GROUND.light}"/>'
        f"{words(16, 28, heading, size=15, colour=colour.light, bold=True)}{''.join(parts)}</svg>"
    )
    return _picture(title, text, None, svg, simulated)


def message(title: str, text: str, *, simulated: bool = False) -> Picture:
    """What stands where there is nothing to draw: why."""
    lines = wrap(plain(text), 84)
    parts = [
        words(16, 56 + 20 * n, line, size=13, colour=MUTED.light) for n, line in enumerate(lines)
    ]
    return drawn(title, text, parts, (640, 60 + 20 * len(lines)), simulated=simulated)


def words(
    x: float,
    y: float,
    text: str,
    *,
    size: int,
    colour: str,
    bold: bool = False,
    middle: bool = False,
) -> str:
    """A line of text as an SVG element; `x` is its start, or its middle."""
    weight = ' font-weight="bold"' if bold else ""
    anchor = ' text-anchor="middle"' if middle else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}"{weight}{anchor}>'
        f"{escape(plain(text))}</text>"
    )


def _picture(title: str, text: str, spec: Spec | None, svg: str, simulated: bool) -> Picture:
    svg = _labelled(_marked(svg) if simulated else svg, plain(text))
    return Picture(title, text, spec, svg, darkened(svg))


def _labelled(svg: str, text: str) -> str:
    label = quoteattr(text)
    return _ROOT.sub(lambda found: f'<svg{found[1]} role="img" aria-label={label}>', svg, count=1)


def _marked(svg: str) -> str:
    """The drawing with the watermark of simulated data behind all marks."""
    sizes = {name: float(value) for name, value in _SIZE.findall(svg)[:2]}
    x, y = sizes["width"] / 2, sizes["height"] / 2
    large = min(96, sizes["width"] / 8, sizes["height"] / 3)
    mark = (
        f'<text class="watermark" x="{x:g}" y="{y:g}" transform="rotate(-18 {x:g} {y:g})" '
        f'text-anchor="middle" dominant-baseline="central" font-family="{FONT}" '
        f'font-size="{large:g}" font-weight="bold" fill="{ALERT.light}" fill-opacity="0.12" '
        f'aria-hidden="true">{SIMULATED}</text>'
    )
    ground = svg.index("/>", svg.index("<rect")) + 2
    return f"{svg[:ground]}{mark}{svg[ground:]}"
