"""Calls to a local model: one at a time on its server, with what they waited and drew on record."""

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from runner.errors import EnvironmentProblem, ModelFailure
from runner.models.connection import PLACE_WAIT
from runner.models.ollama_store import RESTART_WAIT_S, server_version
from runner.sidecar.watch import Sampler, Watch
from runner.types import JsonObject, Message, Model, Reply, ToolSpec

_LOOK_S = 0.05
_ANSWER_S = 2.0


class Places:
    """The places at one model of one server, shared by all processes of this user.

    A server that is asked for more than it can do lets requests wait inside their own time; here
    they wait outside of it.
    """

    def __init__(self, host: str, model: str, count: int, folder: Path | None = None) -> None:
        """`count` is how many calls may run at once; `folder` holds the locks.

        Raises:
            EnvironmentProblem: the folder cannot be made or written.
        """
        own = Path(tempfile.gettempdir()) / f"runner-ollama-{os.getuid()}"
        folder = folder or own
        key = hashlib.sha256(f"{host} {model}".encode()).hexdigest()[:16]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentProblem(f"{folder}: cannot be made: {error.strerror}") from error
        self._paths = [folder / f"{key}-{number}.lock" for number in range(count)]

    @contextmanager
    def held(self, began: Callable[[], None], wait: Callable[[float], bool]) -> Iterator[float]:
        """Have a place; gives the seconds waited for it, 0 when it was free.

        `began()` is told when a wait begins; `wait(seconds)` is a pause, True says to give up.

        Raises:
            ModelFailure: it was given up, or the locks cannot be used; nothing was sent.
        """
        since = time.monotonic()
        with ExitStack() as stack:
            try:
                files = [stack.enter_context(path.open("a")) for path in self._paths]
            except OSError as error:
                raise _unsent(f"{self._paths[0]}: {error.strerror}") from error
            if any(map(_taken, files)):
                yield 0.0
                return
            began()
            while not any(map(_taken, files)):
                if wait(_LOOK_S):
                    raise _unsent("stopped while it waited for the local model")
            yield time.monotonic() - since


def _taken(file: IO[str]) -> bool:
    """Whether the place is ours now; it is free again when the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unsent(why: str) -> ModelFailure:
    return ModelFailure(why, kind="no_place", lost=False)


class LocalCalls:
    """A local model, called when there is a place, with what its GPUs drew in the detail."""

    def __init__(
        self,
        model: Model,
        host: str,
        places: Places,
        power: Sampler | None,
        began: Callable[[], None],
        wait: Callable[[float], bool],
    ) -> None:
        """`host` is the server's address, `began` and `wait` are those of `Places.held`; without
        `power` nothing is measured."""
        self._model = model
        self._host = host
        self._places = places
        self._power = power
        self._began = began
        self._wait = wait

    @property
    def name(self) -> str:
        """The model's tag, as rate cards spell it."""
        return self._model.name

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        """The model's reply or failure, its detail with `place_wait_s`, `watt_hours`, `gpu_s`.

        The first counts the wait for a place and for the last word on power.

        A failure by which a server that died made itself known comes when the server is back,
        since nobody would answer who asks again at once.
        """
        with self._places.held(self._began, self._wait) as waited_s:
            watch = Watch(self._power) if self._power else None
            try:
                if watch is None:
                    reply = self._model.reply(system, messages, tools)
                else:
                    with watch:
                        reply = self._model.reply(system, messages, tools)
            except ModelFailure as failure:
                if failure.kind == "connection_lost":
                    waited_s += self._until_back()
                failure.detail = {**failure.detail, **_told(waited_s, watch)}
                raise
            return replace(reply, detail={**reply.detail, **_told(waited_s, watch)})

    def _until_back(self) -> float:
        """Wait until the server answers, but not for ever; gives the seconds."""
        since = time.monotonic()
        while time.monotonic() - since < RESTART_WAIT_S:
            try:
                server_version(self._host, _ANSWER_S)
                break
            except EnvironmentProblem:
                if self._wait(_LOOK_S):
                    break
        return time.monotonic() - since


def _told(waited_s: float, watch: Watch | None) -> JsonObject:
    waited_s += watch.over_s if watch else 0.0
    waited: JsonObject = {PLACE_WAIT: round(waited_s, 6)} if waited_s else {}
    return {**waited, **(watch.spent() if watch else {})}
