"""Money under a limit: never past it, never stuck, never forgotten."""

import math
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread
from types import FrameType
from typing import Any

import pytest
from fakes import CARD, PlayedModel, meter, says

from runner import budget
from runner.agent.bound import input_bound
from runner.budget import Account
from runner.errors import LimitReached, ModelFailure
from runner.events import CallReserved, CallSettled, Event
from runner.types import Message, Reply, UserText

ASK: tuple[Message, ...] = (UserText("Mend it."),)
WORKERS = 64
PATIENCE_S = 60.0


# ---- what can be no amount ----------------------------------------------------------------

NONSENSE = [math.nan, math.inf, -math.inf, -0.01]


@pytest.mark.parametrize("usd", NONSENSE)
def test_what_is_no_amount_is_refused_wherever_it_could_enter(usd: float) -> None:
    account = Account("run", 1.0)
    account.reserve(0.5)
    attempts: list[Callable[[], object]] = [
        lambda: account.reserve(usd),
        lambda: account.try_reserve(usd),
        lambda: account.settle(usd, 0.1),
        lambda: account.settle(0.5, usd),
        lambda: Account("run", usd),
        lambda: Account("run", 1.0, spent_usd=usd),
    ]
    for attempt in attempts:
        with pytest.raises(ValueError, match="no amount of money"):
            attempt()
    assert (account.reserved_usd, account.spent_usd) == (0.5, 0.0)


def test_more_than_was_set_aside_cannot_be_given_back() -> None:
    account = Account("run", 1.0)
    account.reserve(0.2)
    with pytest.raises(ValueError, match="more than was set aside"):
        account.settle(0.3, 0.0)
    assert (account.reserved_usd, account.spent_usd) == (0.2, 0.0)


# ---- limits -------------------------------------------------------------------------------


def test_a_limit_of_nothing_lets_only_free_calls_through() -> None:
    account = Account("run", 0.0)
    assert account.reserve(0.0) is not None
    account.settle(0.0, 0.0)
    with pytest.raises(LimitReached):
        account.reserve(0.01)


def test_without_a_limit_everything_is_counted_and_nothing_refused() -> None:
    account = Account("run", None)
    account.reserve(1e6)
    account.settle(1e6, 1e5)
    assert (account.reserved_usd, account.spent_usd) == (0.0, 1e5)


@pytest.mark.parametrize(
    ("trial", "arm", "run", "scope"),
    [(1.0, 9.0, 9.0, "trial"), (9.0, 1.0, 9.0, "arm"), (9.0, 9.0, 1.0, "run")],
)
def test_whose_limit_it_was_is_told_and_nothing_is_left_aside(
    trial: float, arm: float, run: float, scope: str
) -> None:
    runs = Account("run", run)
    arms = Account("arm", arm, runs)
    trials = Account("trial", trial, arms)
    with pytest.raises(LimitReached, match=f"over the {scope}'s limit of") as caught:
        trials.reserve(1.01)
    assert (caught.value.status, caught.value.scope) == ("budget", scope)
    assert [each.reserved_usd for each in (trials, arms, runs)] == [0.0, 0.0, 0.0]


def test_a_trials_own_limit_is_named_before_those_it_shares() -> None:
    with pytest.raises(LimitReached) as caught:
        Account("trial", 1.0, Account("run", 1.0)).reserve(2.0)
    assert caught.value.scope == "trial"


def test_spending_counts_in_every_account_above() -> None:
    run = Account("run", 10.0)
    arm = Account("arm", 10.0, run)
    for _ in range(2):
        trial = Account("trial", 10.0, arm)
        trial.reserve(3.0)
        trial.settle(3.0, 1.25)
        assert trial.spent_usd == 1.25
    assert (arm.spent_usd, run.spent_usd) == (2.5, 2.5)


def test_a_limit_raised_between_sessions_leaves_the_difference() -> None:
    with pytest.raises(LimitReached):
        Account("run", 5.0, spent_usd=4.5).reserve(1.0)
    assert Account("run", 6.0, spent_usd=4.5).reserve(1.0) is not None


def test_a_limit_lowered_below_what_is_spent_refuses_everything() -> None:
    account = Account("run", 2.0, spent_usd=4.5)
    with pytest.raises(LimitReached):
        account.reserve(0.0)


