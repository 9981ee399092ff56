"""`make soak`: the promises of a run that goes on for hours, held for as long as it takes.

Runs are killed, cut, starved of money, set side by side and made large, from a copy of the
program made at the start, so that work on it may go on meanwhile. Exit code 1 when a promise
breaks.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from acceptance import acceptance
from fast_image import ensure_fast_images
from figures import Figure, as_table
from kills import kills
from ledger import ledger
from money import money
from rich.console import Console
from together import flat_memory, side_by_side
from truncation import truncation

from runner.sandbox.engine import connect

ROOT = Path(__file__).resolve().parents[1]
PARTS = "money,truncation,together,memory,ledger,kills,acceptance"


def main() -> int:
    """Measure, print the table; exit code 1 when a figure misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=PARTS)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--matrix-kills", type=int, default=5, help="of the part `acceptance`")
    parser.add_argument("--matrix", default="", help="its further options: '--arms D --tasks T3'")
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--ledger-trials", type=int, default=100_000, help="of the part `ledger`")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("RUNNER_CACHE", str(ROOT / ".cache"))
    console, figures = Console(highlight=False), list[Figure]()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        scratch = Path(name)
        code = copied(scratch / "code")
        engine = connect()
        ensure_fast_images(engine)
        parts: dict[str, Callable[[Path], Sequence[Figure]]] = {
            "money": lambda folder: money(code, folder, 64, 2.0, 400),
            "truncation": lambda folder: truncation(code, folder, step=1, resumes=20),
            "together": lambda folder: side_by_side(code, folder, 16),
            "memory": lambda folder: flat_memory(code, folder, options.trials, 8),
            "ledger": lambda folder: ledger(code, folder, options.ledger_trials, 30),
            "kills": lambda folder: kills(engine, code, folder, options.kills, options.seed),
            "acceptance": lambda folder: acceptance(
                engine,
                code,
                folder,
                options.matrix_kills,
                options.seed,
                shlex.split(options.matrix),
            ),
        }
        for part in options.parts.split(","):
            began = time.monotonic()
            found = parts[part](scratch / part)
            load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
            took = f"{time.monotonic() - began:.0f} s, load {load}"
            console.print(as_table(f"{part} ({took})", found))
            figures += found
        engine.close()
    return 0 if all(figure.holds for figure in figures) else 1


def copied(folder: Path) -> Path:
    """The program and what it needs, as they are now."""
    for name in ("runner", "analysis", "images", "breakage", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
