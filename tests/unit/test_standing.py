"""A live run's board from the database's standing: what is in there is not read again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from board_events import Trial, busy_run, run_started, session
from fakes import CARD
from ledger_samples import CARDS

from runner.cli.running import journal_view
from runner.config.rates import RateCard
from runner.errors import EnvironmentProblem
from runner.events import SessionStarted
from runner.ledger.database import ingest
from runner.ledger.duck import opened
from runner.ledger.journal import Journal
from runner.matrix.board_view import BoardView

EVENTS = [event for _, event in busy_run()]
SECOND = max(at for at, event in enumerate(EVENTS) if isinstance(event, SessionStarted))
KNOWN = {**CARDS, CARD.id: CARD}  # the run's lock names the latter
LATEST = "list-2026-11"
NO_DATABASE = Path("none")


def moneys(view: BoardView) -> list[tuple[float, ...]]:
    """Spent, reserved and the limit (0 for none): the run's, then each arm's."""
    every = (view.money, *(money for _, money in view.arms))
    return [(each.spent, each.reserved, each.limit or 0.0) for each in every]


def same(one: BoardView, other: BoardView) -> None:
    """All that is shown but for the moment of looking and the last digits of sums."""
    assert one.run_id == other.run_id
    assert (one.state, one.session, one.goal, one.jobs) == (
        *(other.state, other.session, other.goal, other.jobs),
    )
    assert one.cells == other.cells
    for mine, others in zip(moneys(one), moneys(other), strict=True):
        assert mine == pytest.approx(others)
    assert one.slots == other.slots
    assert {each.trial_id: each.usd for each in one.ended} == pytest.approx(
        {each.trial_id: each.usd for each in other.ended}
    )
    assert [each.trial_id for each in one.in_flight] == [each.trial_id for each in other.in_flight]
    assert [each.last for each in one.in_flight] == [each.last for each in other.in_flight]


@contextmanager
def running(
    path: Path, db: Path, known: int = len(EVENTS), cards: Mapping[str, RateCard] = KNOWN
) -> Iterator[None]:
    """All events in a journal that has a writer; so many of them are in the database."""
    with Journal.create(path) as journal:
        journal.append_all(EVENTS[: min(known, SECOND)])
        if known <= SECOND:
            ingest(db, [path], cards)
        journal.append_all(EVENTS[known:SECOND])
    with Journal.resume(path) as journal:
        journal.append_all(EVENTS[SECOND : max(known, SECOND)])
        if known > SECOND:
            ingest(db, [path], cards)
        journal.append_all(EVENTS[max(known, SECOND) :])
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "t.duckdb"


def view(path: Path, db: Path) -> BoardView:
    found = journal_view(path, db, KNOWN, CARDS[LATEST])
    assert found is not None
    return found


@pytest.mark.parametrize("known", [1, 2, 9, 18, 25, 26, 27, 31, 40, 59, 61, 75, 90, len(EVENTS)])
def test_wherever_the_database_stands_the_board_is_that_of_the_whole_journal(
    path: Path, db: Path, known: int
) -> None:
    with running(path, db, known):
        one, other = view(path, db), view(path, NO_DATABASE)
    same(one, other)
    assert one.money.spent > 1


def test_what_is_in_the_database_is_not_read_again(path: Path, db: Path) -> None:
    with running(path, db):
        whole = path.read_bytes()
        place = whole.index(b'"kind":"ToolUsed"')  # of a trial that is over
        path.write_bytes(whole[:place] + b"#" + whole[place + 1 :])
        assert len(view(path, db).in_flight) == 64
        with pytest.raises(EnvironmentProblem, match="damaged at line 11"):
            view(path, NO_DATABASE)


def test_a_database_of_another_journal_of_that_name_is_not_believed(path: Path, db: Path) -> None:
    with running(path, db):
        path.unlink()
    with Journal.create(path) as journal:
        journal.append_all([run_started(), session(), *Trial("A T1 0.1").whole()])
        found = view(path, db)
    assert (found.session, sum(each.results for each in found.cells)) == (1, 1)


def test_prices_that_the_database_lacks_are_found_in_the_journal(path: Path, db: Path) -> None:
    with running(path, db, cards=CARDS):
        assert view(path, db).money == view(path, NO_DATABASE).money


def test_a_database_that_is_held_is_done_without(path: Path, db: Path) -> None:
    with running(path, db), opened(db, read_only=False, wait_s=1):
        assert len(view(path, db).in_flight) == 64
