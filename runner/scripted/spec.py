"""`oracle?latency=0.2&fault=529@3`: a persona and how its server misbehaves, in one word.

`cheat:conftest-hook`, `cheat:conftest-hook.ignore`: one of the attacks, see `cheats.py`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from runner.errors import UsageError
from runner.scripted.cheats import PREFIX, find_variant
from runner.scripted.faults import Faults, parse_faults

MOST_LATENCY_S = 60.0


@dataclass(frozen=True)
class Spec:
    """A persona by name, the seconds every answer takes, and the faults."""

    persona: str
    latency_s: float = 0.0
    faults: Faults = ()


def parse_spec(text: str, personas: Iterable[str]) -> Spec:
    """Read a spec: a name out of `personas` or `cheat:` and an attack's, then options after `?`,
    joined by `&`.

    Raises:
        UsageError: the persona or an option is unknown; the message lists what is allowed.
    """
    name, _, options = text.partition("?")
    known = sorted(personas)
    if name.startswith(PREFIX):
        find_variant(name.removeprefix(PREFIX))
    elif name not in known:
        raise UsageError(f"unknown persona '{name}'; known: {', '.join(known)}, {PREFIX}ATTACK")
    latency_s, faults = 0.0, Faults()
    for option in options.split("&") if options else []:
        key, _, value = option.partition("=")
        if key == "latency":
            latency_s = _seconds(value)
        elif key == "fault":
            faults += parse_faults(value)
        else:
            raise UsageError(f"unknown option '{key}' in '{text}'; known: latency, fault")
    return Spec(name, latency_s, faults)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MOST_LATENCY_S:
        raise UsageError(f"latency '{value}' is not 0 to {MOST_LATENCY_S:g} seconds")
    return seconds


@dataclass(frozen=True)
class Address:
    """Whose script an endpoint plays: the path before the protocol's own."""

    spec: str
    task: str
    role: str
    trial: str = ""  # keeps apart what one server counts for several trials

    @property
    def path(self) -> str:
        """The path with a leading slash and without a trailing one."""
        parts = (self.spec, self.task, self.role, self.trial)
        return "".join(f"/{quote(part, safe='')}" for part in parts if part)


def parse_address(path: str) -> Address | None:
    """The address a path names, or None when it names none."""
    parts = [unquote(part) for part in path.split("/") if part]
    return Address(*parts) if len(parts) in (3, 4) else None
