"""What a trial was made of, so that it can be defended, and refused when it has changed."""

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path

from runner.config.arms import Arm
from runner.config.rates import RateCard
from runner.config.settings import ROOT, Settings
from runner.sandbox.limits import host_settings
from runner.types import JsonObject
from runner.wiring import Bench, Players, host_lacks, sandbox_limits

PACKAGES = ("runner", "anthropic", "ollama", "docker", "duckdb")


def manifest(
    bench: Bench, arm: Arm, card: RateCard, players: Players, max_turns: int
) -> JsonObject:
    """The manifest of one trial, JSON-able; it holds no key. Hashes are sha256 (hex).

    Raises:
        OSError: a file of the program or of the task cannot be read.
    """
    task, settings = bench.task, bench.settings
    limits = sandbox_limits(settings)
    return {
        "arm": asdict(arm),
        "task": {
            "id": task.id,
            "title": task.title,
            "prompt_sha256": digest(task.prompt),
            "sha256": files_digest(task.folder),  # its checks and hidden programs too
        },
        "max_turns": max_turns,
        "max_turns_of_arm": arm.max_turns(task.id),
        "prompts_sha256": digest(
            json.dumps(asdict(bench.catalogue.prompts.only({arm.prompt})), sort_keys=True)
        ),
        "card": card.id,
        "rates": {model: asdict(card.rate(model)) for model in arm.models},
        "image": asdict(bench.image),
        "limits": asdict(limits),
        "container_sha256": digest(json.dumps(host_settings(limits), sort_keys=True)),
        "persona": players.script,
        "servers": servers(bench, arm, players) if players.kind == "live" else {},
        "ollama": players.served.facts() if players.served else None,
        "engine": asdict(bench.about),
        "host_lacks": list(host_lacks(bench)),
        "versions": versions(),
        "source_sha256": code_digest(),
        "python": platform.python_version(),
        "timeouts_s": timeouts(settings),
    }


def versions() -> Mapping[str, str]:
    """The packages whose behaviour a trial depends on."""
    return {name: version(name) for name in PACKAGES}


def timeouts(settings: Settings) -> Mapping[str, float]:
    """The seconds after which something is given up."""
    return {
        "bash": settings.bash_timeout_s,
        "bash_max": settings.bash_timeout_max_s,
        "judge": settings.judge_timeout_s,
        "call": settings.call_timeout_s,
        "call_deadline": settings.call_deadline_s,
    }


def servers(bench: Bench, arm: Arm, players: Players) -> Mapping[str, str]:
    """Who answers for each provider of the arm: a live row may be of another server."""
    settings = bench.settings
    local = players.served.host if players.served else settings.ollama_host
    asked = {"anthropic": settings.anthropic_base_url, "ollama": local}
    seats = (arm.lead, *((arm.executor.seat,) if arm.executor else ()))
    return {
        seat.provider: without_password(asked.get(seat.provider) or "the vendor's own")
        for seat in seats
    }


def without_password(address: str) -> str:
    """An address without the name and the password it may carry."""
    scheme, there, rest = address.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{there}{host.rpartition('@')[2]}{slash}{path}"


@cache
def code_digest() -> str:
    """The hash of the program this process runs: as it was when first asked, whatever comes later.

    A process that lives long asks as it starts.
    """
    return files_digest(ROOT / "runner")


def files_digest(folder: Path) -> str:
    """One hash of every file below a folder, by name and content; byte code left out."""
    whole = hashlib.sha256()
    for name, data in _files(folder):
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def digest(text: str) -> str:
    """The hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
