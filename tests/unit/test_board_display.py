"""A run shown as its events come: a living board on a terminal, lines of a log when piped."""

import io
from collections.abc import Iterable

from board_events import HOSTILE, RUN, Trial, paused, run_started, session
from fakes import CARD
from rich.console import Console

from runner.cli.board import PROGRESS_S, MatrixDisplay
from runner.events import Event
from runner.matrix.board import Board

XTERM = {"TERM": "xterm-256color"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def piped(*events: Event | Iterable[Event]) -> list[str]:
    """What a piped display prints of these events, without times and the simulated mark."""
    file = io.StringIO()
    display = MatrixDisplay(Console(file=file, width=200), Board(CARD, slots=2))
    with display.shown():
        for one in events:
            for event in one if isinstance(one, Iterable) else (one,):
                display(event)
    return [each.split("simulated  ")[1] for each in file.getvalue().splitlines()]


def test_a_piped_log_has_a_line_for_each_beginning_and_end() -> None:
    said = piped(run_started(), session(), Trial("A T1 0.1").whole(), paused("enough"))
    assert said == [
        f"run      {RUN}",
        "session  1: 2 successes in each cell, at most 4 results, 4 jobs, limit $5.00",
        f"started  A T1 0.1   {RUN}-A-T1-0-1",
        "ended    A T1 0.1   solved    12 turns    1:00  $0.0500  every check passed",
        "paused: enough",
    ]


def test_a_piped_log_tells_waits_that_matter() -> None:
    trial = Trial("A T1 0.1")
    said = piped(run_started(), session(), trial.begin(), trial.waits("slot"))[3:]
    assert said == []
    said = piped(
        *(run_started(), session(), trial.begin()),
        *(trial.waits("slot", 30.0), trial.waits("slot", 1.0)),
        *(trial.waits("rate limit"), trial.waits("rate limit", 75.0), trial.waits("money")),
    )[3:]
    assert said == [
        "waited   A T1 0.1   slot 0:30",
        "waits    A T1 0.1   rate limit",
        "waited   A T1 0.1   rate limit 1:15",
        "waits    A T1 0.1   money",
    ]


def test_a_piped_log_shows_what_a_model_wrote_on_one_line() -> None:
    said = piped(run_started(), session(), Trial("A T1 0.1").whole("infra", reason=HOSTILE))
    assert len(said) == 4
    assert "\x1b" not in said[-1]


def test_progress_is_told_with_an_event_and_at_most_every_half_minute() -> None:
    file, clock, trial = io.StringIO(), Clock(), Trial("A T1 0.1")
    display = MatrixDisplay(Console(file=file, width=200), Board(CARD, slots=2), clock)
    for event in (run_started(), session(), *trial.begin(), trial.asks()):
        display(event)
    before = file.getvalue()
    clock.now = PROGRESS_S
    display(trial.hears())
    said = file.getvalue().removeprefix(before)
    assert said.split("simulated  ")[1] == (
        "0/12 cells done · 0/0 solved · $0.0500 spent, $0.0000 reserved, limit $5.00 · "
        "1 in flight · slots 0/2 · end not yet known\n"
    )
    clock.now += PROGRESS_S - 1
    display(trial.used())
    assert file.getvalue() == before + said


def test_on_a_terminal_the_board_lives_and_no_line_is_logged() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, height=40, force_terminal=True, _environ=XTERM)
    display = MatrixDisplay(console, Board(CARD, slots=2))
    with display.shown():
        for event in (run_started(), session(), *Trial("A T1 0.1").whole()):
            display(event)
        display.stopping("interrupted")
    shown = file.getvalue()
    assert "started" not in shown
    assert "stopping: 0 calls in flight" in shown
    assert "$0.0500\n" in shown  # no line is the last: the echo of Ctrl-C has one to itself


def test_a_piped_log_says_that_the_run_is_stopping() -> None:
    file = io.StringIO()
    display = MatrixDisplay(Console(file=file, width=200), Board(CARD))
    trial = Trial("A T1 0.1", "live")
    for event in (run_started(kind="live"), session(), *trial.begin(), trial.asks()):
        display(event)
    display.stopping("interrupted")
    last = file.getvalue().splitlines()[-1]
    assert last.endswith("  stopping: 1 call in flight, 1 trial to close · interrupted")
    assert "simulated" not in file.getvalue()
