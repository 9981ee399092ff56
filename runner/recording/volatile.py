"""What no two runs of one command have in common, taken out of tool output before comparing.

Each rule takes out what cannot be the same twice (a duration, a clock, an address, a name made
by chance) and no more: numbers that count, code and exit codes stay. `docs/replay.md` lists
them.
"""

import re

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK = r"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?"
_ZONE = r"(?: ?(?:Z|UTC|[+-]\d\d:?\d\d)\b)?"
_DIED = r"(?:Killed|Terminated|Aborted|Hangup|Interrupt|Segmentation fault|Bus error)"

# In this order: what is longer comes first.
RULES: tuple[tuple[str, str, str], ...] = (
    ("date and time, ISO 8601", rf"\b\d{{4}}-\d\d-\d\d[T ]{_CLOCK}{_ZONE}", "<time>"),
    (
        "date and time, as `date` and git print it",
        rf"\b{_DAY} {_MONTH} +\d\d? {_CLOCK}(?: UTC)?(?: \d{{4}})?(?: [+-]\d{{4}})?",
        "<time>",
    ),
    (
        "date of a file, as `ls -l` prints it",
        rf"\b{_MONTH} [ \d]\d (?:\d\d:\d\d| \d{{4}})(?= )",
        "<time>",
    ),
    ("seconds since 1970", r"(?<![\w.])1[789]\d{8}(?:\.\d+)?(?![\w.])", "<time>"),
    ("hours, minutes, seconds", r"(?<![\w:.])\d+:\d\d:\d\d(?:\.\d+)?(?![\w:])", "<seconds>"),
    ("minutes and seconds, as `time` prints them", r"\b\d+m\d+\.\d+s\b", "<seconds>"),
    ("seconds with a fraction", r"(?<![\w.])\d+\.\d+ ?s(?:ec(?:onds?|s)?)?\b", "<seconds>"),
    ("seconds after `in` or `took`", r"\b(in|took) \d+ ?s(?:ec(?:onds?|s)?)?\b", r"\1 <seconds>"),
    ("milliseconds and less", r"(?<![\w.])\d+(?:\.\d+)? ?(?:ms|us|µs|ns)\b", "<seconds>"),
    (
        "a field called seconds, duration, elapsed or time",
        r"""\b((?:seconds|duration|elapsed|time)["']?[:=] ?["']?)\d+\.\d+""",
        r"\1<seconds>",
    ),
    ("address in memory", r"\b0x[0-9a-f]{9,16}\b", "<address>"),
    ("process id", r"\b((?:pid|PID)[ =:#]{1,2})\d+\b", r"\1<pid>"),
    (
        "process id, as bash prints it of one that died",
        rf"(line \d+:) +\d+( {_DIED})",
        r"\1 <pid>\2",
    ),
    ("folder of pytest", r"/pytest-of-\w+/pytest-\d+\b", "/<pytest>"),
    ("name made by chance", r"/tmp\.[A-Za-z0-9]{10}\b|/tmp[a-z0-9_]{8}\b", "/<name>"),
    ("worker of pytest-xdist", r"\bgw\d+\b", "gw<n>"),
    ("commit made by git", r"^(\[[\w/ ()-]+ )[0-9a-f]{7,40}(?=\])", r"\1<commit>"),
    ("commit listed by git", r"^(commit )[0-9a-f]{40}\b", r"\1<commit>"),
    ("stash dropped by git", r"^(Dropped .*\()[0-9a-f]{40}(?=\)$)", r"\1<commit>"),
)
_COMPILED = tuple((re.compile(pattern, re.MULTILINE), mark) for _, pattern, mark in RULES)

# Where text was cut to size depends on the length of what is volatile before it.
_CUT = re.compile(r"\n\[\.\.\. \d+ characters cut \.\.\.\]\n")
_MARK = "\n[... cut ...]\n"
_EDGE = 200  # characters: a line that is longer is cut by chance no more than this


def settled(text: str) -> str:
    """Tool output without what is volatile in it, and without the broken lines at a cut."""
    parts = _CUT.split(text)
    if len(parts) == 2:
        text = f"{_without_last(parts[0])}{_MARK}{_without_first(parts[1])}"
    for pattern, mark in _COMPILED:
        text = pattern.sub(mark, text)
    return text


def _without_last(text: str) -> str:
    start = text.rfind("\n") + 1
    return text[:start] if len(text) - start <= _EDGE else text


def _without_first(text: str) -> str:
    end = text.find("\n")
    return text[end:] if 0 <= end <= _EDGE else text
