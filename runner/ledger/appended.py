"""A file that is made once and only ever appended to."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from runner.errors import EnvironmentProblem, UsageError


class AppendedFile:
    """What is written is in the file when `put` returns. Use as a context manager."""

    def __init__(self, path: Path, what: str, taken: str) -> None:
        """Make the file and its folder.

        `what` names it to the operator, `taken` says that it is there already. Raises
        `UsageError` when the file exists, `EnvironmentProblem` when it cannot be made.
        """
        self.path = path
        self._what = what
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise UsageError(f"{taken}: {path}") from None
        except OSError as error:
            raise unwritable(what, path, error) from error

    def put(self, data: bytes) -> None:
        """Append bytes. Raises `EnvironmentProblem` when the disk refuses."""
        try:
            while data:
                data = data[os.write(self._file.fileno(), data) :]
        except OSError as error:
            raise unwritable(self._what, self.path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def unwritable(what: str, path: Path, error: OSError) -> EnvironmentProblem:
    """What the operator is told when the file cannot be written."""
    return EnvironmentProblem(
        f"{what} {path}: {error.strerror or error}: free some space or make the folder "
        "writable, or set RUNNER_RESULTS to another folder"
    )
