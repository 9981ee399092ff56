"""Check everything this machine needs for trials and explain what is missing.

example: runner doctor
"""

import argparse

from rich.console import Console
from rich.table import Table

from runner import wiring
from runner.config.settings import load_settings
from runner.doctor.facts import look
from runner.doctor.finding import Finding
from runner.doctor.findings import findings
from runner.errors import EXIT_ENVIRONMENT, EXIT_OK
from runner.image.build import image_for

MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "bad": "[red]bad[/]"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace, console: Console) -> int:
    """Print a line for each question, with the fix where there is one."""
    settings = load_settings()
    plan = wiring.image_plan(settings)
    found = findings(look(settings, lambda engine, task: image_for(engine, task, plan).id))
    console.print(as_table(found))
    bad = [finding.name for finding in found if finding.ok == "bad"]
    if bad:
        console.print(f"\nnot ready for trials: {', '.join(bad)}")
        return EXIT_ENVIRONMENT
    return EXIT_OK


def as_table(found: tuple[Finding, ...]) -> Table:
    """One row a finding; the fix follows what was said."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("state")
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("said", overflow="fold")
    for finding in found:
        said = finding.said + (f"\n→ {finding.fix}" if finding.fix else "")
        table.add_row(MARKS[finding.ok], finding.name, said)
    return table
