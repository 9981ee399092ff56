"""Which models of an arm an Ollama server has to serve, and how they are asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runner.config.arms import Arm, Seat
from runner.errors import UsageError
from runner.models.connection import KEEP_ALIVE
from runner.models.ollama_store import ModelFacts

# A call with another one of these has the server load the model anew.
_LOADING = ("num_ctx", "num_gpu", "num_thread")


@dataclass(frozen=True)
class LocalSeat:
    """A model that is served locally, with the context (tokens) it is asked with.

    `loading` are the options it is loaded with, the context among them; `thinks` says that it is
    asked for thoughts.
    """

    model: str
    num_ctx: int | None
    keep_alive: str = KEEP_ALIVE
    loading: Mapping[str, object] = field(default_factory=dict)
    thinks: bool = False


def local_seats(arms: Sequence[Arm]) -> tuple[LocalSeat, ...]:
    """The locally served models of these arms, each with the largest context it is asked with."""
    found: dict[str, LocalSeat] = {}
    for arm in arms:
        for seat in (arm.lead, *((arm.executor.seat,) if arm.executor else ())):
            if seat.provider == "ollama":
                now, before = _local(seat), found.get(seat.model)
                if before is None or (now.num_ctx or 0) > (before.num_ctx or 0):
                    found[seat.model] = now
    return tuple(found.values())


def _local(seat: Seat) -> LocalSeat:
    size = seat.options.get("num_ctx")
    return LocalSeat(
        seat.model,
        size if isinstance(size, int) else None,
        str(seat.options.get("keep_alive", KEEP_ALIVE)),
        {name: seat.options[name] for name in _LOADING if name in seat.options},
        bool(seat.options.get("think")),
    )


def check_able(seat: LocalSeat, facts: ModelFacts) -> None:
    """Refuse a model that cannot do what it is asked for; what a server does not tell may be.

    Raises:
        UsageError: it takes no tools, has no thoughts to give, or has a smaller context.
    """
    wanted = {"tools": "every seat needs tools", **({"thinking": "think"} if seat.thinks else {})}
    for ability, who in wanted.items():
        if facts.capabilities and ability not in facts.capabilities:
            raise UsageError(
                f"model {seat.model} cannot do {ability} (it has {', '.join(facts.capabilities)}), "
                f"and it is asked for ({who}): choose another model or option in the arm's file"
            )
    if seat.num_ctx and facts.context_length and seat.num_ctx > facts.context_length:
        raise UsageError(
            f"model {seat.model} has a context of {facts.context_length} tokens, and num_ctx is "
            f"{seat.num_ctx}: lower it in the arm's file"
        )
