"""What came of an attack, on either side."""

from dataclasses import dataclass, field

from runner.types import ExecResult


@dataclass(frozen=True)
class Side:
    """How an attack fared on one side: whether it won, and in a few words why."""

    won: bool
    why: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """An attack's fate on both sides. `counts` when the naive side fell for it."""

    name: str
    attack: str
    row: int
    kind: str
    naive: Side
    ours: Side

    @property
    def good(self) -> bool:
        """Whether it won where it must and lost where it must."""
        return self.naive.won and not self.ours.won


@dataclass(frozen=True)
class ProbeResult:
    """One thing that must hold of our containers: what was looked at, whether it held, and what
    was said."""

    name: str
    held: bool
    said: str


@dataclass
class Played:
    """What the agent saw and what its commands came to, while an attack is played."""

    texts: list[str] = field(default_factory=list)
    results: list[ExecResult] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All it saw."""
        return "\n".join(self.texts)

    @property
    def slowest_s(self) -> float:
        """The longest command."""
        return max((result.seconds for result in self.results), default=0.0)

    @property
    def largest(self) -> int:
        """The most bytes of output that the host kept of one command."""
        return max((len(result.output) for result in self.results), default=0)
