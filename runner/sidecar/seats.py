"""Which models of an arm an Ollama server has to serve, and how they are asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from runner.config.arms import Arm


@dataclass(frozen=True)
class LocalSeat:
    """A model that is served locally, with the context (tokens) it is asked with."""

    model: str
    num_ctx: int | None
    keep_alive: str | None = None


def local_seats(arms: Sequence[Arm]) -> tuple[LocalSeat, ...]:
    """The locally served models of these arms, each with the largest context it is asked with."""
    found: dict[str, LocalSeat] = {}
    for arm in arms:
        for seat in (arm.lead, *((arm.executor.seat,) if arm.executor else ())):
            if seat.provider == "ollama":
                size, keep = seat.options.get("num_ctx"), seat.options.get("keep_alive")
                size = size if isinstance(size, int) else None
                before = found.get(seat.model)
                if before is None or (size or 0) > (before.num_ctx or 0):
                    keep = keep if isinstance(keep, str) else None
                    found[seat.model] = LocalSeat(seat.model, size, keep)
    return tuple(found.values())
