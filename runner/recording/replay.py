"""Replaying: models that answer from a recording and refuse what was never asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.config.arms import Seat
from runner.errors import ModelFailure
from runner.models.connection import PLACE_WAIT
from runner.recording.compare import difference
from runner.recording.exchanges import Answer, Briefing, Exchange, Exchanges, Failure, Sent
from runner.recording.request import Chain, Request
from runner.types import JsonObject, Message, Model, Reply, Role, ToolSpec, UserText

DIFFERS = "replay_differs"
_WAITS = ("wait_s", PLACE_WAIT)


@dataclass
class Replay:
    """A recording being played: one order of calls for all roles of the trial.

    `exact` counts the requests that were the recorded ones byte for byte, `alike` those that
    differed only in what is volatile.
    """

    recording: Exchanges
    exact: int = 0
    alike: int = 0
    _at: int = 0
    _asked: dict[Role, Request] = field(default_factory=dict)
    _chains: dict[Role, Chain] = field(default_factory=dict)
    _given: dict[int, Reply] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """The calls answered so far, failures included."""
        return self.exact + self.alike

    @contextmanager
    def open_model(self, seat: Seat, role: Role) -> Iterator[Model]:
        """A model for a seat; it reaches nothing outside.

        Raises:
            ModelFailure: kind `replay_differs`, when the lead is done and calls are left over.
        """
        yield ReplayingModel(seat.model, role, self)
        if role != "executor" and self.calls < self.recording.calls:
            raise differs(
                f"the replay is over after {self.calls} calls, the recording goes on to "
                f"call {self.recording.calls}"
            )

    def answer(self, role: Role, model: str, request: Request) -> Reply:
        """The recorded answer to `request`, which must be the recorded one.

        Raises:
            ModelFailure: kind `replay_differs` with where and how; or the recorded failure.
        """
        call = self._next(role, model)
        recorded = self._request(call)
        after, sha256 = self._chains.setdefault(role, Chain()).add(request)
        # What both repeat of their last request has been compared by then.
        if call.sha256 == sha256:
            self.exact += 1
        elif where := difference(recorded, request, start=min(after, call.after)):
            raise differs(f"at call {call.seq} ({role}) {where}")
        else:
            self.alike += 1
        if call.failure:
            raise failure_of(call.failure)
        assert call.answer is not None
        self._given[call.seq] = reply_of(call.answer)
        return self._given[call.seq]

    def _next(self, role: Role, model: str) -> Exchange:
        lines = self.recording.lines
        while self._at < len(lines):
            line = lines[self._at]
            self._at += 1
            if isinstance(line, Briefing):
                before = self._asked.get(line.role, Request("", (), ()))
                self._asked[line.role] = Request(line.system, line.tools, before.messages)
            elif (line.role, line.model) != (role, model):
                raise differs(
                    f"at call {line.seq} the recording asks {line.model} ({line.role}), "
                    f"the replay {model} ({role})"
                )
            else:
                return line
        raise differs(f"the replay asks for call {self.calls + 1} ({role}); {self._over()}")

    def _over(self) -> str:
        ending = self.recording.ending
        if ending is None:
            return f"the recording breaks off after call {self.calls}"
        return f"the recorded trial made {self.calls} and ended as {ending.status}: {ending.reason}"

    def _request(self, call: Exchange) -> Request:
        """The recorded request in full; what it repeats is the role's last one."""
        last = self._asked[call.role]
        new = tuple(self._message(sent) for sent in call.new)
        whole = Request(last.system, last.tools, (*last.messages[: call.after], *new))
        self._asked[call.role] = whole
        return whole

    def _message(self, sent: Sent) -> Message:
        if sent.reply_to is not None:
            return self._given[sent.reply_to]
        return sent.result or UserText(sent.text or "")


@dataclass(frozen=True)
class ReplayingModel:
    """A model of a recording, in one role."""

    name: str
    role: Role
    replay: Replay

    def reply(self, system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Reply:
        """The recorded answer; raises `ModelFailure` as `Replay.answer` does."""
        return self.replay.answer(
            self.role, self.name, Request(system, tuple(tools), tuple(messages))
        )


def reply_of(answer: Answer) -> Reply:
    """A recorded answer as the model gave it."""
    return Reply(
        answer.text,
        answer.calls,
        answer.usage,
        answer.stop_reason,
        answer.latency_s,
        answer.request_id,
        answer.raw.get("content"),
        detail=unhurried(answer.detail),
    )


def failure_of(failure: Failure) -> ModelFailure:
    """A recorded failure, to be raised."""
    return ModelFailure(
        failure.message,
        kind=failure.kind,
        request_id=failure.request_id,
        lost=failure.lost,
        detail=unhurried(failure.detail),
    )


def unhurried(detail: JsonObject) -> JsonObject:
    """The detail with its waits under another name.

    The replay does not wait, and its own wall time must not be shortened by waits of then.
    """
    return {f"recorded_{key}" if key in _WAITS else key: each for key, each in detail.items()}


def differs(what: str) -> ModelFailure:
    """The end of a replay that is not the recorded trial any more."""
    return ModelFailure(what, kind=DIFFERS, lost=False)