def test_what_cost_more_than_its_worst_case_counts_in_full() -> None:
    account = Account("run", 1.0)
    account.reserve(0.5)
    account.settle(0.5, 1.5)
    assert account.spent_usd == 1.5
    with pytest.raises(LimitReached):
        account.reserve(0.01)


def test_many_odd_amounts_leave_nothing_behind() -> None:
    # As floats, 0.1 + 0.2 - 0.1 - 0.2 is not 0: what is left over would block for ever.
    chance = random.Random(3)
    account = Account("run", 1.0)
    for _ in range(2_000):
        odd = [chance.random() / 9 for _ in range(5)]
        for usd in odd:
            account.reserve(usd)
        chance.shuffle(odd)
        for usd in odd:
            account.settle(usd, 0.0)
    assert account.reserved_usd == 0.0
    assert account.try_reserve(1.0)


# ---- waiting ------------------------------------------------------------------------------


@dataclass
class Asking:
    """A thread that wants money; `waits` is set once it has to wait."""

    account: Account
    usd: float
    stop: bool = False
    waits: Flag = field(default_factory=Flag)
    got: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.got.append(self.account.reserve(self.usd, self._stopped))
        except LimitReached as limit:
            self.got.append(limit)

    def _stopped(self) -> bool:
        self.waits.set()
        return self.stop

    def answer(self) -> object:
        self.thread.join(PATIENCE_S)
        (answer,) = self.got
        return answer


def test_who_does_not_fit_beside_calls_in_flight_waits_for_them() -> None:
    account = Account("run", 1.0)
    account.reserve(0.6)
    assert not account.try_reserve(0.6)
    asking = Asking(account, 0.6)
    assert asking.waits.wait(PATIENCE_S)
    account.settle(0.6, 0.1)
    waited = asking.answer()
    assert isinstance(waited, float)
    assert waited > 0
    assert account.reserved_usd == 0.6


def test_who_waited_for_a_call_that_cost_its_worst_is_refused() -> None:
    account = Account("run", 1.0)
    account.reserve(0.6)
    asking = Asking(account, 0.6)
    assert asking.waits.wait(PATIENCE_S)
    account.settle(0.6, 0.6)
    assert isinstance(asking.answer(), LimitReached)
    assert account.reserved_usd == 0.0


def test_nobody_waits_when_nothing_is_in_flight() -> None:
    account = Account("run", 1.0, spent_usd=0.9)
    with pytest.raises(LimitReached):
        account.reserve(0.2)


def test_who_is_stopped_while_waiting_holds_nothing() -> None:
    account = Account("run", 1.0)
    account.reserve(0.6)
    asking = Asking(account, 0.6)
    assert asking.waits.wait(PATIENCE_S)
    asking.stop = True
    assert asking.answer() is None
    assert account.reserved_usd == 0.6


def test_a_full_arm_does_not_hold_up_another() -> None:
    run = Account("run", 10.0)
    full, other = Account("arm", 1.0, run), Account("arm", 1.0, run)
    full.reserve(1.0)
    asking = Asking(full, 0.5)
    assert asking.waits.wait(PATIENCE_S)
    assert other.try_reserve(1.0)
    full.settle(1.0, 0.0)
    assert isinstance(asking.answer(), float)


# ---- many at once -------------------------------------------------------------------------


@dataclass
class Book:
    """What a journal would hold: reserves that were settled, lost or not settled at all."""

    usd: float = 0.0
    peak: float = 0.0
    open: dict[tuple[str, int], float] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def record(self, event: Event) -> None:
        with self.lock:
            if isinstance(event, CallReserved):
                self.open[event.trial_id, event.seq] = event.usd
                self.usd += event.usd
            elif isinstance(event, CallSettled):
                reserved = self.open.pop((event.trial_id, event.seq))
                self.usd += 0.0 if event.lost else CARD.usd(event.model, event.usage) - reserved
            self.peak = max(self.peak, self.usd)


def _yields_at_every_line(frame: FrameType, event: str, given: object) -> Callable[..., Any] | None:
    if frame.f_code.co_filename != budget.__file__:
        return None
    time.sleep(0)  # lets another thread run, in the middle of whatever this one is at
    return _yields_at_every_line


