"""A run outlives whoever watches it: a reader that left, a full disk, a terminal that is gone."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from traceback import format_exc, format_exception
from typing import IO, cast

from rich.console import Console

from runner.cli.board import MatrixDisplay
from runner.errors import OperatorError
from runner.events import Event
from runner.matrix.driver import Ending


class _Forgiving:
    """A text file; once it cannot be written any more, what is printed goes nowhere."""

    def __init__(self, file: IO[str], tell: Callable[[str], None]) -> None:
        self._file = file
        self._tell = tell
        self._gone = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._file.flush)

    def _try(self, act: Callable[[], object]) -> None:
        if self._gone:
            return
        try:
            act()
        except (OSError, ValueError) as error:  # ValueError: it is closed
            self._gone = True
            _to_nowhere(self._file)
            self._tell(f"nothing more can be printed ({error}); `runner status` shows the run")


def forgiving(console: Console) -> None:
    """Let no failure to print end the program; it is told once, on standard error."""
    console.file = cast(IO[str], _Forgiving(console.file, tell))


def _to_nowhere(file: IO[str]) -> None:
    """What is left in the file's buffer would fail again as the program ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)


def tell(said: str) -> None:
    """A line on standard error, if that is there."""
    with suppress(OSError, ValueError):
        print(f"runner: {said}", file=sys.stderr, flush=True)  # noqa: T201


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
        except (Exception, SystemExit):  # rich leaves the program when its reader has left
            self._mute = True
            tell(f"nothing more is shown, the run goes on:\n{format_exc()}")
