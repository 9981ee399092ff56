"""One attempt of a run on this machine, from its place in the run to its end on record."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from runner import wiring
from runner.budget import Account
from runner.errors import EnvironmentProblem
from runner.events import Record, TrialEnded, Waited
from runner.ledger.transcript import TranscriptWriter
from runner.matrix.engine import Attempt, Cell, Done, unplayed
from runner.matrix.here import Gate, await_engine, guarded
from runner.matrix.schedule import NOT_LOADED
from runner.matrix.selection import Benches, Parts
from runner.players import PLACE
from runner.recording.record import noting
from runner.sandbox.engine import answers
from runner.slots import Slots
from runner.stop import Stop
from runner.trial.run import run_trial, started
from runner.trial.spec import TrialSpec
from runner.types import JsonObject


@dataclass(frozen=True)
class Trials:
    """What the trials of a run are made of, and what they share on this machine.

    `accounts` are the arms' own, by id.
    """

    what: Parts
    benches: Benches
    manifests: Mapping[Cell, JsonObject]
    accounts: Mapping[str, Account]
    slots: Slots
    record: Record
    gate: Gate = field(default_factory=Gate)

    def run(self, attempt: Attempt, stop: Stop) -> Done:
        """Run one attempt to its end; raises `OperatorError` for what no attempt can mend."""
        settings = self.what.settings
        bench = self.benches[attempt.cell.task]
        await_engine(lambda: answers(bench.engine), settings.engine_wait_s, bench.engine.address)
        spec = self.spec(attempt)
        account = Account("trial", spec.arm.limits.usd, self.accounts[spec.arm.id])
        shared = wiring.Shared(account, self.slots, stop)
        keep, players = spec.provider_kind == "live", self.what.players
        try:
            ended = play(bench, players, spec, shared, self.record, keep=keep, gate=self.gate)
        except NotLoaded as problem:
            ended = not_begun(spec, self.record, str(problem))
        return Done(attempt, ended, account.spent_usd)

    def spec(self, attempt: Attempt) -> TrialSpec:
        """What is tried."""
        what, cell = self.what, attempt.cell
        return TrialSpec(
            trial_id=attempt.trial_id,
            run_id=attempt.run_id,
            arm=what.arms[cell.arm],
            task=self.benches[cell.task].task,
            trial=attempt.trial,
            attempt=attempt.attempt,
            provider_kind=what.players.kind,
            card=what.card,
            max_turns=what.max_turns[cell],
            prompts=what.catalogue.prompts,
            manifest=self.manifests[cell],
        )


class NotLoaded(EnvironmentProblem):
    """A local model cannot be had: arms without it can go on."""


def not_begun(spec: TrialSpec, record: Record, reason: str) -> TrialEnded:
    """Put a trial on record whose local model could not be loaded: it sent no call."""
    ended = unplayed(spec.trial_id, reason, NOT_LOADED)
    record(started(spec))
    record(ended)
    return ended


def play(
    bench: wiring.Bench,
    players: wiring.Players,
    spec: TrialSpec,
    shared: wiring.Shared,
    record: Record,
    *,
    keep: bool,
    gate: Gate | None = None,
) -> TrialEnded:
    """Run a trial with its transcript and, to `keep` it, its tape; sandboxes open through `gate`.

    A local model is in memory before the trial's clock starts; what that took is in the manifest.

    Raises what `run_trial` raises, and `NotLoaded`, with nothing on record.
    """
    settings = bench.settings
    try:
        served = wiring.preloaded(players, spec.arm, settings, shared.stop)
    except EnvironmentProblem as problem:
        raise NotLoaded(str(problem)) from problem
    if served:
        players = replace(players, served=served)
        spec = replace(spec, manifest={**spec.manifest, "ollama": served.facts()})
    transcript = settings.transcripts / f"{spec.trial_id}.jsonl"

    def on_pause(_seconds: float, why: str) -> None:
        what = why if why == PLACE else "rate limit"
        record(Waited(spec.trial_id, what))  # how long it was comes with the reply

    with (
        TranscriptWriter(transcript, wiring.secrets(settings)) as told,
        wiring.open_tape(bench, spec) if keep else nullcontext() as tape,
        wiring.open_players(
            players, bench, spec.trial_id, tape, on_pause=on_pause, stop=shared.stop
        ) as open_model,
    ):
        world = wiring.build_world(bench, spec.run_id, spec.trial_id, open_model, shared)
        world = guarded(world, gate) if gate else world
        return run_trial(spec, world, noting(record, tape), told.write)
