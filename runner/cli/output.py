"""Standard output may stop taking what is printed: its reader has left, its disk is full."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, cast

from rich.console import Console

from runner.errors import EXIT_ENVIRONMENT, EXIT_UNREAD, OperatorError

Failed = Callable[[Exception], None]


class OutputGone(OperatorError):
    """Nothing more can be printed; `unread` when the reader left, which nobody needs to hear."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"nothing more can be printed: {error}")
        self.unread = isinstance(error, BrokenPipeError)
        self.exit_code = EXIT_UNREAD if self.unread else EXIT_ENVIRONMENT


class _Watched:
    """A text file; at its first failure `failed` is called, and later text goes nowhere."""

    def __init__(self, file: IO[str], failed: Failed) -> None:
        self._file = file
        self._failed = failed
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
            self._failed(error)


def standard_output() -> IO[str] | None:
    """Standard output, if there is one; raises `OutputGone` when it takes no more."""
    return cast(IO[str], _Watched(sys.stdout, _give_up)) if sys.stdout else None


def forgiving(console: Console, still: str) -> None:
    """Let no failure to print end the work; it is told once, on standard error, with `still`.

    `still` says what tells the end all the same.
    """

    def failed(error: Exception) -> None:
        tell(f"nothing more can be printed ({error}); {still}")

    file = console.file
    inner = file._file if isinstance(file, _Watched) else file
    console.file = cast(IO[str], _Watched(inner, failed))


def standard_error() -> Console:
    """Where progress goes when standard output is for a program; what it cannot take is lost."""
    file = cast(IO[str], _Watched(sys.stderr, lambda error: None)) if sys.stderr else None
    return Console(file=file, stderr=True, highlight=False)


def tell(said: str) -> None:
    """A line on standard error, if that is there."""
    with suppress(OSError, ValueError):
        print(f"runner: {said}", file=sys.stderr, flush=True)  # noqa: T201


def _give_up(error: Exception) -> None:
    raise OutputGone(error) from error


def _to_nowhere(file: IO[str]) -> None:
    """What is left in the file's buffer would fail again as the program ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)
