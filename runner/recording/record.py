"""Recording: a model whose calls are written down, and nothing else about it changed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from runner.config.arms import Seat
from runner.errors import ModelFailure
from runner.events import Event, Record, TrialEnded
from runner.recording.exchanges import Answer, Briefing, Ending, Exchange, Failure, Sent, Tape
from runner.recording.request import Chain, Request
from runner.types import Message, Model, Reply, Role, ToolResult, ToolSpec, UserText

Opener = Callable[[Seat, Role], AbstractContextManager[Model]]


class RecordingModel:
    """Any model in one role of a trial, its calls on `tape`."""

    def __init__(self, model: Model, role: Role, tape: Tape) -> None:
        """Wrap `model`; the roles of a trial share one tape, which gives their calls one order."""
        self._model = model
        self._role: Role = role
        self._tape = tape
        self._chain = Chain(tape.hide)
        self._before = Request("", (), ())
        self._briefed = False
        self._last: tuple[Reply, int] | None = None

    @property
    def name(self) -> str:
        """The model's own name."""
        return self._model.name

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        """What the model answers, on tape.

        Raises:
            ModelFailure: the model's own, on tape too.
            EnvironmentProblem: the disk refuses.
        """
        request = Request(system, tuple(tools), tuple(messages))
        seq = self._tape.next_seq()
        asked = self._asked(request, seq)
        began = time.monotonic()
        try:
            reply = self._model.reply(system, messages, tools)
        except ModelFailure as failure:
            self._tape.write(asked(time.monotonic() - began, None, failed(failure)))
            raise
        self._last = (reply, seq)
        self._tape.write(asked(time.monotonic() - began, answer(reply), None))
        return reply

    def _asked(
        self, request: Request, seq: int
    ) -> Callable[[float, Answer | None, Failure | None], Exchange]:
        """The exchange, but for what comes of it; a new briefing is written at once."""
        before, self._before = self._before, request
        if not self._briefed or (before.system, before.tools) != (request.system, request.tools):
            self._tape.write(Briefing(self._role, request.system, request.tools))
            self._briefed = True
        after, sha256 = self._chain.add(request)
        new = tuple(self._sent(message) for message in request.messages[after:])
        head = (seq, self._role, self.name, sha256, after, new)
        return lambda seconds, came, broke: Exchange(*head, seconds, came, broke)

    def _sent(self, message: Message) -> Sent:
        if isinstance(message, UserText):
            return Sent(text=message.text)
        if isinstance(message, ToolResult):
            return Sent(result=message)
        if self._last is None or message is not self._last[0]:
            raise ValueError("a request echoes a reply that is not the last of its conversation")
        return Sent(reply_to=self._last[1])


def answer(reply: Reply) -> Answer:
    """A reply as it goes on tape."""
    return Answer(
        reply.text,
        reply.calls,
        reply.usage,
        reply.stop_reason,
        reply.latency_s,
        reply.request_id,
        {"content": reply.raw},
        reply.detail,
    )


def failed(failure: ModelFailure) -> Failure:
    """A failure as it goes on tape."""
    return Failure(
        str(failure), failure.kind, failure.request_id, failure.lost, dict(failure.detail)
    )


def recorded(open_model: Opener, tape: Tape) -> Opener:
    """The same models, each with its calls on `tape`."""

    @contextmanager
    def opened(seat: Seat, role: Role) -> Iterator[Model]:
        with open_model(seat, role) as model:
            yield RecordingModel(model, role, tape)

    return opened


def noting(record: Record, tape: Tape | None) -> Record:
    """`record`, with the trial's end on `tape` too, if there is one."""
    if tape is None:
        return record

    def noted(event: Event) -> None:
        record(event)
        if isinstance(event, TrialEnded):
            tape.write(Ending(event.status, event.success, event.reason))

    return noted
