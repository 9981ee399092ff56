"""One call through a meter, and its worst case."""

from fakes import CARD, PlayedModel

from runner.agent.bound import input_bound
from runner.agent.meter import Meter
from runner.types import Message, Reply, UserText

ASK: tuple[Message, ...] = (UserText("Mend it."),)


def ask(counted: Meter, model: PlayedModel, max_tokens: int = 4096, iteration: int = 1) -> Reply:
    return counted.call(model, "solo", iteration, "system", ASK, (), max_tokens)


def worst_usd(max_tokens: int = 4096) -> float:
    return CARD.worst_case_usd("big", input_bound("system", ASK, ()), max_tokens)
