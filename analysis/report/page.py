"""The report as one HTML file that needs nothing else, and a page a trial when that is too much.

Every text goes through Jinja's escaping, and the page's own policy lets no script run but the
one whose hash it names: what a model or a tool said is shown, never run.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.charts.picture import Picture
from analysis.colours import Colour, arm_colours
from analysis.report.build import MARKS, SIMULATED
from analysis.report.detail import Detail, Places, detail
from analysis.report.parts import Report
from analysis.report.rows import Trial

EMBED_BYTES = 3_000_000  # of packed trials in the page; with more, each gets a page of its own
PACKS_AT_MOST = 10  # times that text becomes smaller by packing, at the very best
WIDE = 700  # pixels from which a picture gets a line of its own
FILTERS = ("arm", "task", "status", "kind")
NUMBERS = {"turns": "iterations", "USD": "usd", "time": "wall_s", "tokens": "tokens"}


@dataclass(frozen=True)
class Page:
    """The main file's text, and the text of each linked file by its path beside it."""

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
    packed = packed_trials(templates, trials, places, embed_bytes)
    linked = packed is None
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
        details=Markup(json.dumps(packed or {}).replace("<", "\\u003c")),
        links=[
            f"{quote(folder)}/{quote(name)}" if linked else f"#trial={quote(t.row.trial_id)}"
            for name, t in zip(names, trials, strict=True)
        ],
        values=[numbers(trial, report) for trial in trials],
        choices=choices(report),
    )
    files = pages(templates, trials, places, names, style) if linked else ()
    return Page(html, ((f"{folder}/{name}", text) for name, text in files), linked)


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
    made.filters |= {"picture": drawing, "is_wide": is_wide}
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


def packed_trials(
    templates: Environment, trials: Sequence[Trial], places: Places, most: int
) -> dict[str, str] | None:
    """Each trial's record as base64 of gzip, or None when they are more than `most` bytes."""
    if raw_bytes(trials, places) > most * PACKS_AT_MOST:
        return None
    packed = {}
    left = most
    for trial in trials:
        data = gzip.compress(fragment(templates, detail(trial, places)).encode(), 9, mtime=0)
        packed[trial.row.trial_id] = base64.b64encode(data).decode()
        left -= len(packed[trial.row.trial_id])
        if left < 0:
            return None
    return packed


def raw_bytes(trials: Sequence[Trial], places: Places) -> int:
    """The bytes of what the trials said, so that what can't fit in is not packed in vain."""
    paths = (places.transcripts / f"{trial.row.trial_id}.jsonl" for trial in trials)
    return sum(path.stat().st_size for path in paths if path.exists())


def fragment(templates: Environment, found: Detail) -> str:
    """One trial's record as HTML."""
    return templates.get_template("trial.html").render(t=found)


def pages(
    templates: Environment,
    trials: Sequence[Trial],
    places: Places,
    names: Sequence[str],
    style: str,
) -> Iterator[tuple[str, str]]:
    """A page of its own for each trial, without any script."""
    template = templates.get_template("trial_page.html")
    for trial, name in zip(trials, names, strict=True):
        simulated = SIMULATED if trial.row.provider_kind == "scripted" else ""
        yield (
            name,
            template.render(
                title=trial.row.trial_id,
                style=Markup(style),
                style_hash=policy_hash(style),
                simulated=simulated,
                body=Markup(fragment(templates, detail(trial, places))),
            ),
        )


def file_names(trials: Sequence[Trial]) -> list[str]:
    """A file's name for each trial: its id, or a number where that is no safe name."""
    return [
        f"{name}.html" if re.fullmatch(r"[A-Za-z0-9][\w.-]{0,120}", name) else f"trial {n}.html"
        for n, name in enumerate(trial.row.trial_id for trial in trials)
    ]


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
