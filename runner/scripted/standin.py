"""A scripted server as the program of a container, in Ollama's place. Needs only Python 3.11.

STANDIN_PORT     the port it listens on, on all of the container's addresses; 11434
STANDIN_FOLDER   where it keeps what it holds, as Ollama keeps its models; must exist
STANDIN_FAULTS   what goes wrong there: kinds of a disk and, for calls whose address names
                 no script, kinds of a call (see `runner.scripted.faults`)
STANDIN_DIGEST   the digest of every model, in hex; without it each has its own
"""

import json
import os
from collections import deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from runner.scripted.app import App
from runner.scripted.faults import DISK_KINDS, KINDS, parse_faults
from runner.scripted.personas import PERSONAS
from runner.scripted.shelf import Shelf
from runner.scripted.solutions import Solutions
from runner.scripted.wire import HttpServer

_NUMBERS = "numbers.json"


def main() -> None:
    """Serve until the container is stopped."""
    folder = Path(os.environ.get("STANDIN_FOLDER", "/root/.ollama"))
    asked = os.environ.get("STANDIN_FAULTS", "")
    faults = parse_faults(asked, (*DISK_KINDS, *KINDS)) if asked else ()
    numbers = _counted(folder)
    app = App(
        Solutions({}, folder),
        PERSONAS,
        shelf=Shelf(folder, faults, os.environ.get("STANDIN_DIGEST", "")),
        faults=tuple(each for each in faults if each.kind in KINDS),
        numbers=numbers,
    )
    address = ("0.0.0.0", int(os.environ.get("STANDIN_PORT", "11434")))
    crash = partial(_die, folder, numbers)
    HttpServer(app, deque(maxlen=0), address, crash=crash).serve_forever()


def _counted(folder: Path) -> dict[str, int]:
    """The calls that were counted before the last crash, so that one crash is not for ever."""
    path = folder / _NUMBERS
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def _die(folder: Path, numbers: Mapping[str, int]) -> None:
    fresh = folder / f"{_NUMBERS}.new"
    fresh.write_text(json.dumps(dict(numbers)), "utf-8")
    fresh.replace(folder / _NUMBERS)
    os._exit(1)


if __name__ == "__main__":
    main()
