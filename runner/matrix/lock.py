"""What a run's id stands for: two runs with one id are made of the same things.

Rows of one run may be compared with each other because nothing they are made of changed in
between; a run that is taken up again with anything changed is refused, with the difference.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from runner.config.arms import Arm
from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem, UsageError
from runner.events import Event, RunStarted, RunState, SessionEnded, SessionStarted
from runner.image.build import ImageRef
from runner.ledger.journal_format import Writer, records
from runner.ledger.journal_lines import JournalLines
from runner.manifest import code_digest, digest, files_digest, timeouts, versions, without_password
from runner.matrix.schedule import Goal
from runner.types import JsonObject
from runner.wiring import Bench, Players, sandbox_limits

ID_DIGITS = 10
_SHOWN = 12
_OF_SESSIONS = frozenset(("SessionStarted", "SessionEnded"))
_OTHERS = frozenset(kind.__name__ for kind in get_args(Event)) - _OF_SESSIONS


def run_lock(
    goal: Goal,
    arms: Mapping[str, Arm],
    benches: Mapping[str, Bench],
    players: Players,
    card: RateCard,
    max_turns: Mapping[str, int],
) -> JsonObject:
    """All that must not change within a run, JSON-able; keyed so that a difference reads well.

    `n`, jobs and budgets are not in it: a run may go further, faster or dearer later. `max_turns`
    is by "arm/task". An image counts by what went into it, since a rebuilt one gets a new id.
    """
    bench = next(iter(benches.values()))
    models = {model for arm in arms.values() for model in arm.models}
    return {
        "models": players.kind if players.script is None else f"{players.kind}:{players.script}",
        "arms": {arm.id: asdict(arm) for arm in arms.values()},
        "max_turns": dict(max_turns),
        "tasks": {task: files_digest(each.task.folder) for task, each in benches.items()},
        "prompts": asdict(bench.catalogue.prompts.only({arm.prompt for arm in arms.values()})),
        "images": {task: image_key(each.image) for task, each in benches.items()},
        "servers": vendors_servers(bench, arms) if players.kind == "live" else {},
        "card": {"id": card.id, **{model: asdict(card.rate(model)) for model in sorted(models)}},
        "code": code_digest(),
        "packages": versions(),
        "container": asdict(sandbox_limits(bench.settings)),
        "timeouts_s": timeouts(bench.settings),
        "sampling": {"fixed": goal.fixed, "seed": goal.seed},
    }


def vendors_servers(bench: Bench, arms: Mapping[str, Arm]) -> Mapping[str, str]:
    """The addresses that answer for the vendors.

    Not those of local models: each machine has its own, which may move between sessions, and the
    models there are held to their digests.
    """
    seats = [seat for arm in arms.values() for seat in (arm.lead, arm.executor) if seat]
    if all(seat.provider != "anthropic" for seat in seats):
        return {}
    given = bench.settings.anthropic_base_url
    return {"anthropic": without_password(given or "the vendor's own")}


def image_key(image: ImageRef) -> str:
    """What went into an image, as its labels say."""
    return f"{image.labels.get('runner.image.key')} {image.labels.get('runner.image.tree')}"


def run_id(kind: str, lock: JsonObject) -> str:
    """The id of a run made of these things, such as `live-3f2a91c07b`."""
    return f"{kind}-{digest(_text(lock))[:ID_DIGITS]}"


def differences(old: JsonObject, new: JsonObject) -> list[str]:
    """What is not the same, one line each: `arms.C.limits.usd: 10.0 -> 5.0`."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return [
        f"{key}: {_short(before.get(key))} -> {_short(after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def check_lock(path: Path, old: JsonObject, new: JsonObject) -> None:
    """Raise `UsageError` with the difference when a run cannot go on with what there is now."""
    old = json.loads(_text(old))
    if lines := differences(old, json.loads(_text(new))):
        more = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        shown = "\n  ".join((*lines[:_SHOWN], *more))
        raise UsageError(
            f"run {path.stem} was made of other things:\n  {shown}\n"
            "restore them to go on with it, or start a new run with --new"
        )


def unfinished(folder: Path, kind: str, lock: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """Runs of this kind that ask what `lock` asks and are not complete: journals and locks.

    Others are not read beyond their first event, and one in which even that is damaged is none
    that could go on. Raises `EnvironmentProblem` when a journal that asks the same is damaged.
    """
    for path in sorted(folder.glob(f"{kind}-*.jsonl")):
        started = None
        with suppress(EnvironmentProblem):
            started = first_event(path)
        if started and same_question(started.lock, lock) and last_end(path) != "complete":
            yield path, started.lock


def last_end(path: Path) -> RunState | None:
    """How a run's last session ended; None when it has not, or none has begun."""
    state: RunState | None = None
    for record in records(JournalLines(path), skip=_OTHERS):
        match record:
            case SessionStarted():
                state = None
            case SessionEnded():
                state = record.state
    return state


def first_event(path: Path) -> RunStarted | None:
    """A journal's RunStarted, None when it is a single trial's."""
    lines = JournalLines(path)
    for record in records(lines):
        if isinstance(record, RunStarted):
            return record
        if not isinstance(record, Writer):
            return None
    return None


def same_question(old: JsonObject, new: JsonObject) -> bool:
    """Whether two runs ask the same: the same models, arms and tasks by name."""
    return all(_names(old.get(key)) == _names(new.get(key)) for key in ("models", "arms", "tasks"))


def _names(value: object) -> object:
    return sorted(value) if isinstance(value, Mapping) else value


def _leaves(value: object, place: str = "") -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, value


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    return (
        text
        if len(text) <= 40
        else f"{text[:24]}... ({hashlib.sha256(text.encode()).hexdigest()[:8]})"
    )


def _text(lock: JsonObject) -> str:
    return json.dumps(lock, sort_keys=True)
