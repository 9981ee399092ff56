"""Remove containers that dead runs of this machine left behind, and stop the Ollama sidecar.

Results and the models that were pulled are never touched.

example: runner clean
"""

import argparse

from rich.console import Console

from runner.errors import EXIT_OK
from runner.sandbox.engine import connect
from runner.sandbox.reaper import reap
from runner.sidecar.container import LABEL, stop
from runner.sidecar.engine import remove_volumes


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace, console: Console) -> int:
    """Reap, stop the sidecar and the stand-in for it, and say what was removed."""
    engine = connect()
    left, sidecars = reap(engine), stop(engine)
    remove_volumes(engine, f"{LABEL}=standin")
    for name in (*left, *sidecars):
        console.print(f"removed {name}", markup=False)
    if not left and not sidecars:
        console.print("nothing was left behind")
    return EXIT_OK
