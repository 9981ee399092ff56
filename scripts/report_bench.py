"""`make bench`: how long a report takes, and how large its page becomes.

Each report is made in a fresh process, as `runner report` makes it, from a record that
`tests/many_trials.py` made up: journals, transcripts, changes, DuckDB. That it is painted quickly
is tested in a browser (`tests/browser`).
"""

import argparse
import io
import multiprocessing
import os
import statistics
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
            Figure(f"report of {FEW} trials, median", statistics.median(few), "s", 5.0, load()),
            Figure(f"report of {MANY:,} trials", many, "s", 20.0, f"{beside:.0f} MB beside it"),
            Figure("... the page itself", page.stat().st_size / 1e6, "MB", 5.0),
        ]
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


def built(results: Path, trials: int, starts: dict[str, Tree]) -> float:
    """Seconds a fresh process takes for the report, its imports not counted."""
    fill(results, trials, starts=starts)
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(reported, results).result()


def reported(results: Path) -> float:
    """Make the report of these results; the seconds it took."""
    os.environ["RUNNER_RESULTS"] = str(results)
    parser = argparse.ArgumentParser()
    report.add_options(parser)
    options = parser.parse_args([])
    began = time.perf_counter()
    report.run(options, Console(file=io.StringIO()))
    return time.perf_counter() - began


def size(folder: Path) -> float:
    """MB of the files in it."""
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6 if folder.exists() else 0.0


def load() -> str:
    """How busy the machine is."""
    return f"load average {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
