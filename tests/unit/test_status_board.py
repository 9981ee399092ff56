"""`runner status` in another terminal: runs that go on, and runs that could go on."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from board_events import OPUS, RUN, Trial, paused, run_started, session
from fakes import CARD
from ledger_samples import CARDS

from runner.cli.main import main
from runner.cli.open_runs import command_words
from runner.cli.running import journal_view
from runner.events import Event, SessionEnded
from runner.ledger.journal import Journal
from runner.matrix.engine import Cell

NO_DATABASE = Path("none")


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the run's journal belongs, in an empty place."""
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path / "results"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "journal" / f"{RUN}.jsonl"


def written(path: Path, *events: Event | Iterable[Event]) -> Journal:
    """A journal of these events, open as long as its writer lives."""
    writer = Journal.create(path)
    for one in events:
        for event in one if isinstance(one, Iterable) else (one,):
            writer.append(event)
    return writer


def status(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["status"]) == 0
    return capsys.readouterr().out


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def test_a_run_with_a_live_writer_is_drawn_from_its_journal(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = Trial("C T3 0.1")
    asks = (trial.started(), trial.phase("agent"), trial.asks(9, "orchestrator", OPUS))
    with written(journal, run_started(), session(), Trial("A T1 0.1").begin(), asks):
        said = status(capsys)
    assert said.lstrip().startswith("SIMULATED")
    assert f"run {RUN} · 4 jobs" in said
    assert "orchestrator: opus-4-7" in said
    assert "9/40" in said


def test_a_run_whose_writer_has_gone_is_not_drawn(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(journal, run_started(), session(), Trial("A T1 0.1").whole()).close()
    said = status(capsys)
    assert "in flight" not in said
    assert "jobs" not in said.split("Latest trials")[0]


def test_a_trial_by_itself_is_drawn_too(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = Trial("A T1 0.1")
    with written(journal, trial.started(), trial.phase("sandbox")):
        said = status(capsys)
    assert "A T1 0.1" in said
    assert "container" in said


def test_a_journal_that_holds_nothing_yet_is_passed_over(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with written(journal):
        assert "run " not in status(capsys).split("\n")[0]


def test_times_are_told_from_the_record_and_never_made_up(journal: Path) -> None:
    trial = Trial("A T1 0.1")
    with written(
        journal,
        *(run_started(), session(at=ago(600)), trial.started(ago(90)), trial.phase("agent")),
        trial.asks(),
    ):
        view = journal_view(journal, NO_DATABASE, {}, CARD)
    assert view is not None
    (flight,) = view.in_flight
    assert view.elapsed_s == pytest.approx(600, abs=10)
    assert flight.elapsed_s == pytest.approx(90, abs=10)
    assert flight.since_s == 0  # a call's event bears no time


@pytest.mark.parametrize("said", ["", "yesterday"])
def test_a_time_that_is_none_does_not_hide_a_run(journal: Path, said: str) -> None:
    with written(journal, run_started(), session(at=said)):
        assert journal_view(journal, NO_DATABASE, {}, CARD) is not None


def test_money_is_by_the_card_the_run_was_begun_with(journal: Path) -> None:
    trial = Trial("A T1 0.1")
    events = (trial.begin(), trial.asks(model=OPUS), trial.hears(model=OPUS, output=1_000))
    with written(journal, run_started(), session(), *events):
        own = journal_view(journal, NO_DATABASE, {"test": CARDS["list-2026-11"]}, CARD)
        other = journal_view(journal, NO_DATABASE, CARDS, CARD)  # knows no price of that model
    assert own is not None
    assert other is not None
    assert own.money.spent == pytest.approx(0.025)
    assert other.money.spent == pytest.approx(0.25)


def test_earlier_sessions_count(journal: Path) -> None:
    written(journal, run_started(), session(), Trial("A T1 0.1").whole(), paused()).close()
    with Journal.resume(journal) as writer:
        writer.append(session())
        view = journal_view(journal, NO_DATABASE, {}, CARD)
    assert view is not None
    assert (view.state, view.session) == ("running", 2)
    assert next(each.results for each in view.cells if each.cell == Cell("A", "T1")) == 1


# ---- runs that could go on ----------------------------------------------------------------------

LOCK = {
    "models": "scripted:blunder?seed=2",
    "arms": {"A": {"turns": {"default": 40}}, "D": {"turns": {"default": 60, "T1": 100}}},
    "tasks": {"T1": "sha", "T3": "sha"},
    "max_turns": {"A/T1": 40, "A/T3": 40, "D/T1": 100, "D/T3": 60},
}


def test_a_paused_run_is_listed_with_its_reason_and_its_command(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end = paused("the run's limit of $5.00 is reached")
    written(journal, run_started(), session(), Trial("A T1 0.1").whole(), end).close()
    said = status(capsys)
    assert f"paused: {RUN}  the run's limit of $5.00 is reached" in said
    assert f"matrix --run {RUN} --arms A,B,C,D --tasks T1,T2,T3 -n 2 --seed 1" in said
    assert "give it a higher limit of money first" in said


def test_a_limit_of_a_rate_is_none_of_money(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end = paused("429: the rate limit of 50 requests per minute is reached, $0.10 spent")
    written(journal, run_started(), session(), end).close()
    assert "higher limit" not in status(capsys)


def test_the_command_says_what_else_the_last_session_was_given(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = replace(
        session(),
        cluster="tls://head:8786",
        arm_files=("/home/me/my arm.toml", "/home/me/b.toml"),
        trial_budget_usd=2.5,
        call_budget_usd=0.75,
    )
    written(journal, run_started(), given, paused("enough")).close()
    said = status(capsys)
    assert "--trial-budget 2.5 --call-budget 0.75 --cluster tls://head:8786" in said
    assert "--arm-file '/home/me/my arm.toml' --arm-file /home/me/b.toml" in said


def test_a_run_whose_process_died_is_listed_as_broken_off(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(journal, run_started(), session(), Trial("A T1 0.1").begin()).close()
    said = status(capsys)
    assert f"broken off: {RUN}  its process died before it was done" in said
    assert "higher limit" not in said


def test_a_run_that_goes_on_or_is_complete_is_not_listed(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with written(journal, run_started(), session()) as writer:
        assert "Runs to go on with" not in status(capsys)
        writer.append(SessionEnded(RUN, "complete", "done", ago(0)))
    assert "Runs to go on with" not in status(capsys)


def test_the_command_that_goes_on_says_all_that_the_run_stands_for() -> None:
    last = {"n": 2, "fixed": False, "seed": 7, "jobs": 4, "budget": 1.5, "arm-budget": None}
    assert " ".join(command_words("scripted-1", LOCK, last)) == (
        "matrix --run scripted-1 --models scripted:blunder?seed=2 --arms A,D --tasks T1,T3 "
        "-n 2 --seed 7 --jobs 4 --budget 1.5"
    )


def test_a_cap_of_turns_that_was_given_is_given_again() -> None:
    capped = {**LOCK, "max_turns": dict.fromkeys(LOCK["max_turns"], 9)}
    assert "--max-iters 9" in " ".join(command_words("r", capped, {"fixed": True}))
    assert "--fixed" in command_words("r", capped, {"fixed": True})
