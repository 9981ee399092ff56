"""The pull of an image or a model on screen: a bar on a terminal, lines when piped."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from runner.models.ollama_store import Pulled
from runner.sidecar.served import Screen

_STEP = 0.1  # of the whole, between two lines


@contextmanager
def pull_screen(console: Console) -> Iterator[Screen]:
    """Tells the console of all that is done to have an Ollama server, while the context lasts.

    Whatever ends it, the terminal has its cursor back.
    """
    shown = Bar(console) if console.is_terminal else Lines(console)
    try:
        yield Screen(lambda line: console.print(line, markup=False), shown)
    finally:
        shown.close()


class Lines:
    """A line at the beginning, at the end, at every tenth between them, and for each break."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, float] = {}

    def __call__(self, what: str, progress: Pulled) -> None:
        """Say it, if it is news."""
        broke = progress.status.startswith("broke off")
        part = progress.completed / progress.total if progress.total else 0.0
        if what not in self._told:
            self._say(f"pulling {what}")
            self._told[what] = 0.0
        if broke or progress.status == "success":
            self._say(f"  {what}: {progress.status}")
        elif part >= self._told[what] + _STEP:
            self._told[what] = part
            self._say(f"  {what}: {part:.0%} of {progress.total / 1e9:.1f} GB")

    def close(self) -> None:
        """Lines need no end."""

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False)


class Bar:
    """A bar that lives while something is pulled."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None

    def __call__(self, what: str, progress: Pulled) -> None:
        """Draw it; `success` takes the bar away and leaves a line."""
        if progress.status == "success":
            self.close()
            self._console.print(f"pulled {what}", markup=False)
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._progress.add_task(what, total=None)
            self._progress.start()
        task = self._progress.tasks[0].id
        self._progress.update(
            task,
            description=f"{what}: {progress.status}",
            completed=progress.completed,
            total=progress.total or None,
        )

    def close(self) -> None:
        """Take the bar away, if there is one."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
