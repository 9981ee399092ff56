"""What a run's journal must say, whatever happened to the run."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.catalogue import load_catalogue
from runner.config.settings import Settings
from runner.events import AttemptIssued, Event, SessionStarted, TrialEnded, TrialStarted
from runner.ledger.journal_format import read_journal
from runner.ledger.runs import RunRecord, read_run
from runner.matrix.schedule import counts


def journal_of(results: Path) -> Path:
    """The only journal there is."""
    (path,) = (results / "journal").glob("*.jsonl")
    return path


def events_of(results: Path) -> Sequence[Event]:
    return read_journal(journal_of(results)).events


def record_of(results: Path) -> RunRecord:
    """The run as going on with it sees it, priced by the card in force."""
    settings = Settings()
    return read_run(journal_of(results), load_catalogue(settings).cards[settings.card])


def kinds_of(path: Path) -> list[str]:
    """The kinds of the whole lines, in order; also of a journal that is being written."""
    whole = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [str(json.loads(line)["event"]["kind"]) for line in whole]


def acknowledged(results: Path) -> bytes:
    """The whole lines of the journal: what a reader may have seen."""
    data = journal_of(results).read_bytes()
    return data[: data.rfind(b"\n") + 1]


def ended(results: Path) -> list[TrialEnded]:
    return [event for event in events_of(results) if isinstance(event, TrialEnded)]


def sessions(results: Path) -> int:
    return sum(isinstance(event, SessionStarted) for event in events_of(results))


def faults_in(events: Sequence[Event]) -> list[str]:
    """What is wrong with the record of a run: a result twice, an id twice, a start unannounced."""
    issued = [e for e in events if isinstance(e, AttemptIssued)]
    started = [e for e in events if isinstance(e, TrialStarted)]
    ends = [e for e in events if isinstance(e, TrialEnded)]
    place = {e.trial_id: (e.arm, e.task, e.trial) for e in issued}
    results = Counter(place.get(e.trial_id) for e in ends if counts(e))
    wrong = [f"{where} has {times} results" for where, times in results.items() if times > 1]
    for name, seen in (("issued", issued), ("started", started), ("ended", ends)):
        times: Counter[Any] = Counter(e.trial_id for e in seen)
        wrong += [f"{trial} {name} {count} times" for trial, count in times.items() if count > 1]
    known = {e.trial_id for e in issued}
    wrong += [f"{e.trial_id} started unannounced" for e in started if e.trial_id not in known]
    return wrong
