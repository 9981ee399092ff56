"""The documents as tests read them: pages, sections, tables, links, queries."""

import re
import shlex
from pathlib import Path

from runner.config.settings import ROOT


def pages() -> list[Path]:
    """Every Markdown file for readers; prompts of models and tasks are none."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


README = text("README.md")
ALL = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in pages()}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def without_code(page: str) -> str:
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page))


def section(page: str, heading: str) -> str:
    """The text under a heading, up to the next of its level."""
    found = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^#{{1,2}} |\Z)", page, re.M | re.S)
    assert found, heading
    return found[2]


def table(page: str, heading: str, first: str) -> list[list[str]]:
    """The rows, as cells, of the table under `heading` whose first column is called `first`."""
    lines = section(page, heading).splitlines()
    rules = [n for n, line in enumerate(lines) if line.startswith("|---")]
    (at,) = [n for n in rules if lines[n - 1].startswith(f"| {first} |")]
    rows = []
    for line in lines[at + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def words(page: str) -> set[str]:
    """Everything that is written in backquotes, and its words."""
    quoted = re.findall(r"`([^`\n]+)`", FENCE.sub("", page))
    return {part for each in quoted for part in (each, *re.split(r"[ .=:]", each))}


def anchor(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.strip().replace(" ", "-")


def queries() -> list[tuple[str, str]]:
    """Every ```sql block and every `runner sql "..."` of the documents, with its page."""
    found = []
    for name, page in ALL.items():
        for language, body in FENCE.findall(page):
            found += [(name, body)] if language == "sql" else []
            lines = [line for line in body.splitlines() if line.startswith("runner sql ")]
            found += [(name, shlex.split(line)[2]) for line in lines]
    return found
