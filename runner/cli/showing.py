"""A run outlives whoever watches it: a reader that left, a full disk, a terminal that is gone."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from traceback import format_exc, format_exception

from runner.cli.board import MatrixDisplay
from runner.cli.output import tell
from runner.errors import OperatorError
from runner.events import Event
from runner.matrix.driver import Ending


def traced(ending: Ending, journal: Path) -> Ending:
    """Put an unexpected error's traceback beside the journal; the ending then says where."""
    if ending.error is None or isinstance(ending.error, OperatorError | KeyboardInterrupt):
        return ending
    path, text = journal.with_suffix(".errors.txt"), format_exception(ending.error)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(text)
    except OSError:
        tell("".join(text))
        return ending
    return replace(ending, reason=f"{ending.reason} (its traceback is in {path})")


class Showing:
    """A display that may fail: it is told once, and then nothing more is shown."""

    def __init__(self, display: MatrixDisplay) -> None:
        self._display = display
        self._mute = False

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self._try(lambda: self._display(event))

    def stopping(self, reason: str) -> None:
        """Say that the run was asked to stop."""
        self._try(lambda: self._display.stopping(reason))

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep on the terminal what the display keeps there."""
        held = ExitStack()
        self._try(lambda: held.enter_context(self._display.shown()))
        try:
            yield
        finally:
            self._try(held.close)

    def _try(self, act: Callable[[], object]) -> None:
        if self._mute:
            return
        try:
            act()
        except Exception:
            self._mute = True
            tell(f"nothing more is shown, the run goes on:\n{format_exc()}")
