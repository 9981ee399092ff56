"""Cutting text to size the same way everywhere: head and tail stay, the middle goes."""

TOOL_OUTPUT_CHARS = 8_000  # the published experiment's cap on what a tool shows a model


def cut_middle(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; what was cut is said in its place.

    A limit with no room for saying so keeps the beginning only.
    """
    if len(text) <= limit:
        return text
    # The longest note there can be is reserved, so the result never exceeds the limit.
    room = limit - len(_note(len(text)))
    if room < 0:
        return text[:limit]
    head = (room + 1) // 2
    tail = room - head
    cut = len(text) - head - tail
    return text[:head] + _note(cut) + (text[-tail:] if tail else "")


def _note(cut: int) -> str:
    return f"\n[... {cut} characters cut ...]\n"


def first_line(text: str, limit: int = 100) -> str:
    """One line for a person, at most `limit` characters, safe to show on a terminal."""
    line = "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def sendable(text: str) -> str:
    """`text` without lone surrogates (file names that are no UTF-8): no request can carry them."""
    return text.encode("utf-8", "replace").decode()
