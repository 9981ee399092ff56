"""Attack our own sandbox and judge: every known way to cheat, against a naive side and ours.

example: runner attack --only conftest-hook,path-shim.function
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from runner import wiring
from runner.attack.catalogue import load_tricks
from runner.attack.fair import Field
from runner.attack.honest import honest_variants
from runner.attack.outcome import Control, Honesty, Outcome
from runner.attack.probes import ProbeResult, probe_containers
from runner.attack.stage import Arena, open_arena
from runner.attack.suite import Plan, Result, count, run_suite
from runner.attack.table import Results, as_json, faults, rows, table_text, totals
from runner.catalogue import load_catalogue
from runner.cli import options as opt
from runner.cli.judge import court
from runner.cli.output import forgiving
from runner.config.settings import load_settings
from runner.errors import EXIT_NOT_SOLVED, EXIT_OK, EnvironmentProblem
from runner.image.states import starting_tree
from runner.judge.change import Change
from runner.judge.judge import Court
from runner.sandbox.container import DockerSandbox
from runner.sandbox.engine import engine_info

HONEST, PROBES = "honest", "probes"
_WIDE = 34


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which attacks, how many at a time, and where the result goes."""
    parser.add_argument(
        "--only",
        type=opt.names,
        metavar="NAMES",
        help=f"classes (conftest-hook) or variants (conftest-hook.ignore) with commas between; "
        f"{HONEST} and {PROBES} are names too (default: everything)",
    )
    parser.add_argument(
        "--jobs",
        type=opt.whole(1),
        default=os.cpu_count() or 1,
        help="how many run side by side (default: one a processor)",
    )
    parser.add_argument(
        "--whole",
        action="store_true",
        help="let the whole judge hear honest work on every task, not only its rules over source "
        "text: about half a minute each",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the result as JSON (default: attack.json)"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Run what was asked for, print the table and what is wrong; 1 when anything is."""
    settings = load_settings()
    catalogue = load_catalogue(settings)
    out = options.out or settings.results / "attack.json"
    forgiving(console, f"the result goes to {out}")
    only: tuple[str, ...] = options.only or ()
    began = time.monotonic()
    with open_arena(settings, catalogue, console.print) as arena:
        plan = _plan(arena, only, console)
        if options.whole:
            plan = replace(plan, courts=_courts(arena, plan, console))
        results = _results(arena, plan, options.jobs, console)
    spent = time.monotonic() - began
    found = faults(results)
    console.print(table_text(rows(results.outcomes), totals(results)), markup=False)
    console.print(f"\n{spent / 60:.1f} minutes, {options.jobs} side by side")
    for line in found:
        console.print(line, markup=False, style="red", soft_wrap=True)
    _write(out, as_json(results, spent))
    return EXIT_NOT_SOLVED if found else EXIT_OK


def _plan(arena: Arena, only: tuple[str, ...], console: Console) -> Plan:
    tricks = tuple(name for name in only if name not in (HONEST, PROBES))
    honest = not only or HONEST in only
    probes = partial(probe_containers, _containers(arena))
    return Plan(
        tricks=load_tricks(tricks) if tricks or not only else (),
        honest=honest_variants() if honest else (),
        fields=_fields(arena, console) if honest else {},
        small=honest,
        probes=probes if not only or PROBES in only else None,
    )


def _containers(arena: Arena) -> Callable[[str], AbstractContextManager[DockerSandbox]]:
    return lambda purpose: arena.sandbox("attack-probes", purpose)


def _fields(arena: Arena, console: Console) -> Mapping[str, Field]:
    architecture = engine_info(arena.engine).architecture
    tree = wiring.pristine(arena.settings, architecture, console.print)
    tasks = arena.catalogue.tasks.values()
    return {task.id: Field(task, tree, starting_tree(tree, task)) for task in tasks}


def _courts(arena: Arena, plan: Plan, console: Console) -> Mapping[str, Callable[[Change], Court]]:
    """Where each task's honest work is heard: as a trial's change is, in its image."""
    catalogue = arena.catalogue
    say = cache(console.print)  # what holds for every task is said once
    return {
        task: partial(court, wiring.prepare(arena.settings, catalogue, catalogue.tasks[task], say))
        for task in plan.fields or ()
    }


def _results(arena: Arena, plan: Plan, workers: int, console: Console) -> Results:
    """Run the plan, telling of each result: a line when piped, a bar on a terminal."""
    results = Results()
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        shown = bar.add_task("attacks", total=count(arena, plan))
        for result in run_suite(arena, plan, workers):
            results.add(result)
            line, well = told(result)
            bar.update(shown, advance=1, description=result.name[:_WIDE])
            if not (well and console.is_terminal):
                console.print(line, markup=False, style=None if well else "red", soft_wrap=True)
    return results


def told(result: Result) -> tuple[str, bool]:
    """A result in one line, and whether it is as it should be."""
    match result:
        case Outcome(name=name, naive=naive, ours=ours):
            theirs = "fooled" if naive.won else "NOT FOOLED"
            mine = f"WON: {ours.why}" if ours.won else ours.why
            seconds = f"{naive.seconds + ours.seconds:5.1f} s"
            return _line(name, f"{seconds}  naive {theirs}; ours {mine}"), result.good
        case Control(name=name, naive=naive):
            said = "FALLS FOR NO ATTACK" if naive.won else "not fooled"
            return _line(f"no attack: {name}", said), not naive.won
        case Honesty(name=name, why=why):
            return _line(f"honest: {name}" if result.solved else f"nothing: {name}", why), (
                result.good
            )
        case ProbeResult(name=name, held=held, said=said):
            return _line(f"probe: {name}", said if held else f"OPEN: {said}"), held


def _line(name: str, said: str) -> str:
    text = " ".join(said.split())
    return f"  {name:<{_WIDE}} {text[:300]}"


def _write(path: Path, data: Mapping[str, object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise EnvironmentProblem(f"{path}: cannot be written: {error.strerror}") from error
