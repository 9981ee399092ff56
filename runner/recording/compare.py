"""Where a request differs from the recorded one, in words and as a short diff."""

import difflib
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice, zip_longest

from runner.recording.request import Request, as_json, reply_content
from runner.recording.volatile import settled
from runner.types import Message, Reply, ToolResult, UserText

DIFF_LINES = 20
LINE_CHARS = 160
_LEAD = 60  # characters shown before the first difference of a long line


def difference(recorded: Request, asked: Request, start: int = 0) -> str | None:
    """What differs first and how, for a person; None when only what is volatile does.

    Messages before `start` are taken for compared.
    """
    if recorded.system != asked.system:
        return _told("the system prompt", recorded.system, asked.system)
    if recorded.tools != asked.tools:
        offers = [as_json(list(map(asdict, each.tools)), indent=1) for each in (recorded, asked)]
        return _told("the offer of tools", *offers)
    pairs = zip_longest(recorded.messages[start:], asked.messages[start:])
    for number, (before, now) in enumerate(pairs, start=start + 1):
        if before is now or before == now:
            continue
        one, other = settled_text(before), settled_text(now)
        if one != other:
            return _told(f"message {number}, {_what(before, now)}", one, other)
    return None


def settled_text(message: Message | None) -> str:
    """A message as text with nothing volatile in it; empty for one that is not there.

    Only what came from a tool may hold anything volatile: all else is compared as it is.
    """
    if message is None:
        return ""
    if isinstance(message, UserText):
        return f"user\n{message.text}"
    if isinstance(message, Reply):
        return as_json(reply_content(message), indent=1)
    ending = " as an error" if message.is_error else ""
    return f"{message.name} answers {message.call_id}{ending}\n{settled(message.text)}"


def _what(before: Message | None, now: Message | None) -> str:
    if before is None or now is None:
        present = "only the replay has" if before is None else "only the recording has"
        return f"which {present} ({_kind(before or now)})"
    return _kind(now)


def _kind(message: Message | None) -> str:
    if isinstance(message, ToolResult):
        return f"the result of {message.name}"
    return "the model's reply" if isinstance(message, Reply) else "what the runner says"


def _told(where: str, recorded: str, asked: str) -> str:
    return "\n".join([f"{where} differs:", *diff(recorded, asked)])


def diff(recorded: str, asked: str) -> list[str]:
    """A unified diff of at most `DIFF_LINES` lines, safe to show on a terminal."""
    before, now = recorded.split("\n"), asked.split("\n")
    start = _first_column(before, now)
    found = difflib.unified_diff(before, now, "recorded", "replayed", lineterm="", n=1)
    lines = [_shown(line, start) for line in islice(found, DIFF_LINES + 1)]
    if len(lines) > DIFF_LINES:
        lines[DIFF_LINES:] = ["..."]
    return lines


def _first_column(before: list[str], now: list[str]) -> int:
    """The column of the first difference, where lines that are long are shown from."""
    for one, other in zip(before, now, strict=False):
        if one != other:
            return next(
                (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                min(len(one), len(other)),
            )
    return 0


def _shown(line: str, column: int) -> str:
    sign, text = line[:1], line[1:]
    if len(text) > LINE_CHARS:
        start = max(0, column - _LEAD)
        cut = text[start : start + LINE_CHARS]
        text = f"{'…' if start else ''}{cut}{'…' if start + LINE_CHARS < len(text) else ''}"
    return sign + "".join(_printable(text))


def _printable(text: str) -> Iterator[str]:
    """Signs that a terminal would obey or cannot show are written as escapes."""
    for sign in text:
        yield sign if sign.isprintable() else sign.encode("unicode_escape").decode()
