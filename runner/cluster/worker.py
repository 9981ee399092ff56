"""The worker's side: run one attempt with this machine's own engine, keys and settings."""

import logging
import socket
from pathlib import Path

from distributed import Worker, get_worker

from runner.cluster.facts import facts_at, program
from runner.cluster.keeper import Keeper, keeper_of
from runner.cluster.wire import Order, Ran, Refused, read_order, write_bundle, write_refusal
from runner.config.settings import load_settings
from runner.errors import OperatorError
from runner.events import Event
from runner.ledger.journal import Journal
from runner.manifest import code_digest

_PROGRAM = "runner.matrix.remote"  # what orders name, but for those of tests


def dask_setup(worker: Worker) -> None:
    """Load the program and take its hash before an update can come between; Dask calls this.

    A worker lives for many runs: its code is what it started with, not what lies on the disk.
    """
    code_digest()
    program(_PROGRAM)


def run_attempt(payload: bytes) -> bytes:
    """Run an order and give a bundle, or a refusal; what Dask runs on a worker."""
    order = read_order(payload)
    worker = get_worker()
    keeper = keeper_of(worker)
    refused = _refusal(order, worker, keeper)
    if refused is not None:
        return write_refusal(refused)
    try:
        return _run(order, worker, keeper)
    finally:
        keeper.release(order.attempt.trial_id)


def _refusal(order: Order, worker: Worker, keeper: Keeper) -> Refused | None:
    """Why this worker must not run the order; None once it has the claim."""
    trial_id, host = order.attempt.trial_id, _host(worker)
    try:
        here = keeper.facts(order.session, lambda: facts_at(order.program, order.work))
    except (OperatorError, ImportError) as error:
        return Refused(trial_id, "mismatch", host, str(error))
    if here != order.facts:
        return Refused(trial_id, "mismatch", host, "it is made of other things", here)
    said = keeper.claim(order)
    if said:
        return Refused(trial_id, said["why"], host, said["reason"])  # type: ignore[arg-type]
    return None


def _run(order: Order, worker: Worker, keeper: Keeper) -> bytes:
    """Run the trial with a journal of its own on this disk, which stays there."""
    trial_id = order.attempt.trial_id
    events: list[Event] = []
    folder: Path | None = None
    error: str | None = None
    try:
        # a run made anew has the ids of the one that was deleted: each session has its own place
        folder = load_settings().results / "remote" / trial_id / order.session[:8]
        with Journal.create(folder / "journal.jsonl") as journal:

            def record(event: Event) -> None:
                journal.append(event)
                events.append(event)
                keeper.show(trial_id, event)

            program(order.program).run_here(
                order.attempt,
                order.work,
                folder / "files",
                keeper.slots,
                record,
                lambda: keeper.stopped(trial_id),
            )
    except Exception as raised:  # the driver must hear of it together with what was spent
        logging.getLogger(__name__).exception("trial %s broke off", trial_id)
        error = str(raised) if isinstance(raised, OperatorError) else repr(raised)
    files = Path() / "nothing" if folder is None else folder / "files"
    return write_bundle(Ran(trial_id, _host(worker), error), events, files)


def _host(worker: Worker) -> str:
    return f"{socket.gethostname()} ({worker.address})"
