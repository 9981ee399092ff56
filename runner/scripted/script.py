"""What a scripted model sees and says, whichever wire protocol carries it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ask:
    """A tool call of the script; `arguments` that are no object make a malformed call."""

    name: str
    arguments: object


@dataclass(frozen=True)
class Answer:
    """What the tool answered."""

    text: str
    is_error: bool = False


@dataclass(frozen=True)
class Exchange:
    """One earlier turn of the script: what it asked and what came back, in order."""

    asks: tuple[Ask, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Dialogue:
    """The conversation in a request: the instruction, then the exchanges so far."""

    instruction: str
    exchanges: tuple[Exchange, ...]

    @property
    def turn(self) -> int:
        """How many turns the script has already had."""
        return len(self.exchanges)


@dataclass(frozen=True)
class Turn:
    """What the script says next. `stop_reason` None means what the calls imply."""

    text: str
    asks: tuple[Ask, ...] = ()
    stop_reason: str | None = None


# A pure function of the conversation: nothing is remembered between requests.
Script = Callable[[Dialogue], Turn]
