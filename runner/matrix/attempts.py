"""One attempt of a run on this machine, from its place in the run to its end on record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from runner import wiring
from runner.budget import Account
from runner.events import Record
from runner.ledger.transcript import TranscriptWriter
from runner.matrix.engine import Attempt, Cell, Done
from runner.matrix.here import Gate, await_engine, guarded
from runner.matrix.selection import Benches, Parts
from runner.sandbox.engine import answers
from runner.slots import Slots
from runner.trial.run import run_trial
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

    def run(self, attempt: Attempt, stopped: Callable[[], str | None]) -> Done:
        """Run one attempt to its end; raises `OperatorError` for what no attempt can mend."""
        settings = self.what.settings
        arm = self.what.arms[attempt.cell.arm]
        bench = self.benches[attempt.cell.task]
        await_engine(lambda: answers(bench.engine), settings.engine_wait_s, bench.engine.address)
        account = Account("trial", arm.limits.usd, self.accounts[arm.id])
        shared = wiring.Shared(account, self.slots, stopped)
        trial_id = attempt.trial_id
        transcript = settings.transcripts / f"{trial_id}.jsonl"
        with (
            TranscriptWriter(transcript, wiring.secrets(settings)) as told,
            wiring.open_players(self.what.players, bench, trial_id) as open_model,
        ):
            world = wiring.build_world(bench, attempt.run_id, trial_id, open_model, shared)
            spec = self.spec(attempt)
            ended = run_trial(spec, guarded(world, self.gate), self.record, told.write)
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
