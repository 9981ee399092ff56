"""What the doctor says of one thing."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "bad"]
GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One question about the machine, its answer in a line, and what to do about it.

    `bad` is what makes even a scripted trial impossible; `warn` limits something and says what.
    """

    name: str
    ok: State
    said: str
    fix: str | None = None
