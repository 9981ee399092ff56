"""The report as one HTML file that needs nothing else, and a page a trial when that is too much.

Every text goes through Jinja's escaping, and the page's own policy lets no script run but the
one whose hash it names: what a model or a tool said is shown, never run.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.charts.picture import Picture
from analysis.colours import Colour, arm_colours
from analysis.report.build import MARKS, SIMULATED
from analysis.report.detail import Places
from analysis.report.parts import Report
from analysis.report.rows import Trial
from analysis.report.trial_pages import STYLE, file_names, packed_trials, pages, table_rows

EMBED_BYTES = 3_000_000  # of packed trials in the page; with more, each gets a page of its own
WIDE = 700  # pixels from which a picture gets a line of its own
FILTERS = ("arm", "task", "status", "kind")
NUMBERS = {"turns": "iterations", "USD": "usd", "time": "wall_s", "tokens": "tokens"}


@dataclass(frozen=True)
class Page:
    """The main file's text, and the text of each linked file by its path beside it.

    `files` are made as they are asked for, which takes most of a large report's time.
    """

    html: str
    files: Iterable[tuple[str, str]]
    linked: bool


def page(
    report: Report,
    trials: Sequence[Trial],
    places: Places,
    folder: str,
    embed_bytes: int = EMBED_BYTES,
) -> Page:
    """The page. Trials are packed into it up to `embed_bytes`, else linked in `folder`."""
    templates = environment(report)
    packed, whole = packed_trials(templates, trials, places, embed_bytes)
    linked = not whole
    names = file_names(trials)
    style = style_text(report)
    script = "" if not trials else source(templates, "report.js")
    html = templates.get_template("report.html").render(
        report=report,
        style=Markup(style),
        style_hash=policy_hash(style),
        script=Markup(script),
        script_hash=policy_hash(script),
        frames="frame-src 'self' file:; " if linked else "",
        trials=trials,
        embedded=not linked,
        details=Markup(json.dumps({} if linked else packed).replace("<", "\\u003c")),
        links=[
            f"{quote(folder)}/{quote(name)}" if linked else f"#trial={quote(t.row.trial_id)}"
            for name, t in zip(names, trials, strict=True)
        ],
        values=[numbers(trial, report) for trial in trials],
        choices=choices(report),
    )
    if not linked:
        return Page(html, (), linked)
    unpack = source(templates, "trial.js")
    shell = {"style": STYLE, "script": Markup(unpack), "script_hash": policy_hash(unpack)}
    beside = chain([(STYLE, style)], pages(templates, trials, places, names, packed, shell))
    return Page(html, ((f"{folder}/{name}", text) for name, text in beside), linked)


def environment(report: Report) -> Environment:
    """Where templates come from and what they may ask."""
    made = Environment(
        loader=PackageLoader("analysis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    places = {arm: n for n, arm in enumerate(report.arms)}
    kinds = {mark: kind for kind, mark in MARKS.items()}
    made.globals |= {
        "arm_index": lambda name: places.get(name, "none"),
        "kind_of": lambda mark: kinds.get(mark, mark),
        "tone": lambda status: "good" if status.endswith("solved") else "bad",
        "simulated": SIMULATED if "scripted" in report.kinds else "",
    }
    made.filters |= {"picture": drawing, "is_wide": is_wide, "table_rows": table_rows}
    return made


def source(templates: Environment, name: str) -> str:
    """A file of the templates as it is."""
    if templates.loader is None:
        raise ValueError("an environment without a loader")
    return templates.loader.get_source(templates, name)[0]


def style_text(report: Report) -> str:
    """The style sheet with the arms' colours."""
    colours = arm_colours(report.arms)
    light, dark = ("".join(rules(colours, ground)) for ground in ("light", "dark"))
    sheet = source(environment(report), "style.css")
    return f"{sheet}{light}@media (prefers-color-scheme: dark) {{ {dark} }}\n"


def rules(colours: Mapping[str, Colour], ground: str) -> Iterator[str]:
    """A rule an arm."""
    for n, arm in enumerate(colours):
        yield f".arm-{n} {{ --arm: {getattr(colours[arm], ground)}; }}\n"


def policy_hash(text: str) -> str:
    """The name of a script or style in a Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def numbers(trial: Trial, report: Report) -> list[str]:
    """What the columns of the table of all trials sort by; '' for text and for the unknown."""
    found = []
    for column in report.sections[-1].tables[0].columns:
        value = getattr(trial.row, NUMBERS[column.title]) if column.title in NUMBERS else None
        found.append("" if value is None else f"{value:.6g}")
    return found


def choices(report: Report) -> list[tuple[str, list[str]]]:
    """The values that trials can be filtered by, of columns with more than one."""
    if not report.sections or report.sections[-1].name != "trials":
        return []
    table = report.sections[-1].tables[0]
    titles = [column.title for column in table.columns]
    found = [(name, sorted({row[titles.index(name)] for row in table.rows})) for name in FILTERS]
    return [(name, values) for name, values in found if len(values) > 1]


def is_wide(picture: Picture) -> bool:
    """Whether a picture needs the page's whole width to be read."""
    size = re.search(r'<svg[^>]*\bwidth="(\d+)', picture.svg_light)
    return size is not None and int(size[1]) > WIDE


def drawing(picture: Picture, ground: str, n: int) -> Markup:
    """A picture's SVG for a light or dark ground, its ids made unique in the page."""
    svg = picture.svg_light if ground == "light" else picture.svg_dark
    svg = re.sub(r"^\s*<\?xml[^>]*\?>", "", svg)
    prefix = f"p{n}{ground[0]}-"
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r"url\((['\"]?)#", rf"url(\1#{prefix}", svg)
    return Markup(re.sub(r'href="#', f'href="#{prefix}', svg))
