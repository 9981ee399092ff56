"""Having the models of a trial in memory before its clock starts, and what that shows."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from runner.errors import EnvironmentProblem, ModelFailure
from runner.models.connection import shown_address
from runner.models.ollama_store import (
    await_server,
    load_model,
    loaded_models,
    model_facts,
    same,
)
from runner.sidecar.seats import LocalSeat
from runner.sidecar.served import NAME, Served
from runner.types import JsonObject

_FIX = (
    f"`docker logs {NAME}` says why (a driver too old for the image, no free memory on the GPU): "
    "mend that, then `runner ollama --stop` and repeat the command"
)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def warmed(
    served: Served,
    seats: Sequence[LocalSeat],
    slots: int = 1,
    wait: Callable[[float], bool] = _sleep,
) -> Served:
    """The same, with each model in memory at its context; what it took is in `warm`.

    Of each model: `preload_s`, the seconds waited for it, and `gpu_share` of its bytes (0 to 1).
    It is loaded when it has one of its `slots` places, because the calls of another process would
    lose it in their midst. `wait(seconds)` is a pause; True says to stop, and then models may be
    left out.

    Raises:
        EnvironmentProblem: the server does not come back within a minute, a model is another than
            before, cannot be loaded, or is not on the GPU that must be used.
    """
    await_server(served.host)
    for before in served.models:
        now = model_facts(served.host, before.name)
        if now is None or now.digest != before.digest:
            raise EnvironmentProblem(
                f"model {before.name} at {shown_address(served.host)} was {before.digest} and is "
                f"{now.digest if now else 'gone'}: results of two must not be mixed"
            )
    warm: dict[str, JsonObject] = {}
    for seat in seats:
        try:
            with served.places(seat.model, slots).held(lambda: None, wait):
                warm[seat.model] = _loaded(served.host, seat)
        except ModelFailure as failure:
            if wait(0.0):
                break
            raise EnvironmentProblem(str(failure)) from failure
    return _held_to_gpu(replace(served, warm=warm), seats)


def _loaded(host: str, seat: LocalSeat) -> JsonObject:
    """Load a model; gives what it took and what the server says of it then."""
    seconds = load_model(host, seat.model, seat.loading, seat.keep_alive)
    facts: dict[str, object] = {"preload_s": round(seconds, 3)}
    for each in loaded_models(host):
        if same(each.name, seat.model):
            facts |= {
                "context_loaded": each.context_length,
                "gpu_share": round(each.vram / each.size, 4) if each.size else None,
            }
    return facts


def _held_to_gpu(served: Served, seats: Sequence[LocalSeat]) -> Served:
    """A sidecar that was given a GPU and does not use it is the CPU's.

    Docker's word means that the request was taken, not that Ollama can use what it got.
    """
    idle = [
        seat.model
        for seat in seats
        if served.warm.get(seat.model, {}).get("gpu_share") == 0
        and seat.loading.get("num_gpu") != 0  # which asks for the CPU
    ]
    if served.gpu != "gpu" or not idle:
        return served
    why = f"the container has a GPU, and Ollama put nothing of {idle[0]} on it"
    if served.insists:
        raise EnvironmentProblem(
            f"OLLAMA_GPU=on, and {why}: {_FIX}; or set OLLAMA_GPU=off for the CPU (slow)"
        )
    return replace(served, gpu="cpu", why=why, power=None)
