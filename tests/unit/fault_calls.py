"""A model of either vendor behind the meter, its pauses noted instead of slept."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from fakes import meter
from fault_server import Act, answers
from wire_samples import chat, message

from runner.agent.bound import input_bound
from runner.agent.meter import Meter
from runner.config.rates import Rate, RateCard
from runner.errors import ModelFailure
from runner.events import CallSettled, Event
from runner.models import Connection, OpenModel, make_model
from runner.types import Message, Usage, UserText

Vendor = Literal["anthropic", "ollama"]
BOTH: tuple[Vendor, ...] = ("anthropic", "ollama")
CLAUDE: tuple[Vendor, ...] = ("anthropic",)
LOCAL: tuple[Vendor, ...] = ("ollama",)
NAMES = {"anthropic": "claude-haiku-4-5", "ollama": "qwen3.5:9b"}
CARD = RateCard(
    id="test",
    as_of=date(2026, 11, 23),
    source="made up",
    note="",
    rates=dict.fromkeys(NAMES.values(), Rate(1, 5, 1.25, 2, 0.1)),
    path=Path("test.toml"),
)
GO: tuple[Message, ...] = (UserText("go"),)
MAX_TOKENS = 512
RETRIES = 2
FOREVER = RETRIES + 1  # attempts at a call that never gets better
WORST = CARD.worst_case_usd("qwen3.5:9b", input_bound("", GO, ()), MAX_TOKENS)
PLAIN = CARD.usd("qwen3.5:9b", Usage(10, 2))


def good(vendor: Vendor, count: object = 2) -> dict[str, object]:
    """A reply that says it wrote `count` tokens; `...` says nothing of it."""
    if vendor == "ollama":
        return chat(prompt_eval_count=10, eval_count=count)
    usage = {"input_tokens": 10, "output_tokens": count}
    return message(usage={k: v for k, v in usage.items() if v is not ...})


def refuses(status: str, said: str = "no", **headers: str) -> Act:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answers({"error": {"message": said}} if said else {}, status, named)


@dataclass
class Caller:
    """A model behind the meter, with pauses that last no time and are noted."""

    url: str
    vendor: Vendor
    timeout_s: float = 5.0
    deadline_s: float = 100.0
    on_wait: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.events: list[Event] = []
        self.pauses: list[float] = []
        self.told: list[tuple[float, str]] = []
        self.meter: Meter = meter(self.events, card=CARD)

    def connection(self) -> Connection:
        return Connection(
            "key",
            self.url,
            self.url,
            timeout_s=self.timeout_s,
            deadline_s=self.deadline_s,
            max_retries=RETRIES,
            on_pause=lambda seconds, why: self.told.append((seconds, why)),
            wait=self._wait,
        )

    def _wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return self.on_wait()

    def model(self, connection: Connection | None = None) -> closing[OpenModel]:
        options = {"num_ctx": 8192} if self.vendor == "ollama" else {}
        name = NAMES[self.vendor]
        used = connection or self.connection()
        return closing(make_model(self.vendor, name, MAX_TOKENS, options, used))

    def call(self, connection: Connection | None = None) -> ModelFailure | None:
        with self.model(connection) as model:
            try:
                self.meter.call(model, "solo", 7, "", GO, (), MAX_TOKENS)
            except ModelFailure as failure:
                return failure
        return None

    @property
    def settled(self) -> list[CallSettled]:
        return [event for event in self.events if isinstance(event, CallSettled)]
