"""`make bench`: how long a report takes, and how large its page becomes.

Each report is made in a fresh process, as `runner report` makes it, from a record that
`tests/many_trials.py` made up: journals, transcripts, changes, DuckDB. That it is painted quickly
is tested in a browser (`tests/browser`).
"""

import argparse
import io
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from figures import Figure, as_table
from many_trials import fill
from rich.console import Console

from runner.cli import report
from runner.config.settings import Settings, load_settings
from runner.config.tasks import load_tasks
from runner.errors import EXIT_NOT_SOLVED, EXIT_OK
from runner.image.states import Tree, pristine_tree, starting_tree

FEW, MANY = 40, 1_000
ROUNDS = 3


def main() -> int:
    """Measure, print the table; exit code 1 when a figure misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    starts = starting_trees(load_settings())
    with tempfile.TemporaryDirectory() as folder:
        few = [built(Path(folder) / f"few{n}", FEW, starts) for n in range(ROUNDS)]
        results = Path(folder) / "many"
        many = built(results, MANY, starts)
        page, beside = results / "report.html", size(results / "report-trials")
        figures = [
            figure(f"report of {FEW} trials, median", sorted(few)[ROUNDS // 2], 5.0),
            figure(f"report of {MANY:,} trials", many, 20.0),
            Figure("... the page itself", page.stat().st_size / 1e6, "MB", 5.0,
                   f"{beside:.0f} MB of trials beside it"),
        ]  # fmt: skip
    Console().print(as_table("Figures of the report", figures))
    return EXIT_OK if all(figure.holds for figure in figures) else EXIT_NOT_SOLVED


def starting_trees(settings: Settings) -> dict[str, Tree]:
    """What trials start from, by task, so that their changes are shown as diffs.

    Without the images' inputs (`make image` fetches them) files are shown whole.
    """
    archives = sorted((settings.cache / "inputs" / "sdist").glob("*.tar.gz"))
    if not archives:
        return {}
    pristine = pristine_tree(archives[0].read_bytes())
    return {
        name: starting_tree(pristine, task) for name, task in load_tasks(settings.tasks_dir).items()
    }


def figure(name: str, took: tuple[float, float], goal: float) -> Figure:
    """Seconds on the wall, and beside them what a busy machine does not make longer."""
    note = f"{took[1]:.1f} s of processors, load average {os.getloadavg()[0]:.1f}"
    return Figure(name, took[0], "s", goal, note)


def built(results: Path, trials: int, starts: dict[str, Tree]) -> tuple[float, float]:
    """What `reported` says in a fresh process, whose imports are not counted."""
    fill(results, trials, starts=starts)
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(reported, results).result()


def reported(results: Path) -> tuple[float, float]:
    """Make the report of these results; the seconds it took, of the wall's and of processors."""
    os.environ["RUNNER_RESULTS"] = str(results)
    parser = argparse.ArgumentParser()
    report.add_options(parser)
    options = parser.parse_args([])
    began, busy = time.perf_counter(), time.process_time()
    report.run(options, Console(file=io.StringIO()))
    return time.perf_counter() - began, time.process_time() - busy


def size(folder: Path) -> float:
    """MB of the files in it."""
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6 if folder.exists() else 0.0


if __name__ == "__main__":
    sys.exit(main())
