"""What remote trials do now, kept for `runner status`: the file, who reads it, and its troubles."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Event as Signal

import pytest
from board_events import RUN, Trial, begun, run_started, session
from fakes import CARD

from runner.cli.running import journal_view
from runner.events import Event
from runner.ledger.journal import Journal
from runner.matrix.glimpses import EVERY_S, Glimpses, glimpsed, glimpses_path

ISSUED, FOLLOWING = Trial("A T1 0.1"), Trial("C T3 0.1")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Path]:
    """A run on record, open, with two attempts that are handed out."""
    path = tmp_path / "journal" / f"{RUN}.jsonl"
    with Journal.create(path) as writer:
        for event in (run_started(), session(), ISSUED.issued(1.0), FOLLOWING.issued(1.0)):
            writer.append(event)
        yield path


def none_told(said: str) -> None:
    pytest.fail(said)


def seen(journal: Path, *events: Event) -> Glimpses:
    """The driver's glimpses of a board with the two attempts, after these events and written."""
    board = begun(ISSUED.issued(1.0), FOLLOWING.issued(1.0))
    glimpses = Glimpses(journal, board, none_told)
    for event in events:
        glimpses(event)
    glimpses.write()
    return glimpses


def at_anything(trial: Trial, random: Random) -> Iterator[Event]:
    """Any order of what a trial can do."""
    yield trial.started()
    for turn in range(random.randrange(12)):
        name, role = (
            random.choice(("agent", "harness", "judge")),
            random.choice(("solo", "executor")),
        )
        yield random.choice(
            (
                trial.phase(name),
                trial.phase(name, 1.0),
                trial.waits("slot"),
                trial.waits("slot", 2.0),
                trial.waits("rate limit"),
                trial.used(summary=f"turn {turn}", turn=turn, role=role),  # type: ignore[arg-type]
            )
        )


def test_status_shows_what_a_remote_trial_does_before_it_is_back(journal: Path) -> None:
    used = FOLLOWING.used(turn=5, role="orchestrator", summary="ls")
    seen(journal, FOLLOWING.started(), FOLLOWING.phase("agent"), used)
    view = journal_view(journal, Path("none"), {CARD.id: CARD}, CARD)
    assert view is not None
    waiting, busy = view.in_flight
    assert (waiting.trial_id, waiting.phase, waiting.last) == (ISSUED.id, "", None)
    assert (busy.trial_id, busy.phase, busy.turn, busy.cap) == (FOLLOWING.id, "agent", 5, 40)
    assert busy.last is not None
    assert busy.last.summary == "ls"
    assert 0.0 <= busy.elapsed_s < 60.0  # by the driver's clock: a worker's own may be wrong
    assert view.money.reserved == 2.0


@pytest.mark.parametrize("seed", range(20))
def test_the_few_events_kept_look_like_all_of_them(journal: Path, seed: int) -> None:
    events = list(at_anything(ISSUED, Random(seed)))
    seen(journal, *events)
    whole, kept = begun(ISSUED.issued(1.0)), begun(ISSUED.issued(1.0))
    for event in events:
        whole.glimpse(event, 0.0)
    few = [event for _, event in glimpsed(journal)]
    for event in few:
        kept.glimpse(event, 0.0)
    assert kept.view() == whole.view()
    assert len(few) <= 7


def test_money_and_manifests_stay_out_of_it(journal: Path) -> None:
    seen(journal, ISSUED.started(), ISSUED.asks(usd=0.5), ISSUED.hears())
    ((_, event),) = glimpsed(journal)
    assert event.manifest == {"max_turns": 40}  # type: ignore[union-attr]


def test_a_trial_that_is_back_is_left_out_of_the_next_file(journal: Path) -> None:
    board = begun(ISSUED.issued(1.0), FOLLOWING.issued(1.0))
    glimpses = Glimpses(journal, board, none_told)
    for trial in (ISSUED, FOLLOWING):
        glimpses(trial.started())
    glimpses.write()
    board(ISSUED.ends())
    glimpses.write()
    assert [event.trial_id for _, event in glimpsed(journal)] == [FOLLOWING.id]  # type: ignore[union-attr]


def test_the_file_is_there_while_the_session_lasts_and_goes_with_it(journal: Path) -> None:
    path = glimpses_path(journal)
    glimpses = Glimpses(journal, begun(ISSUED.issued(1.0)), none_told)
    with glimpses:
        glimpses(ISSUED.started())
        glimpses.write()
        assert path.exists()
    assert [each.name for each in journal.parent.iterdir()] == [journal.name]


def test_what_a_killed_driver_left_is_of_no_trial_in_flight(journal: Path) -> None:
    glimpses_path(journal).write_text(f"1.0 {{}}\n{glimpse_of(Trial('D T2 0.1'))}torn")
    view = journal_view(journal, Path("none"), {CARD.id: CARD}, CARD)
    assert view is not None
    assert [each.phase for each in view.in_flight] == ["", ""]


def glimpse_of(trial: Trial) -> str:
    return f'2.0 {{"kind":"Phase","trial_id":"{trial.id}","name":"judge","seconds":null}}\n'


def test_a_disk_that_refuses_is_told_once_and_the_next_writing_tries_again(journal: Path) -> None:
    told: list[str] = []
    heard = Signal()

    def tell(said: str) -> None:
        told.append(said)
        heard.set()

    path = glimpses_path(journal)
    path.mkdir()  # a rename onto it fails, for root as well
    with Glimpses(journal, begun(ISSUED.issued(1.0)), tell) as glimpses:
        glimpses(ISSUED.started())
        assert heard.wait(10 * EVERY_S)
        with pytest.raises(OSError, match=r"directory"):
            glimpses.write()
        assert list(path.parent.glob("*-new")) == []
        path.rmdir()
        glimpses.write()
        assert len(list(glimpsed(journal))) == 1
    assert len(told) == 1
    assert "the run goes on" in told[0]
