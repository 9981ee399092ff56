"""What goes on record for an attempt that ran elsewhere, was lost, or never began."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.cluster.wire import Bundle, Refused
from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem
from runner.events import (
    CallReserved,
    CallSettled,
    Event,
    TrialEnded,
    TrialStarted,
    now,
)
from runner.matrix.engine import Attempt, Broken, Done, Lost, Outcome, unplayed
from runner.matrix.lock import differences
from runner.types import JsonObject, ProviderKind, Role, Usage

RecordAll = Callable[[Sequence[Event]], None]  # all of them in one go, in this order
_SHOWN = 8  # differences named in a message


@dataclass(frozen=True)
class RemoteRun:
    """What an engine must know of a run to hand it out and to count what comes back.

    `program` names the module that workers run (see `runner.cluster.facts.Program`), `facts` what
    its `facts_here` must find there, `work` gives what only that module understands; both are
    JSON-able. `cap_usd` is the most an attempt may
    spend, in USD, and what is counted when it is lost; `lead` the role and model under which
    that is put on record. `results` is where the files of trials go.
    """

    kind: ProviderKind
    card: RateCard
    results: Path
    program: str
    facts: JsonObject
    work: Callable[[Attempt], JsonObject]
    cap_usd: Callable[[Attempt], float]
    lead: Callable[[Attempt], tuple[Role, str]]


def came_back(run: RemoteRun, record: RecordAll, attempt: Attempt, bundle: Bundle) -> Outcome:
    """Put a trial that ran elsewhere on record: its files, then its events in their order.

    Raises what `record` raises, and `EnvironmentProblem` when the disk refuses a file.
    """
    events = bundle.events
    said = f"{bundle.ran.host}: {bundle.ran.error or 'the trial came back without its end'}"
    if not events:
        events = (_started(run, attempt, said),)
    ended = events[-1]
    if not isinstance(ended, TrialEnded):
        ended = unplayed(attempt.trial_id, said, "Broken")
        events = (*events, ended)
    _keep(run.results, bundle.files)
    record(events)
    if bundle.ran.error is not None:
        return Broken(attempt, EnvironmentProblem(said))
    return Done(attempt, ended, spent_usd(events, run.card))


def was_lost(run: RemoteRun, record: RecordAll, attempt: Attempt, reason: str) -> Lost:
    """Put an attempt on record of which nobody knows what it spent.

    It counts as one lost call that costs all the attempt might have. Raises what `record` does.
    """
    trial_id = attempt.trial_id
    role, model = run.lead(attempt)
    record(
        (
            _started(run, attempt, reason),
            CallReserved(trial_id, 1, 1, role, model, run.cap_usd(attempt)),
            CallSettled(trial_id, 1, 1, role, model, Usage(), 0.0, error=reason, lost=True),
            unplayed(attempt.trial_id, reason, "Lost"),
        )
    )
    return Lost(attempt, reason)


def never_began(
    run: RemoteRun, record: RecordAll, attempt: Attempt, reason: str, failure: str
) -> TrialEnded:
    """Put an attempt on record that certainly sent no call: it costs nothing.

    Raises what `record` raises.
    """
    ended = unplayed(attempt.trial_id, reason, failure)
    record((_started(run, attempt, reason), ended))
    return ended


def unfit(
    run: RemoteRun, record: RecordAll, attempt: Attempt, refused: Refused, facts: JsonObject
) -> Broken:
    """Put an attempt on record that a worker made of other things refused.

    `facts` is what it should be made of; the error names the host and what differs there.
    Raises what `record` raises.
    """
    lines = differences(facts, refused.facts) if refused.facts else [refused.reason]
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    shown = "; ".join((*lines[:_SHOWN], *more))
    reason = (
        f"{refused.host} cannot take part in this run: {shown}: bring it up to date, then start "
        "its worker again, which goes by the code it was started with"
    )
    never_began(run, record, attempt, reason, "Refused")
    return Broken(attempt, EnvironmentProblem(reason))


def spent_usd(events: Iterable[Event], card: RateCard) -> float:
    """What a trial's events cost, in USD, reckoned as when a run's journal is read.

    A call that was lost, never settled, or came without its tokens costs its reserve. Raises
    `UsageError` for a model that the card has no price for.
    """
    reserves: dict[int, float] = {}
    settled = 0.0
    for event in events:
        match event:
            case CallReserved():
                reserves[event.seq] = event.usd
            case CallSettled() if not event.lost and not event.detail.get("usage_missing"):
                reserves.pop(event.seq, None)
                settled += card.settled_usd(event)
    return settled + sum(reserves.values())


def _keep(results: Path, files: Mapping[str, bytes]) -> None:
    """Write a bundle's files below the results folder, each whole or not at all.

    Raises:
        EnvironmentProblem: the disk refuses.
    """
    for name, data in files.items():
        path = results / name
        half = path.with_name(f".{path.name}.half")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            half.write_bytes(data)
            half.replace(path)
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot write {path}: {error.strerror}: free some space there, or set "
                "RUNNER_RESULTS to a disk that has room"
            ) from error


def _started(run: RemoteRun, attempt: Attempt, reason: str) -> TrialStarted:
    """The first line on record of an attempt that brought none of its own."""
    return TrialStarted(
        trial_id=attempt.trial_id,
        run_id=attempt.run_id,
        arm=attempt.cell.arm,
        task=attempt.cell.task,
        trial=attempt.trial,
        attempt=attempt.attempt,
        provider_kind=run.kind,
        started_at=now(),
        manifest={"lost": reason},
    )
