"""Remove containers that dead runs of this machine left behind, and stop the Ollama sidecar.

Results and the models that were pulled are never touched. What workers of a cluster keep of
their trials is removed when the same is on record in these results, and named when it is not.

example: runner clean
"""

import argparse
from datetime import datetime

from rich.console import Console

from runner.cli.summary import ask
from runner.cluster.spool import FOLDER, kept, on_record, remove
from runner.config.settings import Settings, load_settings
from runner.errors import EXIT_OK
from runner.sandbox.engine import connect
from runner.sandbox.reaper import reap
from runner.sidecar.container import LABEL, stop
from runner.sidecar.engine import remove_volumes

ENDS = "select trial_id, ended_at from trials where list_contains($ids, trial_id)"


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace, console: Console) -> int:
    """Reap, stop the sidecar and the stand-in for it, and say what was removed."""
    clean_spool(console, load_settings())
    engine = connect()
    left, sidecars = reap(engine), stop(engine)
    remove_volumes(engine, f"{LABEL}=standin")
    for name in (*left, *sidecars):
        console.print(f"removed {name}", markup=False)
    if not left and not sidecars:
        console.print("nothing was left behind")
    return EXIT_OK


def clean_spool(console: Console, settings: Settings) -> None:
    """Remove what workers kept of trials that are on record here; say what is not."""
    every = list(kept(settings.results))
    if not every:
        return
    ids = [each.trial_id for each in every]
    known = ask(settings, ENDS, ids=ids) if settings.database.exists() else ()
    ends = {str(trial_id): at for trial_id, at in known if isinstance(at, datetime)}
    copies = on_record(every, ends)
    remove(copies)
    if copies:
        console.print(f"removed the workers' copies of {len(copies)} attempts that are on record")
    if left := len(every) - len(copies):
        console.print(
            f"{left} attempts in {settings.results / FOLDER} are not on record here: see what they "
            "spent, then delete them by hand",
            markup=False,
            soft_wrap=True,
        )
