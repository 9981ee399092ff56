"""A trial is recorded, shipped as a folder and replayed, with nobody there to answer."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import ROOT, nothing_left, runner

from runner.ledger.journal_format import read_journal
from runner.recording.exchanges import read_exchanges

pytestmark = pytest.mark.docker

# Runs the command and writes down every address that its process connects to.
WATCHED = """
import json, sys
from pathlib import Path

met = []
sys.addaudithook(lambda name, given: met.append(given[1]) if name == "socket.connect" else None)
from runner.cli.main import main

code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(json.dumps(met, default=repr))
sys.exit(code)
"""


def test_a_recorded_trial_replays_elsewhere_to_the_same_end_and_meets_only_docker(
    tmp_path: Path,
) -> None:
    there, here, met = tmp_path / "there", tmp_path / "here", tmp_path / "met.json"
    asked = ("--arm", "C", "--task", "T3", "--models", "scripted", "--record")
    first = runner(there, "trial", *asked)
    assert first.returncode == 0, first.stdout + first.stderr
    shipped = shutil.move(there / "recordings" / "scripted-C-T3-0-1", tmp_path / "shipped")
    shutil.rmtree(there)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC", "OLLAMA"))}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(met), "trial", "--replay", str(shipped)],
        cwd=ROOT,
        env={**env, "RUNNER_RESULTS": str(here)},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replayed: nothing was spent" in done.stdout
    assert "It ended as the recorded trial did: solved" in done.stdout
    addresses = json.loads(met.read_text())
    assert addresses
    assert all(isinstance(each, str) and each.endswith("docker.sock") for each in addresses)
    trial_id = "replayed-scripted-C-T3-0-1-1"
    events = read_journal(here / "journal" / f"{trial_id}.jsonl").events
    by_kind = {type(event).__name__: event for event in events}
    started, ended = by_kind["TrialStarted"], by_kind["TrialEnded"]
    assert started.provider_kind == "replayed"  # type: ignore[union-attr]
    assert started.manifest["replay_of"] == "scripted-C-T3-0-1"  # type: ignore[union-attr]
    before = read_exchanges(Path(shipped) / "exchanges.jsonl")
    assert before.ending is not None
    assert (ended.status, ended.success) == ("solved", True)  # type: ignore[union-attr]
    assert (before.ending.status, before.ending.success) == ("solved", True)
    settled = [event for event in events if type(event).__name__ == "CallSettled"]
    assert len(settled) == before.calls
    assert not (here / "recordings" / trial_id).exists()
    assert nothing_left(trial_id)
