"""What the scheduler keeps of runs: who may run an attempt, and who is told to stop.

It runs inside Dask's scheduler, in its event loop, so each call is one step that nothing can
come between. All of it is gone when the scheduler is: a run does not outlive its scheduler.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from distributed import Scheduler, SchedulerPlugin
from tornado.ioloop import PeriodicCallback

from runner.cluster.wire import Why

NAME = "runner-claims"
_CHECKS_PER_TTL = 4


@dataclass
class _Session:
    """One driver's run; `claims` holds the worker by trial id, `given_up` why by trial id."""

    client: str
    stop: str | None = None
    claims: dict[str, str] = field(default_factory=dict)
    given_up: dict[str, str] = field(default_factory=dict)


class Claims(SchedulerPlugin):
    """An attempt is run by the first worker that asks, and by no other."""

    name = NAME
    idempotent = True

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}
        self._scheduler: Scheduler | None = None

    async def start(self, scheduler: Scheduler) -> None:
        """Answer to drivers and workers from now on."""
        self._scheduler = scheduler
        scheduler.handlers["runner_open"] = self.open
        scheduler.handlers["runner_claim"] = self.claim
        scheduler.handlers["runner_renew"] = self.renew
        scheduler.handlers["runner_stop"] = self.stop
        scheduler.handlers["runner_give_up"] = self.give_up
        scheduler.handlers["runner_capacity"] = self.capacity
        stealing = scheduler.extensions.get("stealing")
        if stealing is not None:  # a trial that is moved would be refused by its own claim
            await stealing.stop()

    def open(
        self, session: str, client: str, worker_ttl_s: float, no_workers_s: float
    ) -> dict[str, object]:
        """A driver begins: from now on a trial whose worker died is not tried again by Dask."""
        scheduler = self._scheduler
        assert scheduler is not None
        self._sessions[session] = _Session(client)
        scheduler.allowed_failures = 0
        scheduler.no_workers_timeout = no_workers_s
        if (old := scheduler.periodic_callbacks.pop("worker-ttl", None)) is not None:
            old.stop()
        scheduler.worker_ttl = worker_ttl_s
        check = PeriodicCallback(scheduler.check_worker_ttl, worker_ttl_s * 1000 / _CHECKS_PER_TTL)
        scheduler.periodic_callbacks["worker-ttl"] = check
        check.start()
        return {"status": "OK"}

    def claim(self, session: str, trial_id: str, worker: str) -> dict[str, str]:
        """Take an attempt: the keys `why` and `reason` when the worker must not run it."""
        known = self._sessions.get(session)
        if known is None:
            return _no("unknown", "its driver is gone")
        if known.stop:
            return _no("stopped", known.stop)
        if trial_id in known.given_up:
            return _no("claimed", known.given_up[trial_id])
        if trial_id in known.claims:
            return _no("claimed", f"it was begun by the worker at {known.claims[trial_id]}")
        known.claims[trial_id] = worker
        return {}

    def renew(self, trials: list[list[str]]) -> dict[str, str]:
        """By trial id, why it must stop; `trials` are pairs of session and trial id."""
        said = {}
        for session, trial_id in trials:
            known = self._sessions.get(session)
            reason = "its driver is gone"
            if known is not None:
                reason = known.given_up.get(trial_id) or known.stop or ""
            if reason:
                said[trial_id] = reason
        return said

    def stop(self, session: str, reason: str) -> list[str]:
        """Let no call be sent any more; gives the ids of the trials that were begun."""
        known = self._sessions.get(session)
        if known is None:
            return []
        known.stop = reason
        return list(known.claims)

    def give_up(self, session: str, trial_id: str, reason: str) -> bool:
        """The driver waits for an attempt no longer: it must stop, or not begin.

        Gives whether it was begun, as far as can be known.
        """
        known = self._sessions.get(session)
        if known is None:
            return True
        known.given_up[trial_id] = reason
        return trial_id in known.claims

    def capacity(self) -> dict[str, int]:
        """Places for trials and for local models on the workers that are there."""
        assert self._scheduler is not None
        found = {"trials": 0, "gpus": 0}
        for worker in self._scheduler.workers.values():
            resources: Mapping[str, Any] = worker.resources
            found["trials"] += int(min(resources.get("trial", 0), worker.nthreads))
            found["gpus"] += int(resources.get("gpu", 0))
        return found

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """A driver is gone: its trials are told so when they next ask."""
        for session in [s for s, known in self._sessions.items() if known.client == client]:
            del self._sessions[session]


def _no(why: Why, reason: str) -> dict[str, str]:
    return {"why": why, "reason": reason}
