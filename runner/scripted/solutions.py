"""The reference solutions a scripted server plays, and how one elsewhere is told of them.

A server in a container outlives trials and programs, so tasks are named there by what they
hold: `T2-` and a digest. What it was told it remembers in its folder, over restarts too.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from urllib.request import Request, urlopen

from runner.config.solution import Create, Edit, Solution
from runner.scripted.replies import BadRequest, JsonDict, as_dict, as_list

_WAIT_S = 10.0
_MOST = 1_000  # tasks a server is told of


class Solutions:
    """What a server knows, by what addresses call a task; safe for threads."""

    def __init__(self, known: Mapping[str, Solution], folder: Path | None = None) -> None:
        """Know `known`, and what `folder` remembers."""
        self._known = dict(known)
        self._lock = threading.Lock()
        self._path = folder / "solutions.json" if folder else None
        if self._path and self._path.exists():
            self._known |= _read(json.loads(self._path.read_text("utf-8")))

    def find(self, task: str) -> Solution | None:
        """The solution of a task, None when nobody told."""
        return self._known.get(task)

    def learn(self, told: JsonDict) -> None:
        """Take in what `tell` sends; raises `BadRequest`."""
        with self._lock:
            known = self._known | _read(told)
            if len(known) > _MOST:
                raise BadRequest(f"more than {_MOST} tasks")
            self._known = known
            if self._path:
                fresh = self._path.with_suffix(".new")
                fresh.write_text(json.dumps({key: _written(known[key]) for key in known}), "utf-8")
                fresh.replace(self._path)


def tell(url: str, task: str, solution: Solution) -> str:
    """Tell the server at `url` a task's solution; gives what addresses call the task there.

    Raises:
        OSError: the server is not there, or refuses.
    """
    steps = _written(solution)
    key = f"{task}-{hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:16]}"
    body = json.dumps({key: steps}).encode()
    with urlopen(Request(f"{url}/scripted/solutions", body), timeout=_WAIT_S):
        return key


def _written(solution: Solution) -> list[dict[str, str]]:
    return [asdict(step) for step in solution]


def _read(told: JsonDict) -> dict[str, Solution]:
    return {key: tuple(map(_step, as_list(steps, key))) for key, steps in told.items()}


def _step(told: object) -> Edit | Create:
    table = {name: str(value) for name, value in as_dict(told, "step").items()}
    try:
        return Edit(**table) if "old" in table else Create(**table)
    except TypeError as error:
        raise BadRequest(f"step: {error}") from None
