"""A `TrialEngine` of many machines, on Dask distributed.

Dask places attempts and brings results back; it is trusted with nothing else. An attempt runs
once because its worker claims it first (see `runner.cluster.claims`), and is counted once
because only the thread that takes its flight out of `Flights` may put it on record.
"""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

from distributed import Future

from runner.cluster.connection import ClusterSettings, Connection, NotBack
from runner.cluster.facts import plain, versions
from runner.cluster.flights import Flight, Flights
from runner.cluster.keeper import TOPIC
from runner.cluster.settle import (
    RecordAll,
    RemoteRun,
    came_back,
    never_began,
    unfit,
    was_lost,
)
from runner.cluster.wire import BadBundle, Bundle, Order, read_answer, write_order
from runner.cluster.worker import run_attempt
from runner.errors import EnvironmentProblem
from runner.events import Event
from runner.ledger.journal_format import from_json
from runner.matrix.engine import Attempt, Broken, Capacity, Done, Need, Outcome, StopAsked

_COLLECTORS = 4  # so that one worker that does not hand out its result holds up nobody
_CAPACITY_AGE_S = 1.0
_LOOK_S = 0.5  # how often deadlines are looked at, and a stop told again that was not heard

Watch = Callable[[Event], None]


class DaskEngine:
    """Runs attempts on the workers of a Dask scheduler. `outcomes` is filled by own threads."""

    def __init__(
        self,
        address: str,
        run: RemoteRun,
        record: RecordAll,
        *,
        watch: Watch | None = None,
        settings: ClusterSettings | None = None,
    ) -> None:
        """Connect and wait for the first worker.

        `record` gets all events of a trial, once it is back; `watch` gets them as they happen,
        for the eye only: some may be missing, and all of them come again through `record`.

        Raises:
            UsageError: the address is none, or not safe.
            EnvironmentProblem: no scheduler, or no worker in time.
        """
        self._settings = settings or ClusterSettings()
        self._run = run
        self._facts = plain({**versions(), **run.facts})
        self._record = record
        self._watch = watch
        self._outcomes: SimpleQueue[Outcome | StopAsked] = SimpleQueue()
        self._signals: SimpleQueue[tuple[str, str | None] | None] = SimpleQueue()
        self._flights = Flights()
        self._untold: str | None = None  # why all is to stop, until the scheduler has heard it
        self._closed = threading.Event()
        self._line = Connection(address, uuid.uuid4().hex, self._settings)
        try:
            self._room = (time.monotonic(), self._line.await_workers())
        except BaseException:
            self._line.client.close()
            raise
        if watch:
            self._line.client.subscribe_topic(TOPIC, self._saw)
        for number in range(_COLLECTORS):
            threading.Thread(target=self._collect, name=f"collect-{number}", daemon=True).start()
        threading.Thread(target=self._look_around, name="look-around", daemon=True).start()

    @property
    def outcomes(self) -> "SimpleQueue[Outcome | StopAsked]":
        """See `TrialEngine`."""
        return self._outcomes

    def capacity(self) -> Capacity:
        """Places on live workers, at most a second old.

        While there is no worker at all it is one of each: the attempt handed out then waits
        for a worker, and comes back as broken when none appears in time.
        """
        asked, room = self._room
        if time.monotonic() - asked > _CAPACITY_AGE_S:
            with suppress(OSError, TimeoutError):
                room = self._line.capacity()
            self._room = (time.monotonic(), room)
        return room if room.trials and self._line.up else Capacity(1, 1)

    def reserve_usd(self, attempt: Attempt) -> float:
        """The attempt's own cap: its worker keeps within that by itself."""
        return self._run.cap_usd(attempt)

    def submit(self, attempt: Attempt, need: Need) -> None:
        """See `TrialEngine`."""
        trial_id = attempt.trial_id
        deadline = time.monotonic() + self._settings.deadline_s
        future = self._hand_out(attempt, need) if self._line.up else None
        self._flights.add(Flight(attempt, future, deadline))
        if future is None:
            self._signals.put((trial_id, None))
        else:
            future.add_done_callback(lambda _: self._signals.put((trial_id, None)))

    def request_stop(self, reason: str) -> None:
        """See `TrialEngine`: workers hear of it within `renew_s`; what waits does not begin.

        When the scheduler does not answer, it is told again until it does.
        """
        self._untold = reason
        self._tell_to_stop()

    def close(self) -> None:
        """See `TrialEngine`: with this driver gone, workers stop their trials within `renew_s`."""
        self._closed.set()
        for _ in range(_COLLECTORS):
            self._signals.put(None)
        self._line.client.close()

    def _hand_out(self, attempt: Attempt, need: Need) -> "Future[bytes]":
        order = Order(
            session=self._line.session,
            attempt=attempt,
            program=self._run.program,
            facts=self._facts,
            work=self._run.work(attempt),
            renew_s=self._settings.renew_s,
            lease_s=self._settings.lease_s,
            watch_s=self._settings.watch_s if self._watch else None,
        )
        return self._line.client.submit(
            run_attempt,
            write_order(order),
            key=("trial", self._line.session, attempt.trial_id),
            resources={"trial": 1, "gpu": need.gpu} if need.gpu else {"trial": 1},
            retries=0,
            pure=False,
        )

    def _collect(self) -> None:
        """Take in what is back, one attempt at a time; several threads do this."""
        while (signal := self._signals.get()) is not None:
            trial_id, stop = signal
            flight = self._flights.take(trial_id)
            if flight is None:
                continue  # it was given up before: whatever came is dropped
            become = partial(self._stopped, reason=stop) if stop else self._outcome
            self._tell(flight, partial(become, flight))

    def _look_around(self) -> None:
        """What goes by the clock, in a thread of its own: no stream of results may delay it."""
        reason = f"not back after {self._settings.deadline_s:g} s"
        while not self._closed.wait(_LOOK_S):
            self._tell_to_stop()
            for flight in self._flights.take_late():
                self._tell(flight, partial(self._missing, flight, reason))

    def _tell_to_stop(self) -> None:
        """Tell the scheduler why all is to stop, unless it knows; what had not begun is back."""
        reason = self._untold
        if reason is None:
            return
        try:
            begun_ids = set(self._line.ask("stop", reason=reason))
        except (OSError, TimeoutError):
            return  # slow, or gone: then every attempt comes back as lost
        self._untold = None
        for trial_id in self._flights.ids() - begun_ids:
            self._signals.put((trial_id, reason))

    def _tell(self, flight: Flight, find: Callable[[], Outcome]) -> None:
        try:
            outcome = find()
        except BaseException as error:  # a thread has nobody else to tell
            outcome = Broken(flight.attempt, error)
        self._outcomes.put(outcome)

    def _outcome(self, flight: Flight) -> Outcome:
        """What became of an attempt that Dask is done with; all of it is on record after this."""
        attempt = flight.attempt
        try:
            data = self._line.fetch(flight.future, 2 * self._settings.worker_ttl_s)
            answer = read_answer(data, attempt.trial_id)
        except NotBack as error:
            return self._missing(flight, str(error), error.problem)
        except BadBundle as error:
            return self._missing(flight, str(error))
        if isinstance(answer, Bundle):
            return came_back(self._run, self._record, attempt, answer)
        if answer.why == "stopped":
            return self._stopped(flight, answer.reason)
        if answer.why == "mismatch":
            return unfit(self._run, self._record, attempt, answer, self._facts)
        return was_lost(self._run, self._record, attempt, f"its result is lost: {answer.reason}")

    def _missing(
        self, flight: Flight, reason: str, problem: EnvironmentProblem | None = None
    ) -> Outcome:
        """Give an attempt up; it is free of charge only when no worker ever claimed it."""
        attempt = flight.attempt
        if flight.future is not None and self._was_begun(attempt.trial_id, reason):
            return was_lost(self._run, self._record, attempt, reason)
        ended = never_began(self._run, self._record, attempt, reason, "Lost")
        return Broken(attempt, problem) if problem else Done(attempt, ended, 0.0)

    def _was_begun(self, trial_id: str, reason: str) -> bool:
        """Forbid it from now on; whether a worker had claimed it, True when nobody can say."""
        try:
            return bool(self._line.ask("give_up", trial_id=trial_id, reason=reason))
        except (OSError, TimeoutError):
            return True

    def _stopped(self, flight: Flight, reason: str) -> Outcome:
        attempt = flight.attempt
        ended = never_began(self._run, self._record, attempt, reason, "Stopped")
        return Done(attempt, ended, 0.0)

    def _saw(self, message: tuple[float, dict[str, object]]) -> None:
        """What a worker sent for the eye; of trials in flight only."""
        _, said = message
        lines = said.get("events")
        if said.get("session") != self._line.session or not isinstance(lines, list | tuple):
            return
        assert self._watch is not None
        for line in lines:
            event = from_json(line)
            if getattr(event, "trial_id", None) in self._flights:
                self._watch(event)
