"""One attempt of a run on this machine, from its place in the run to its end on record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from runner import wiring
from runner.budget import Account
from runner.catalogue import Catalogue
from runner.config.arms import Arm
from runner.config.rates import RateCard
from runner.config.settings import Settings
from runner.events import Record
from runner.ledger.transcript import TranscriptWriter
from runner.matrix.engine import Attempt, Cell, Done
from runner.matrix.here import Gate, await_engine, guarded
from runner.sandbox.engine import answers
from runner.slots import Slots
from runner.trial.run import run_trial
from runner.trial.spec import TrialSpec
from runner.types import JsonObject


@dataclass(frozen=True)
class Trials:
    """What the trials of a run are made of, and what they share on this machine.

    `accounts` are the arms' own, by id; `max_turns` is by cell.
    """

    settings: Settings
    catalogue: Catalogue
    players: wiring.Players
    card: RateCard
    arms: Mapping[str, Arm]
    benches: Mapping[str, wiring.Bench]
    max_turns: Mapping[Cell, int]
    manifests: Mapping[Cell, JsonObject]
    accounts: Mapping[str, Account]
    slots: Slots
    record: Record
    gate: Gate = field(default_factory=Gate)

    def run(self, attempt: Attempt, stopped: Callable[[], str | None]) -> Done:
        """Run one attempt to its end; raises `OperatorError` for what no attempt can mend."""
        arm = self.arms[attempt.cell.arm]
        bench = self.benches[attempt.cell.task]
        await_engine(
            lambda: answers(bench.engine), self.settings.engine_wait_s, bench.engine.address
        )
        account = Account("trial", arm.limits.usd, self.accounts[arm.id])
        shared = wiring.Shared(account, self.slots, stopped)
        trial_id = attempt.trial_id
        with (
            TranscriptWriter(self._transcript(trial_id), wiring.secrets(self.settings)) as told,
            wiring.open_players(self.players, bench, trial_id) as open_model,
        ):
            world = wiring.build_world(bench, attempt.run_id, trial_id, open_model, shared)
            spec = self.spec(attempt)
            ended = run_trial(spec, guarded(world, self.gate), self.record, told.write)
        return Done(attempt, ended, account.spent_usd)

    def spec(self, attempt: Attempt) -> TrialSpec:
        """What is tried."""
        arm = self.arms[attempt.cell.arm]
        turns = self.max_turns[attempt.cell]
        return TrialSpec(
            trial_id=attempt.trial_id,
            run_id=attempt.run_id,
            arm=arm,
            task=self.benches[attempt.cell.task].task,
            trial=attempt.trial,
            attempt=attempt.attempt,
            provider_kind=self.players.kind,
            card=self.card,
            max_turns=turns,
            prompts=self.catalogue.prompts,
            manifest=self.manifests[attempt.cell],
        )

    def _transcript(self, trial_id: str) -> Path:
        return self.settings.transcripts / f"{trial_id}.jsonl"


def with_limits(arm: Arm, trial_usd: float | None, call_usd: float | None) -> Arm:
    """The arm with other limits of money where they are given, in USD."""
    limits = replace(
        arm.limits,
        usd=arm.limits.usd if trial_usd is None else trial_usd,
        call_usd=arm.limits.call_usd if call_usd is None else call_usd,
    )
    return replace(arm, limits=limits)
