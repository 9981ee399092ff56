"""The database is brought up to date beside the run, whatever happens to it."""

from collections.abc import Callable
from queue import SimpleQueue

import pytest

from runner.errors import EnvironmentProblem
from runner.matrix.upkeep import Upkeep

SOON_S = 60.0


class Database:
    """Meets these errors one after the other (None: it works); `done` has one for each time."""

    def __init__(self, *errors: Exception | None) -> None:
        self._errors = iter(errors)
        self.done: SimpleQueue[None] = SimpleQueue()

    def __call__(self) -> None:
        try:
            if error := next(self._errors, None):
                raise error
        finally:
            self.done.put(None)


def told(times: int, database: Database) -> list[str]:
    """What is told when something is due so many times, each after the last was done."""
    said: list[str] = []
    upkeep = Upkeep(database, said.append)
    for _ in range(times):
        upkeep.due()
        database.done.get(timeout=SOON_S)
    upkeep.close(SOON_S)
    return said


@pytest.mark.parametrize("make", [EnvironmentProblem, KeyError, OSError])
def test_what_goes_wrong_is_told_once_and_tried_again(make: Callable[[str], Exception]) -> None:
    (said,) = told(3, Database(make("held"), make("held")))
    assert "held" in said
    assert "the run goes on" in said


def test_a_bug_is_told_with_its_traceback() -> None:
    (said,) = told(1, Database(KeyError("bug")))
    assert "Traceback" in said


def test_what_was_mended_and_breaks_again_is_told_again() -> None:
    assert len(told(3, Database(OSError("one"), None, OSError("two")))) == 2
