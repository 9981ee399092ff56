"""The board of a run as it stands on a terminal."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from board_events import HOSTILE, Trial, busy_run, folded, paused, run_started, session
from fakes import CARD
from rich.cells import cell_len
from rich.console import Console

from runner.cli.board import draw
from runner.matrix.board import Board
from runner.matrix.board_view import BoardView

XTERM = {"TERM": "xterm-256color"}
NOW = datetime(2026, 11, 23, 10, 2, tzinfo=UTC)


def busy() -> Board:
    board = Board(CARD, slots=2)
    for at, event in busy_run():
        board(event, at)
    return board


def drawn(view: BoardView, width: int = 80, height: int | None = 40) -> list[str]:
    """The lines as they stand on a terminal, colours taken off."""
    console = terminal(width)
    console.print(draw(console, view, NOW, height))
    return console.export_text().splitlines()


def terminal(width: int) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=True, record=True, _environ=XTERM
    )


def line(lines: list[str], beginning: str) -> str:
    return next(each for each in lines if each.startswith(beginning))


# ---- the board ----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("height", [23, 40, 60])
def test_a_busy_run_fits_the_terminal(width: int, height: int) -> None:
    lines = drawn(busy().view(312.0), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(("width", "height"), [(1, 1), (8, 3), (30, 10), (500, 200)])
def test_no_size_of_a_window_is_too_odd(width: int, height: int) -> None:
    assert max(map(len, drawn(busy().view(312.0), width, height))) <= width


def test_many_trials_are_cut_to_the_first_rows_and_the_rest_is_counted() -> None:
    lines = drawn(busy().view(312.0))
    shown = sum("/40 " in each for each in lines)
    assert shown > 10
    assert f"+ {64 - shown} more" in lines


def test_cells_show_solved_of_results_what_is_done_and_what_is_no_result() -> None:
    lines = drawn(busy().view(312.0))
    assert line(lines, "2 successes") == (
        "2 successes in each cell, at most 4 results · 1/12 cells done"
    )
    assert line(lines, "A  ").split("$")[0].split() == [
        *("A", "✓", "2/2", "▸6"),
        *("0/0", "▸5", "+1"),
        *("0/0", "▸5"),
    ]


def test_a_cell_without_attempts_left_is_marked_apart() -> None:
    ends = [event for number in range(4) for event in Trial(f"A T1 {number}.1").whole("failed")]
    lines = drawn(folded(run_started("A", tasks="T1"), session(), ends).view())
    assert line(lines, "A ").split()[:3] == ["A", "✗", "0/4"]


def test_money_is_shown_for_each_arm_and_the_run() -> None:
    lines = drawn(busy().view(312.0))
    assert line(lines, "B  ").split()[-3:] == ["$1.3500", "$0.1600", "$2.00"]
    assert line(lines, "run  ").split() == ["run", "$2.8000", "$1.3600", "$20.00"]


def test_each_trial_shows_its_turn_what_it_waits_for_and_its_last_action() -> None:
    lines = drawn(busy().view(312.0), 140)
    first = " ".join(line(lines, "A T1 2.1").split())
    assert first == "A T1 2.1 1/40 waits: rate limit 0:52 0:52 $0.0000"
    assert "executor: small" in line(lines, "B T2 3.1")
    assert "waits: money" in line(lines, "C T3 4.1")
    assert "str_replace_editor typer/models.py" in line(lines, "D T1 5.1")
    assert "waits: slot" in line(lines, "A T2 6.1")
    assert "judge" in line(lines, "B T3 7.1")
    assert "orchestrator: big" in line(lines, "C T1 8.1")


def test_waits_and_slots_are_summed_up() -> None:
    said = line(drawn(busy().view(312.0)), "slots")
    assert said == "slots 2/2, 8 wait · rate limit: 8 wait (0:52) · money: 8 wait (0:51)"


def test_the_last_ends_are_shown_newest_first() -> None:
    lines = drawn(busy().view(312.0))
    first = next(n for n, each in enumerate(lines) if each.startswith("ended "))
    assert [each.split()[4] for each in lines[first + 1 : first + 6]] == [
        *("solved", "budget", "infra", "solved", "failed")
    ]
    assert "the container is gone" in lines[first + 3]


@pytest.mark.parametrize("width", [80, 140])
def test_what_a_model_wrote_is_shown_and_never_obeyed(width: int) -> None:
    console = terminal(width)
    trial = Trial("A T1 0.1")
    used = replace(trial.used(summary=HOSTILE), tool="x\x1b]0;t\x07[/]")
    end = Trial("A T1 1.1").whole("infra", reason=HOSTILE)
    board = folded(run_started(), session(), end, trial.begin(), trial.asks(), trial.hears())
    board(used)
    console.print(draw(console, board.view(), NOW, 40))
    sent = console.file.getvalue()  # type: ignore[attr-defined]
    for obeyed in ("\x1b[2J", "\x1b]0", "\x07", "\r", "\u202e", "\nrm -rf"):
        assert obeyed not in sent
    assert "x\ufffd]0;t\ufffd[/]" in sent
    assert "[bold red]hi[/]" in sent


def test_wide_signs_are_counted_as_they_are_drawn() -> None:
    trial = Trial("A T1 0.1")
    wide = trial.used(summary="日本語" * 30)
    board = folded(run_started(), session(), trial.begin(), trial.asks(), trial.hears(), wide)
    said = line(drawn(board.view()), "A T1 0.1")
    assert "日本" in said
    assert cell_len(said) == 80


def test_a_simulated_run_says_so_first_of_all() -> None:
    assert drawn(busy().view(312.0))[0].strip().startswith("SIMULATED")
    live = drawn(folded(run_started(kind="live"), session()).view())
    assert not any("SIMULATED" in each for each in live)


def test_the_end_is_not_known_before_a_result_and_is_rough_after_it() -> None:
    assert "end not yet known" in drawn(folded(run_started(), session()).view())
    after = folded(run_started(), session(), Trial("A T1 0.1").whole(own_s=600)).view()
    said = line(drawn(after), "end roughly")
    assert said.startswith("end roughly 1")
    assert int(said.split()[2].split(":")[1]) % 5 == 0  # of more than 20 minutes, only every fifth


def test_an_end_on_another_day_names_the_day() -> None:
    view = replace(folded(run_started(), session()).view(), left_usd=1.0)
    assert "end roughly Tue 10:30" in line(drawn(replace(view, left_s=86_400.0)), "end")
    assert "end roughly 03 Dec 10:30" in line(drawn(replace(view, left_s=864_000.0)), "end")


def test_a_limit_that_will_not_do_is_said_before_it_is_met() -> None:
    done = list(Trial("A T1 0.1").whole())
    rich, poor = (
        folded(run_started(), session(n=9, budget=budget), done).view() for budget in (500.0, 0.5)
    )
    assert not any("more than the limit leaves" in each for each in drawn(rich))
    assert "more than the limit leaves" in line(drawn(poor), "end")


def test_stopping_and_pausing_say_why() -> None:
    board = busy()
    board.stopping("interrupted")
    lines = drawn(board.view(312.0))
    assert "stopping: 32 calls in flight, 64 trials to close · interrupted" in lines
    assert not any(each.startswith("end roughly") for each in lines)
    board(paused("the run's limit is reached"), 320.0)
    assert "paused: the run's limit is reached" in drawn(board.view(320.0))


def test_more_tasks_than_fit_as_columns_are_listed() -> None:
    tasks = [f"T{number}" for number in range(1, 21)]
    board = folded(run_started("A", "B", tasks=" ".join(tasks)), session())
    board(Trial("B T17 0.1").issued())
    lines = drawn(board.view())
    assert max(map(len, lines)) <= 80
    assert "T17   0/0 ▸1" in " ".join(" ".join(lines).split("\n"))


def test_a_trial_that_no_session_began_is_shown_alone() -> None:
    lines = drawn(folded(Trial("A T1 0.1").begin()).view())
    assert not any(each.startswith(("arm", "slots", "end")) for each in lines)
    assert line(lines, "A T1 0.1")
