"""The judge's run of the tests, as the user that may change nothing: `harness suite`.

pytest always runs with workers, so that its controller, which alone bears witness (see
`runner_harness.witness`), never loads a line of the repository.
"""

import os
from pathlib import Path

from runner_harness.tools import PYTHON, UNDER_BASH, WORKERS

CONFIG = Path("/opt/runner/config/pyproject.toml")
GATE = "/work/court/gate"
_ENV = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "COVERAGE_FILE": "/tmp/coverage/data",  # the tree cannot be written
    "RUNNER_GATE": GATE,
}


def suite_command(root: Path) -> list[str]:
    """pytest over the whole tree: plugins by name, no `conftest.py`, the judge's configuration."""
    plugins = ["no:cacheprovider", "xdist", "runner_harness.witness", "runner_harness.children"]
    return [
        *(PYTHON, "-I", "-B", "-m", "pytest", "-q", "--tb=short", "--noconftest"),
        *(part for plugin in plugins for part in ("-p", plugin)),
        *(f"--numprocesses={WORKERS}", "--max-worker-restart=0"),
        *(f"--config-file={CONFIG}", f"--rootdir={root}"),
    ]


def main(root: Path) -> int:
    """Become the run of the tests; it ends with pytest's exit code."""
    command = [*UNDER_BASH, *suite_command(root)]
    os.chdir(root)
    os.execve(command[0], command, {**os.environ, **_ENV})
