"""What travels between the driver and a worker: an order out, a bundle or a refusal back.

An order is JSON. What comes back is one line of JSON, then a compressed tar: the trial's events
in the order they happened and its files.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from runner.errors import RunnerError
from runner.events import Event, TrialStarted
from runner.ledger.codec import decode, encode, kinds
from runner.ledger.journal_format import from_json, to_json
from runner.matrix.engine import Attempt
from runner.types import JsonObject

_EVENTS = "events.jsonl"
_FILES = "files"
_LEVEL = 3  # of gzip: higher ones cost several times the processor for a few per cent

# Why a worker did not run an order: it has run (or runs) elsewhere, the run is being stopped,
# the scheduler does not know the run any more, or cannot be asked, the worker is made of other
# things than the driver.
Why = Literal["claimed", "stopped", "unknown", "unreachable", "mismatch"]


class BadBundle(RunnerError):
    """What came back from a worker cannot be read, or does not belong to its order."""


@dataclass(frozen=True)
class Order:
    """One attempt to run on some worker.

    `program` is the module whose `facts_here` and `run_here` the worker calls, `facts` what it
    must find to be the same at its place, `work` what only that module understands. Seconds:
    every `renew_s` the worker asks whether to go on, after `lease_s` without an answer it
    stops, every `watch_s` it sends what happened (None: never).
    """

    session: str
    attempt: Attempt
    program: str
    facts: JsonObject
    work: JsonObject
    renew_s: float
    lease_s: float
    watch_s: float | None


@dataclass(frozen=True)
class Refused:
    """The order was not run by this worker; nothing was spent by it.

    `facts` is what the worker is made of when that is why, and it could be found.
    """

    trial_id: str
    why: Why
    host: str
    reason: str
    facts: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """The order was run; `error` says what broke it off, if the trial itself could not."""

    trial_id: str
    host: str
    error: str | None = None


@dataclass(frozen=True)
class Bundle:
    """A trial as the worker recorded it; `files` by their path below the results folder."""

    ran: Ran
    events: tuple[Event, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


_ORDER = kinds(Order)
_ANSWERS = kinds(Refused, Ran)


def write_order(order: Order) -> bytes:
    """The order as JSON; raises `CodecError` for values that have no JSON form."""
    return encode(order).encode("ascii")


def read_order(data: bytes) -> Order:
    """What `write_order` wrote; raises `CodecError`."""
    order: Order = decode(data.decode("ascii"), _ORDER)
    return order


def write_refusal(refused: Refused) -> bytes:
    """A refusal as it travels."""
    return encode(refused).encode("ascii") + b"\n"


def write_bundle(ran: Ran, events: Sequence[Event], folder: Path) -> bytes:
    """A bundle as it travels: the events, and every regular file below `folder`, if it is there."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        lines = "".join(f"{to_json(event)}\n" for event in events)
        _add(tar, _EVENTS, lines.encode("ascii"))
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                _add(tar, f"{_FILES}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    return encode(ran).encode("ascii") + b"\n" + gzip.compress(packed.getvalue(), _LEVEL)


def read_answer(data: bytes, trial_id: str) -> Bundle | Refused:
    """What a worker gave back for the attempt `trial_id`.

    Raises:
        BadBundle: it is damaged, of another trial, or names a file outside its own places.
    """
    head, _, packed = data.partition(b"\n")
    try:
        answer: Ran | Refused = decode(head.decode("ascii"), _ANSWERS)
        _check(answer.trial_id == trial_id, f"it is of trial {answer.trial_id}")
        if isinstance(answer, Refused):
            return answer
        return _bundle(answer, packed)
    except (ValueError, tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise BadBundle(f"what came back for {trial_id} cannot be read: {error}") from error


def _bundle(ran: Ran, packed: bytes) -> Bundle:
    events: tuple[Event, ...] = ()
    files = {}
    whole = gzip.decompress(packed)  # it has a checksum; tar itself takes a cut for an end
    with tarfile.open(fileobj=io.BytesIO(whole), mode="r:") as tar:
        for member in tar:
            content = tar.extractfile(member)
            _check(content is not None, f"{member.name} is no regular file")
            assert content is not None
            if member.name == _EVENTS:
                lines = content.read().decode("ascii").splitlines()
                events = tuple(from_json(line) for line in lines)
            else:
                files[_place(member.name, ran.trial_id)] = content.read()
    strange = {event.trial_id for event in events if hasattr(event, "trial_id")} - {ran.trial_id}
    _check(not strange, f"it holds events of {', '.join(sorted(strange))}")
    _check(not events or isinstance(events[0], TrialStarted), "it has no beginning")
    return Bundle(ran, events, files)


def _place(name: str, trial_id: str) -> str:
    """Where a file goes: `<folder>/<trial id>...`, and never among the journals."""
    path = PurePosixPath(name)
    fits = (
        not path.is_absolute()
        and ".." not in path.parts
        and len(path.parts) >= 3
        and path.parts[0] == _FILES
        and path.parts[1] != "journal"
        and path.parts[2].startswith(trial_id)
    )
    _check(fits, f"the file {name} does not belong there")
    return path.relative_to(_FILES).as_posix()


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
