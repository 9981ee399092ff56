"""Who owns which container, and the removal of what dead runs left behind.

An owner is "<machine>:<pid>:<start time>". The machine includes the process-id namespace: two
runners in containers of one machine cannot see each other's processes and must not judge
each other dead. The start time tells a process from a later one with the same id.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from runner.sandbox.engine import Engine, labelled_containers, remove_container

RUN_LABEL = "runner.run"
TRIAL_LABEL = "runner.trial"
OWNER_LABEL = "runner.owner"


@dataclass(frozen=True)
class LiveContainer:
    """A container some runner made. `orphan`: made on this machine by a process now dead."""

    id: str
    run_id: str
    trial_id: str
    owner: str
    state: str
    orphan: bool

    def __str__(self) -> str:
        return f"{self.id[:12]} (trial {self.trial_id} of run {self.run_id}, {self.state})"


def owner() -> str:
    """The label's value for containers this process makes."""
    return f"{_machine()}:{os.getpid()}:{_start_time(os.getpid())}"


def is_orphan(label: str) -> bool:
    """Whether the owner named by the label was a process of this machine and is dead."""
    machine, _, rest = label.partition(":")
    pid, _, started = rest.partition(":")
    if machine != _machine() or not pid.isascii() or not pid.isdigit() or not started:
        return False
    return _start_time(int(pid)) != started


def live_containers(engine: Engine) -> tuple[LiveContainer, ...]:
    """Every container that carries an owner label, whoever it belongs to.

    Raises `SandboxFailure` when the engine does not answer.
    """
    found = []
    for item in labelled_containers(engine, OWNER_LABEL):
        labels = item.get("Labels") or {}
        label = str(labels.get(OWNER_LABEL, ""))
        found.append(
            LiveContainer(
                id=str(item["Id"]),
                run_id=str(labels.get(RUN_LABEL, "")),
                trial_id=str(labels.get(TRIAL_LABEL, "")),
                owner=label,
                state=str(item.get("State", "")),
                orphan=is_orphan(label),
            )
        )
    return tuple(found)


def reap(engine: Engine) -> tuple[LiveContainer, ...]:
    """Remove the containers of this machine's dead runners, nobody else's; gives those removed.

    Raises `SandboxFailure` when the engine does not answer.
    """
    return tuple(
        container
        for container in live_containers(engine)
        if container.orphan and remove_container(engine, container.id)
    )


def remove_own(engine: Engine) -> int:
    """Remove every container this process made, also one in use; gives how many.

    Raises `SandboxFailure` when the engine does not answer.
    """
    mine = [each for each in live_containers(engine) if each.owner == owner()]
    return sum(remove_container(engine, each.id) for each in mine)


def _machine() -> str:
    try:
        name = Path("/etc/machine-id").read_text("ascii").strip()
    except (OSError, ValueError):
        name = ""
    return f"{name or socket.gethostname()}-{Path('/proc/self/ns/pid').stat().st_ino}"


def _start_time(pid: int) -> str:
    """In clock ticks since the machine started; empty for a process that is dead."""
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    fields = line.rpartition(b")")[2].split()
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode("ascii")
