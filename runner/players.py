"""Who answers for the models of a trial: the vendors, a scripted persona, or a recording."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from runner.config.arms import Seat
from runner.config.settings import Settings
from runner.config.solution import Solution
from runner.errors import EnvironmentProblem, UsageError
from runner.models import Connection, make_model
from runner.models.connection import NO_SERVER
from runner.recording.exchanges import Tape
from runner.recording.record import recorded
from runner.recording.replay import Replay
from runner.scripted.personas import PERSONAS
from runner.scripted.server import ScriptedServer, endpoint
from runner.scripted.solutions import tell
from runner.scripted.spec import Address, parse_spec
from runner.sidecar.calls import LocalCalls
from runner.sidecar.served import Served
from runner.stop import Stop
from runner.types import Model, ProviderKind, Role

PLACE = "local model"  # why a call pauses that waits for a place at one
Opener = Callable[[Seat, Role], AbstractContextManager[Model]]


@dataclass(frozen=True)
class Players:
    """Who answers: the vendors themselves, unless there is a `script` or a `replay`.

    `script` is a persona and its options, as `runner.scripted.spec` reads them; `replay` is one
    playing of a recording. `served` is the Ollama server that was found or started for them; a
    scripted executor without one is played by the loopback server, as in tests without Docker.
    """

    kind: ProviderKind
    script: str | None = None
    replay: Replay | None = None
    served: Served | None = None

    @classmethod
    def read(cls, text: str) -> "Players":
        """`live`, `scripted` or `scripted:persona[?options]`.

        Raises:
            UsageError: it is none of these; the message lists what there is.
        """
        kind, _, persona = text.partition(":")
        if kind == "live" and not persona:
            return cls("live")
        if kind == "scripted":
            parse_spec(persona or "oracle", PERSONAS)
            return cls("scripted", persona or "oracle")
        raise UsageError(
            f"--models '{text}': say live, scripted, or scripted:PERSONA with PERSONA one of "
            f"{', '.join(PERSONAS)}"
        )


@dataclass(frozen=True)
class Stage:
    """What the players of a trial must know: settings, its task and id, the tasks' solutions.

    `on_pause(seconds, why)` is told of a pause before it begins: one that a vendor asked for, or
    (`PLACE`, of unknown length) one until a local model is free; `stop` ends one.
    """

    settings: Settings
    task_id: str
    trial_id: str
    solutions: Mapping[str, Solution]
    on_pause: Callable[[float, str], None] = lambda seconds, why: None
    stop: Stop = field(default_factory=Stop)


@contextmanager
def opened(players: Players, stage: Stage, tape: Tape | None = None) -> Iterator[Opener]:
    """The models of a trial, with all they are asked and say on `tape` when there is one.

    A scripted server lives as long as the context.
    """
    with _unrecorded(players, stage) as open_model:
        yield recorded(open_model, tape) if tape else open_model


@contextmanager
def _unrecorded(players: Players, stage: Stage) -> Iterator[Opener]:
    if players.replay is not None:
        yield players.replay.open_model
        return
    live = replace(live_connection(stage.settings), on_pause=stage.on_pause, wait=stage.stop.wait)
    if players.served is not None:
        ours = players.served.place != "given"
        live = replace(live, ollama_host=players.served.host, ollama_tells=ours)
    if players.script is None:
        yield lambda seat, _role: _in_turn(seat, live, players, stage)
        return
    with ScriptedServer(stage.solutions) as server:
        script = players.script
        elsewhere = _told(players.served, stage) if players.served else None

        def open_scripted(seat: Seat, role: Role) -> AbstractContextManager[Model]:
            url = endpoint(server, script, stage.task_id, role, stage.trial_id)
            local = elsewhere(script, role) if elsewhere else url
            # The scripted server asks for a key as the real one does; any will do.
            connection = replace(
                live, anthropic_api_key="scripted", anthropic_base_url=url, ollama_host=local
            )
            return _in_turn(seat, connection, players, stage)

        yield open_scripted


@contextmanager
def _in_turn(seat: Seat, connection: Connection, players: Players, stage: Stage) -> Iterator[Model]:
    """The model of a seat; calls to a local one wait for a place and tell what they drew."""
    with seated(seat, connection) as model:
        if players.served is None or seat.provider != "ollama":
            yield model
            return
        count = stage.settings.ollama_slots
        places = players.served.places(seat.model, count)
        began = partial(stage.on_pause, 0.0, PLACE)
        yield LocalCalls(
            model, players.served.host, places, players.served.power, began, stage.stop.wait
        )


def _told(served: Served, stage: Stage) -> Callable[[str, Role], str]:
    """Tell the stand-in of the task; gives the address of a script in a role there.

    Raises:
        EnvironmentProblem: it does not answer.
    """
    try:
        task = tell(served.host, stage.task_id, stage.solutions[stage.task_id])
    except OSError as error:
        raise EnvironmentProblem(f"the stand-in for Ollama at {served.host}: {error}") from error
    # It outlives trials, and another of the same id must not go on with this one's counts.
    trial = f"{stage.trial_id}-{uuid.uuid4().hex[:8]}"
    return lambda script, role: served.host + Address(script, task, role, trial).path


def live_connection(settings: Settings) -> Connection:
    """How to reach the vendors."""
    key = settings.anthropic_api_key
    return Connection(
        anthropic_api_key=key.get_secret_value() if key else None,
        anthropic_base_url=settings.anthropic_base_url,
        ollama_host=settings.ollama_host or NO_SERVER,
        timeout_s=settings.call_timeout_s,
        deadline_s=settings.call_deadline_s,
    )


def seated(seat: Seat, connection: Connection) -> AbstractContextManager[Model]:
    """The model of a seat; its connections close with the context."""
    return closing(make_model(seat.provider, seat.model, seat.max_tokens, seat.options, connection))