@pytest.fixture
def _turns_at_every_line() -> Iterator[None]:
    """Threads that are started now take turns at every line of the accounts' code."""
    threading.settrace(_yields_at_every_line)
    yield
    threading.settrace(None)


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_turns_at_every_line")
def test_taking_is_one_step_however_many_reach_for_the_last_cent() -> None:
    run = Account("run", 2.0)
    lock, broken = Lock(), list[str]()
    held = 0

    def reach() -> None:
        nonlocal held
        account = Account("trial", 1.0, Account("arm", 10.0, run))
        for _ in range(15):
            if account.try_reserve(1.0):
                with lock:
                    held += 1
                    if held > 2:
                        broken.append(f"{held} dollars are held")
                time.sleep(0)
                with lock:
                    held -= 1
                account.settle(1.0, 0.0)

    threads = [Thread(target=reach, daemon=True) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert broken == []
    assert run.reserved_usd == 0.0


def answer(chance: random.Random, most_tokens: int) -> tuple[Reply | Exception, float]:
    """What comes back from a call, and what it truly cost."""
    tokens = chance.choice([0, most_tokens, chance.randrange(most_tokens)])
    cost = CARD.usd("big", says(output_tokens=tokens).usage)
    match chance.randrange(10):
        case 0:
            return ModelFailure("cut off", kind=chance.choice(["timeout", "deadline"])), cost
        case 1:
            return ModelFailure("no", kind="overloaded_error", lost=False), 0.0
        case _:
            return says("x", output_tokens=tokens), cost


@dataclass
class Worker:
    """A trial that asks until its money ends; `true_usd` is what the vendor would bill."""

    number: int
    account: Account
    book: Book
    true_usd: float = 0.0
    refused_usd: float = 0.0
    scope: str = ""

    def __post_init__(self) -> None:
        self.thread = Thread(target=self.work, daemon=True)

    def work(self) -> None:
        chance = random.Random(self.number)
        counted = meter([], account=self.account, trial_id=f"t{self.number}")
        counted.record = self.book.record
        while not self.scope:
            most_tokens = chance.choice([1_000, 4_000, 16_000])
            answers = [answer(chance, most_tokens) for _ in range(3)]
            model = PlayedModel("big", [what for what, _ in answers])
            try:
                counted.call(model, "solo", 1, "system", ASK, (), most_tokens)
            except LimitReached as limit:
                bound = input_bound("system", ASK, ())
                self.refused_usd = CARD.worst_case_usd("big", bound, most_tokens)
                self.scope = limit.scope
            except ModelFailure:
                pass
            finally:
                self.true_usd += sum(cost for _, cost in answers[: len(model.seen)])


@pytest.mark.usefixtures("_hasty_threads")
def test_64_workers_never_pass_a_limit_nor_lose_a_cent_nor_get_stuck() -> None:
    book = Book()
    run = Account("run", 20.0)
    arms = [Account("arm", usd, run) for usd in (2.0, 9.0, 100.0)]
    workers = [
        Worker(number, Account("trial", 1.5, arms[number % 3]), book) for number in range(WORKERS)
    ]
    for worker in workers:
        worker.thread.start()
    for worker in workers:
        worker.thread.join(PATIENCE_S)
        assert not worker.thread.is_alive()

    true_usd = sum(worker.true_usd for worker in workers)
    assert true_usd <= run.spent_usd <= 20.0 + 1e-9
    assert run.spent_usd == pytest.approx(book.usd)
    assert book.peak <= 20.0 + 1e-6  # at no moment would a crash have left more on record
    assert not book.open
    # Nothing is held back: who was refused did not fit, and what is left would not fit either.
    dearest = max(worker.refused_usd for worker in workers if worker.scope == "run")
    assert run.spent_usd > 20.0 - dearest
    for arm in arms:
        assert arm.limit_usd is not None
        assert arm.spent_usd <= arm.limit_usd + 1e-9
    assert all(worker.account.spent_usd <= 1.5 + 1e-9 for worker in workers)
    assert all(each.reserved_usd == 0.0 for each in (run, *arms, *(w.account for w in workers)))
    assert {worker.scope for worker in workers} >= {"arm", "run"}
