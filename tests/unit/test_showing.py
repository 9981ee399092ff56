"""What a run is shown on may fail at any moment; the run goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from board_events import run_started

from runner.cli.showing import Showing


class Broken:
    """A display that fails wherever `where` says; `calls` are those that reached it."""

    def __init__(self, where: str, error: BaseException) -> None:
        self.where, self.error = where, error
        self.calls: list[str] = []

    def met(self, place: str) -> None:
        self.calls.append(place)
        if place == self.where:
            raise self.error

    def __call__(self, event: object) -> None:
        self.met("event")

    def stopping(self, reason: str) -> None:
        self.met("stopping")

    @contextmanager
    def shown(self) -> Iterator[None]:
        self.met("opened")
        yield
        self.met("closed")


@pytest.mark.parametrize("error", [OSError(28, "full"), KeyError("a bug")])
@pytest.mark.parametrize(
    ("where", "calls"),
    [
        ("opened", ["opened"]),
        ("event", ["opened", "event"]),
        ("stopping", ["opened", "event", "event", "stopping"]),
        ("closed", ["opened", "event", "event", "stopping", "event", "closed"]),
    ],
)
def test_a_display_that_fails_is_told_once_and_shows_no_more(
    where: str, calls: list[str], error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    display = Broken(where, error)
    showing = Showing(display)  # type: ignore[arg-type]
    with showing.shown():
        showing(run_started())
        showing(run_started())
        showing.stopping("enough")
        showing(run_started())
    assert display.calls == calls
    said = capsys.readouterr().err
    assert said.count("the run goes on") == 1
    assert type(error).__name__ in said  # with its traceback


def test_an_interrupt_is_no_failure_of_the_display() -> None:
    showing = Showing(Broken("event", KeyboardInterrupt()))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        showing(run_started())


def test_what_happens_while_it_is_shown_is_not_swallowed() -> None:
    with pytest.raises(KeyError), Showing(Broken("", KeyError())).shown():  # type: ignore[arg-type]
        raise KeyError("the run's own")
