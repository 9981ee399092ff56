"""The `runner` command as a person starts it: a process of its own, with its own results."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from runner.sandbox.engine import connect
from runner.sandbox.reaper import live_containers

ROOT = Path(__file__).parents[1]


def start(results: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """The command, running; vendors' variables of this machine do not reach it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC", "OLLAMA"))}
    return subprocess.Popen(
        [sys.executable, "-m", "runner.cli.main", *arguments],
        cwd=ROOT,
        env={**kept, "RUNNER_RESULTS": str(results), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen_to_interrupts,
    )


def listen_to_interrupts() -> None:
    """Undo what a shell does to programs it starts in the background: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def runner(results: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    with start(results, *arguments, **env) as process:
        out, err = process.communicate(timeout=900)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def nothing_left(trial_id: str) -> bool:
    """Whether no container of the trial exists any more."""
    engine = connect()
    try:
        return trial_id not in {container.trial_id for container in live_containers(engine)}
    finally:
        engine.close()
