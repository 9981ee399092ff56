"""A session of `runner matrix`: who runs its attempts, who is shown what, how it is stopped."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType

from rich.console import Console

from runner.budget import Account
from runner.cli.board import MatrixDisplay
from runner.cli.showing import Showing, traced
from runner.cluster.extra import engine_class
from runner.cluster.settle import RecordAll, RemoteRun
from runner.config.settings import Settings
from runner.errors import EnvironmentProblem, OperatorError, SandboxFailure
from runner.events import Event, Record, TrialEnded
from runner.ledger.database import sync
from runner.ledger.journal import Journal
from runner.ledger.runs import RunRecord
from runner.matrix.attempts import Trials
from runner.matrix.board import Board
from runner.matrix.driver import Ending, Session, drive
from runner.matrix.engine import Cell, Need, Outcome, StopAsked, TrialEngine
from runner.matrix.glimpses import Glimpses
from runner.matrix.here import Gate, LocalEngine
from runner.matrix.history import history_of
from runner.matrix.remote import work_of
from runner.matrix.schedule import Tally
from runner.matrix.selection import Benches, Parts, Selection, manifests
from runner.matrix.session import Money, begin, finish
from runner.matrix.upkeep import Upkeep
from runner.sandbox.reaper import remove_own
from runner.slots import Slots
from runner.stop import ending_signals
from runner.types import JsonObject

OPENING_S = 10.0  # what is half open at a sudden end is waited for so long
UPKEEP_S = 0.5  # and the database, which is made anew from the journal at any time
REMOTE = "runner.matrix.remote"


@dataclass(frozen=True)
class Order:
    """How far and by what means the run shall go in this session."""

    selection: Selection
    lock: JsonObject
    jobs: int
    money: Money
    cluster: str | None  # address of a scheduler; None: threads of this process


def session(
    console: Console,
    what: Parts,
    there: Benches,
    order: Order,
    journal: Journal,
    run: RunRecord,
    state: Mapping[Cell, Tally],
) -> Ending:
    """One session: from the first attempt handed out to the last that came back."""
    accounts = order.money.accounts(tuple(what.arms), run.spent_usd)
    slots = Slots(what.settings.slots or places(there, what.settings))
    here = 0 if order.cluster else slots.count  # elsewhere each worker has its own
    board = Board(what.card, what.goal.cells, slots=here)
    board.begin_after(history_of(run))
    display = Showing(MatrixDisplay(console, board))
    upkeep = Upkeep(lambda: bring_up_to_date(what), lambda text: console.print(text, markup=False))
    record_all = recorder(journal, display, upkeep)

    def record(event: Event) -> None:
        record_all((event,))

    gate = Gate()
    glimpses = Glimpses(journal.path, board, lambda text: console.print(text, markup=False))
    engine = (
        cluster_engine(what, order, record_all, glimpses)
        if order.cluster
        else local_engine(what, there, order, accounts, slots, record, gate)
    )
    needs = {arm.id: Need(gpu=arm.local_models) for arm in what.arms.values()}
    work = Session(run.run_id, what.goal, state, accounts, needs, engine, record, display.stopping)
    ending: Ending | None = None
    try:
        jobs = engine.capacity().trials
        begin(
            *(record, run.run_id, what.goal, jobs, here),
            *(order.money, order.selection, order.cluster),
        )
        with display.shown(), glimpses if order.cluster else nullcontext():
            ending = traced(driven(work, gate, there), journal.path)
            finish(record, run.run_id, ending)
    finally:
        engine.close()
        # Who stops a run at once does not wait for a database that somebody else may hold.
        upkeep.close(UPKEEP_S if ending and ending.at_once else None)
    return ending


def recorder(journal: Journal, display: Showing, upkeep: Upkeep) -> RecordAll:
    """What puts events in the journal and, once they are safe there, shows them."""

    def record_all(events: Sequence[Event]) -> None:
        journal.append_all(events)
        for event in events:
            display(event)
            if isinstance(event, TrialEnded):
                upkeep.due()

    return record_all


def local_engine(
    what: Parts,
    there: Benches,
    order: Order,
    accounts: Mapping[str, Account],
    slots: Slots,
    record: Record,
    gate: Gate,
) -> TrialEngine:
    """Threads of this process."""
    trials = Trials(what, there, manifests(what, there), accounts, slots, record, gate)
    return LocalEngine(order.jobs, what.settings.ollama_slots, trials.run)


def cluster_engine(
    what: Parts, order: Order, record: RecordAll, watch: Callable[[Event], None]
) -> TrialEngine:
    """The workers of a scheduler.

    Raises:
        UsageError: the address is none, or not safe.
        EnvironmentProblem: Dask is not installed, or no scheduler or worker is there.
    """
    run = RemoteRun(
        kind=what.players.kind,
        card=what.card,
        results=what.settings.results,
        program=REMOTE,
        facts=order.lock,
        work=lambda _attempt: work_of(order.selection),
        cap_usd=lambda attempt: what.arms[attempt.cell.arm].limits.usd,
        lead=lambda attempt: (
            what.arms[attempt.cell.arm].lead_role,
            what.arms[attempt.cell.arm].lead.model,
        ),
    )
    return engine_class()(str(order.cluster), run, record, watch=watch)


def driven(work: Session, gate: Gate, there: Benches) -> Ending:
    """Drive the session; a first Ctrl-C lets calls in flight finish, a second ends it at once."""
    try:
        with stop_signals(work.engine.outcomes):
            ending = drive(work)
        # A container outlives its trial when the engine was away as it was to be removed.
        remove_all(there)
        return ending
    except BaseException as error:
        # Threads go on until the program ends: nothing of theirs may be left behind.
        work.engine.request_stop("the run is stopped at once")
        gate.shut(OPENING_S)
        remove_all(there)
        if isinstance(error, KeyboardInterrupt):
            left = len(work.in_flight)
            reason = f"stopped at once; {left} attempts in flight were given up"
            return Ending("stopped", reason, error)
        if isinstance(error, OperatorError):
            return Ending("environment", str(error), error)
        if isinstance(error, Exception):
            return Ending("environment", f"an error that nobody expected: {error!r}", error)
        raise


def remove_all(there: Benches) -> None:
    """Remove all containers of this process; those of an engine that is away are reaped later."""
    with suppress(SandboxFailure, EnvironmentProblem):
        remove_own(next(iter(there.values())).engine)


@contextmanager
def stop_signals(outcomes: "SimpleQueue[Outcome | StopAsked]") -> Iterator[None]:
    """A first Ctrl-C is a wish told to the driver; a second, or SIGTERM, interrupts at once.

    So does SIGHUP, unless it is ignored.
    """
    asked, at_once = False, ending_signals()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked or number in at_once:
            # Told as well as raised: what is raised in a callback of C code is lost.
            outcomes.put(StopAsked("stopped at once", at_once=True))
            raise KeyboardInterrupt
        asked = True
        outcomes.put(StopAsked("interrupted: calls in flight are finished, no more are sent"))

    before = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, *at_once)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def places(there: Benches, settings: Settings) -> int:
    """How many heavy commands this machine runs at full speed, each with a container's CPUs."""
    cpus = next(iter(there.values())).about.cpus
    return max(1, int(cpus // settings.cpus))


def bring_up_to_date(what: Parts) -> None:
    """Bring the database up to date with the journals."""
    settings = what.settings
    sync(settings.database, settings.journals, what.catalogue.cards, wait_s=settings.db_wait_s)
