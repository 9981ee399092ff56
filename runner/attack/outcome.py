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
class Control:
    """The naive side without the attack: where it wins, no attack of that way proves anything."""

    name: str
    naive: Side


@dataclass(frozen=True)
class Honesty:
    """What our judge said of work that is no attack. `solved` is what it must say.

    `heard` tells whether the whole judge was asked, or its rules over source text only.
    """

    name: str
    solved: bool
    passed: bool
    heard: bool
    why: str
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether honest work was let through, and no work was not."""
        return self.passed == self.solved


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

    def says(self, word: str) -> bool:
        """Whether a line of it begins with the word; a command that is quoted does not count."""
        return any(line.startswith(word) for line in self.text.splitlines())

    @property
    def slowest_s(self) -> float:
        """The longest command."""
        return max((result.seconds for result in self.results), default=0.0)

    @property
    def largest(self) -> int:
        """The most bytes of output that the host kept of one command."""
        return max((len(result.output) for result in self.results), default=0)
