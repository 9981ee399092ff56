"""A run's journal cut off at every byte: it is always taken up again, with what was whole."""

from pathlib import Path

from figures import Figure
from run_record import ended, events_of, faults_in, journal_of
from warm import Warm

from runner.catalogue import load_catalogue
from runner.config.rates import RateCard
from runner.config.settings import Settings
from runner.errors import RunnerError
from runner.events import RunStarted
from runner.ledger.journal_format import read_journal
from runner.matrix.lock import first_event
from runner.matrix.schedule import Goal, tallies
from runner.matrix.session import past, taken_up

RUN = ("matrix", "-n", "1", "--arms", "D", "--tasks", "S1", "--jobs", "1")
PLAYED = (*RUN, "--models", "scripted:oracle")


def truncation(code: Path, scratch: Path, *, step: int, resumes: int) -> list[Figure]:
    """Take up the journal at every `step`-th byte, and go on with the run at `resumes` of them."""
    settings = Settings()
    card = load_catalogue(settings).cards[settings.card]
    with Warm(docker=False, code=code) as warm:
        whole = scratch / "whole"
        assert warm.run(whole, *PLAYED).code == 0
        path = journal_of(whole)
        data = path.read_bytes()
        offsets = range(0, len(data) + 1, step)
        run = first_event(path)
        assert run
        failed = [each for each in offsets if not recovers(run, card, data, each, scratch)]
        sample = [len(data) * number // resumes for number in range(resumes)]
        stuck = [offset for offset in sample if not completes(warm, path, data, offset, scratch)]
    note = f"{len(offsets)} cuts of {len(data)} bytes; at {failed[:5]}"
    return [
        Figure("cuts that are not recovered", len(failed), "", 0, note),
        Figure("cuts after which a run does not complete", len(stuck), "", 0, f"of {resumes}"),
    ]


def recovers(run: RunStarted, card: RateCard, data: bytes, offset: int, folder: Path) -> bool:
    """Whether the run can be taken up with all that was whole, and nothing else."""
    cut = folder / "cut" / f"{run.run_id}.jsonl"
    cut.parent.mkdir(parents=True, exist_ok=True)
    cut.write_bytes(data[:offset])
    whole = data[: data.rfind(b"\n", 0, offset) + 1]
    try:
        with taken_up(cut, run.provider_kind, run.lock, card) as (_, record):
            tallies(Goal((), 1, False, 1), past(record))
        read_journal(cut)
    except RunnerError:
        return False
    return cut.read_bytes().startswith(whole)


def completes(warm: Warm, path: Path, data: bytes, offset: int, scratch: Path) -> bool:
    """Whether the same command completes a run that was cut there."""
    results = scratch / f"at-{offset}"
    (results / "journal").mkdir(parents=True)
    (results / "journal" / path.name).write_bytes(data[:offset])
    if warm.run(results, *PLAYED).code != 0:
        return False
    solved = sum(end.status == "solved" for end in ended(results))
    return solved == 1 and faults_in(events_of(results)) == []
