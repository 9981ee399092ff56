"""Remove containers that dead runs of this machine left behind; results are never touched.

example: runner clean
"""

import argparse

from rich.console import Console

from runner.errors import EXIT_OK
from runner.sandbox.engine import connect
from runner.sandbox.reaper import reap


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace, console: Console) -> int:
    """Reap and say what was removed."""
    removed = reap(connect())
    for name in removed:
        console.print(f"removed {name}", markup=False)
    if not removed:
        console.print("nothing was left behind")
    return EXIT_OK
