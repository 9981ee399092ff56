"""Trials that spent nothing say so wherever they are shown."""

MARKS = {"scripted": "simulated", "replayed": "replayed: nothing was spent"}


def marked(kind: object) -> object:
    """A trial's kind with its mark, as tables show it; any other value as it is."""
    return f"{kind} ({MARKS[kind]})" if kind == "scripted" else MARKS.get(str(kind), kind)


def badge(kind: str) -> str:
    """` · simulated` in colour, for a headline; empty for what is neither played nor replayed."""
    return f" · [yellow]{MARKS[kind]}[/]" if kind in MARKS else ""
