"""Trials on a made-up stage, recorded to a folder and replayed from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fakes import CARD, DictSandbox, bash, calls, ran, says, task
from stage import SOLO, Stage

from runner.config.arms import Arm
from runner.errors import ModelFailure
from runner.events import TrialEnded
from runner.recording.exchanges import Exchange, Exchanges, Tape, read_exchanges
from runner.recording.record import RecordingModel, noting, recorded
from runner.recording.replay import DIFFERS, Replay
from runner.trial.spec import Prompts, TrialSpec
from runner.types import ExecResult, Message, Reply, ToolCall, ToolSpec

KEY = "sk-ant-secret-key-1"
BASH = ToolSpec("bash", "Runs.", {"type": "object"})


@dataclass
class Recorded(Stage):
    """A stage whose models' calls go on a tape at `path`."""

    path: Path = field(default_factory=Path)
    output: bytes = b"ok"  # of every command

    def run(self, sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
        return ran(self.output) if argv[0] == "bash" else super().run(sandbox, argv)

    def play(self) -> TrialEnded:
        with Tape(self.path, (KEY,)) as tape:
            open_model, record = self.open_model, self.record
            self.open_model = recorded(open_model, tape)  # type: ignore[assignment,method-assign]
            self.record = noting(record, tape)  # type: ignore[method-assign,assignment]
            return self()


def record_trial(
    path: Path,
    lead: list[Reply | Exception],
    executor: list[Reply | Exception] | None = None,
    *,
    arm: Arm = SOLO,
    output: bytes = b"ok",
) -> tuple[TrialEnded, Exchanges]:
    """A trial with these replies, played on tape; its end and the tape as read."""
    stage = Recorded(lead=lead, executor=executor or [], arm=arm, path=path, output=output)
    ended = stage.play()
    return ended, read_exchanges(path)


@dataclass
class Replayed(Stage):
    """A stage whose models answer from a recording."""

    recording: Exchanges = field(default_factory=Exchanges)
    replay: Replay = field(init=False)

    def __post_init__(self) -> None:
        self.replay = Replay(self.recording)
        self.open_model = self.replay.open_model  # type: ignore[method-assign]


def lost(kind: str = "connection_lost") -> ModelFailure:
    """A failure whose reply may have been billed."""
    return ModelFailure("the line broke", kind=kind, request_id="req_9", detail={"wait_s": 3.0})


def spec(**changed: object) -> TrialSpec:
    """A trial to be recorded."""
    given: dict[str, object] = {
        "trial_id": "live-S-T9-0-1",
        "run_id": "live-S-T9-0-1",
        "arm": SOLO,
        "task": task(),
        "trial": 0,
        "attempt": 1,
        "provider_kind": "live",
        "card": CARD,
        "max_turns": 4,
        "prompts": Prompts("You are alone.", "You lead.", "You obey."),
        "manifest": {"seed": 1},
    }
    return TrialSpec(**{**given, **changed})  # type: ignore[arg-type]


Replies = list[Reply | Exception]

HAND = ToolCall("d1", "delegate_to_executor", {"instruction": "Do it."})
SOLVED: Replies = [calls(bash("ls")), calls(bash("harness", "c2")), says("DONE")]


def delegated() -> tuple[Replies, Replies]:
    return [calls(HAND), says("DONE")], [calls(bash("ls")), says("DONE: did it")]


def replay(
    recording: Exchanges, answers: Callable[[str], ExecResult] | None = None, arm: Arm = SOLO
) -> tuple[TrialEnded, Replayed]:
    """Play a recording; `answers` gives what a command prints this time."""
    stage = Replayed(recording=recording, arm=arm)
    if answers:
        usual = stage.run

        def run(sandbox: DictSandbox, argv: tuple[str, ...]) -> ExecResult:
            return answers(argv[-1]) if argv[0] == "bash" else usual(sandbox, argv)

        stage.run = run  # type: ignore[method-assign]
    return stage(), stage


def refused(ended: TrialEnded) -> str:
    """Why a replay was refused; fails when it was not."""
    assert (ended.status, ended.detail.get("kind")) == ("infra", DIFFERS)
    return ended.reason


def cut(recording: Exchanges, calls: int) -> Exchanges:
    """The first calls of a recording."""
    lines = recording.lines
    seqs = [at for at, line in enumerate(lines) if isinstance(line, Exchange)]
    return Exchanges(lines[: seqs[calls - 1] + 1], recording.ending)


def exchanges(path: Path) -> list[Exchange]:
    return [each for each in read_exchanges(path).lines if isinstance(each, Exchange)]


def ask(model: RecordingModel, *messages: Message, system: str = "You mend.") -> Reply:
    return model.reply(system, messages, (BASH,))
