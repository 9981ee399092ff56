"""One trial's record as HTML: packed into the report, or as a page of its own beside it.

A record is packed (gzip in base64) either way: transcripts are most of a report, and they become
a quarter. The browser unpacks what somebody opens, and parses it without running what it holds.
"""

import base64
import gzip
import re
from collections.abc import Iterator, Mapping, Sequence

from jinja2 import Environment
from markupsafe import Markup, escape

from analysis.report.build import SIMULATED
from analysis.report.detail import Detail, Places, detail
from analysis.report.rows import Trial

PACKS_AT_MOST = 10  # times that text becomes smaller by packing, at the very best
INSIDE, BESIDE = 6, 1  # how hard to pack: level 1 takes a third of the time for a fifth more
STYLE = "style.css"  # the one style sheet of all pages in the folder
_CELL, _ROW = "\x1f", "\x1e"  # shown texts hold no control character


def packed_trials(
    templates: Environment, trials: Sequence[Trial], places: Places, most: int
) -> tuple[dict[str, str], bool]:
    """Trials' packed records by id, and whether these are all: not if they are over `most` bytes.

    What can't fit in is not packed in vain.
    """
    if raw_bytes(trials, places) > most * PACKS_AT_MOST:
        return {}, False
    packed: dict[str, str] = {}
    for trial in trials:
        if most < 0:
            return packed, False
        packed[trial.row.trial_id] = pack(fragment(templates, detail(trial, places)), INSIDE)
        most -= len(packed[trial.row.trial_id])
    return packed, most >= 0


def raw_bytes(trials: Sequence[Trial], places: Places) -> int:
    """The bytes of what the trials said."""
    paths = (places.transcripts / f"{trial.row.trial_id}.jsonl" for trial in trials)
    return sum(path.stat().st_size for path in paths if path.exists())


def pack(text: str, level: int) -> str:
    """The text as base64 of gzip."""
    data = gzip.compress(text.encode("utf-8", "backslashreplace"), level, mtime=0)
    return base64.b64encode(data).decode()


def fragment(templates: Environment, found: Detail) -> str:
    """One trial's record as HTML."""
    return templates.get_template("trial.html").render(t=found)


def pages(
    templates: Environment,
    trials: Sequence[Trial],
    places: Places,
    names: Sequence[str],
    packed: Mapping[str, str],
    shell: Mapping[str, object],
) -> Iterator[tuple[str, str]]:
    """A page of its own for each trial; `shell` is what they share. `packed` ones are there."""
    template = templates.get_template("trial_page.html")
    for trial, name in zip(trials, names, strict=True):
        found = detail(trial, places)
        yield (
            name,
            template.render(
                shell,
                t=found,
                simulated=SIMULATED if trial.row.provider_kind == "scripted" else "",
                packed=packed.get(trial.row.trial_id) or pack(fragment(templates, found), BESIDE),
            ),
        )


def file_names(trials: Sequence[Trial]) -> list[str]:
    """A file's name for each trial: its id, or a number where that is no safe name."""
    return [
        f"{name}.html" if re.fullmatch(r"[A-Za-z0-9][\w.-]{0,120}", name) else f"trial {n}.html"
        for n, name in enumerate(trial.row.trial_id for trial in trials)
    ]


def table_rows(rows: Sequence[Sequence[str]]) -> Markup:
    """The rows of a table; escaped as one text, since long trials have thousands of cells."""
    text = str(escape(_ROW.join(_CELL.join(row) for row in rows)))
    cells = text.replace(_CELL, "</td><td>").replace(_ROW, "</td></tr>\n<tr><td>")
    return Markup(f"<tr><td>{cells}</td></tr>") if rows else Markup("")
