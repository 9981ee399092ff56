"""What one worker process keeps for all its trials: leases, slots, and what to show meanwhile."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from distributed import Worker
from distributed.utils import sync

from runner.cluster.wire import Order
from runner.events import Event
from runner.ledger.journal_format import to_json
from runner.slots import Slots
from runner.types import JsonObject

TOPIC = "runner-events"
_EXTENSION = "runner-keeper"


@dataclass
class _Lease:
    """One trial's leave to go on, as of `renewed` on the monotonic clock."""

    order: Order
    renewed: float
    reason: str | None = None
    unseen: list[str] = field(default_factory=list)


class Keeper:
    """Shared by the trials of a worker process. Thread-safe."""

    def __init__(self, worker: Worker) -> None:
        """Take the number of judge slots from the worker's own resources (1 without)."""
        self.slots = Slots(max(1, int(worker.state.total_resources.get("judge", 1))))
        self._worker = worker
        self._leases: dict[str, _Lease] = {}
        self._facts: dict[str, JsonObject] = {}
        self._changed = threading.Condition()
        self._closing: str | None = None
        self._thread: threading.Thread | None = None

    def facts(self, session: str, find: Callable[[], JsonObject]) -> JsonObject:
        """What this place is made of, found once for a run."""
        with self._changed:
            if session not in self._facts:
                self._facts = {session: find()}
            return self._facts[session]

    def claim(self, order: Order) -> dict[str, str]:
        """Ask for the attempt; `why` and `reason` are set when it must not be run here."""
        trial_id = order.attempt.trial_id
        asked = time.monotonic()
        try:
            said = self._ask(
                "runner_claim",
                order.lease_s,
                session=order.session,
                trial_id=trial_id,
                worker=self._worker.address,
            )
        except (OSError, TimeoutError, RuntimeError) as error:
            return {"why": "unreachable", "reason": f"the scheduler did not answer: {error}"}
        if not isinstance(said, dict):
            return {"why": "unknown", "reason": "the scheduler was started anew"}
        if not said:
            with self._changed:
                self._leases[trial_id] = _Lease(order, asked)
                self._start()
                self._changed.notify()
        return said

    def stopped(self, trial_id: str) -> str | None:
        """Why the trial must send no further call; None while it may."""
        with self._changed:
            lease = self._leases[trial_id]
            if time.monotonic() - lease.renewed > lease.order.lease_s:
                lease.reason = lease.reason or (
                    f"lease lost: the scheduler has not answered for {lease.order.lease_s:g} s"
                )
            return lease.reason or self._closing

    def show(self, trial_id: str, event: Event) -> None:
        """Let the driver see an event soon; it is no record."""
        with self._changed:
            lease = self._leases[trial_id]
            if lease.order.watch_s is not None:
                lease.unseen.append(to_json(event))

    def release(self, trial_id: str) -> None:
        """The trial is over."""
        with self._changed:
            lease = self._leases.pop(trial_id, None)
        if lease is not None:
            self._send([lease])

    def close(self) -> None:
        """The worker is closing: no trial may go on. Dask calls this."""
        with self._changed:
            self._closing = "the worker is closing"
            self._changed.notify()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._tick, name="keeper", daemon=True)
            self._thread.start()

    def _tick(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._leases or self._closing)
                if self._closing:
                    return
                leases = list(self._leases.values())
                self._changed.wait(min(_pause(lease.order) for lease in leases))
            self._send(leases)
            now = time.monotonic()
            if any(now - lease.renewed >= lease.order.renew_s for lease in leases):
                self._renew(leases)

    def _renew(self, leases: list[_Lease]) -> None:
        """One message for all trials of this process."""
        trials = [[lease.order.session, lease.order.attempt.trial_id] for lease in leases]
        asked = time.monotonic()
        try:
            said = self._ask("runner_renew", leases[0].order.lease_s, trials=trials)
        except (OSError, TimeoutError, RuntimeError):
            return  # the lease runs out by itself
        with self._changed:
            for lease in leases:
                if not isinstance(said, dict):
                    lease.reason = lease.reason or "the scheduler was started anew"
                    continue
                lease.reason = lease.reason or said.get(lease.order.attempt.trial_id)
                lease.renewed = asked

    def _send(self, leases: list[_Lease]) -> None:
        unseen: dict[str, list[str]] = {}
        with self._changed:
            for lease in leases:
                if lease.unseen:
                    unseen.setdefault(lease.order.session, []).extend(lease.unseen)
                    lease.unseen.clear()
        for session, events in unseen.items():
            self._worker.log_event(TOPIC, {"session": session, "events": events})

    def _ask(self, what: str, timeout_s: float, **said: object) -> Any:
        call = getattr(self._worker.scheduler, what)
        return sync(self._worker.loop, call, callback_timeout=timeout_s, **said)


def keeper_of(worker: Worker) -> Keeper:
    """The one keeper of this process, made when the first trial comes."""

    async def find() -> object:  # in the worker's loop, which goes through the extensions too
        return worker.extensions.setdefault(_EXTENSION, Keeper(worker))

    keeper = sync(worker.loop, find)
    assert isinstance(keeper, Keeper)
    return keeper


def _pause(order: Order) -> float:
    return order.renew_s if order.watch_s is None else min(order.renew_s, order.watch_s)
