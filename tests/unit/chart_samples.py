"""A gallery that has everything: failures, caps, one trial only, no price, hostile names."""

from dataclasses import replace

from call_samples import conversation, tokens

from analysis.calls import GrowthRow, TimeRow, TokenRow
from analysis.stats.samples import TrialRow
from runner.errors import Status
from runner.types import ProviderKind

HOSTILE = "<script>alert('x')</script>&\"\x1b[31m"


def row(
    arm: str,
    name: str,
    usd: float | None,
    wall_s: float,
    status: Status = "solved",
    task: str = "T1",
    kind: ProviderKind = "scripted",
) -> TrialRow:
    return TrialRow(name, arm, task, status, status == "solved", usd, wall_s, 3, 9, kind)


def trials() -> list[TrialRow]:
    """T1: A solves all, B one of three, C three by delegating, D none; T2: one of each."""
    return [
        *(row("A", f"a{n}", 0.5 + n / 10, 250 + 30 * n) for n in range(3)),
        row("B", "b0", 0.8, 480),
        row("B", "b1", 0.9, 500, "failed"),
        row("B", "b2", 0.7, 300, "cap"),
        *(row("C", f"t{n}", 0.6 + n / 20, 400 + 20 * n) for n in range(3)),
        *(row("D", f"d{n}", 0.2, 700, "failed") for n in range(3)),
        row("D", "void", 9.9, 1, "infra"),
        row("A", "a9", 0.1, 60, task="T2"),
        row(HOSTILE, "x9", None, 70, task="T2"),
    ]


def growth() -> list[GrowthRow]:
    """Three trials of C on record call by call."""
    return [replace(call, trial_id=f"t{n}") for n in range(3) for call in conversation()]


def used() -> list[TokenRow]:
    """Tokens of the leads of A and C, and of one that has no price."""
    led = [replace(tokens(conversation()), trial_id=f"t{n}") for n in range(3)]
    alone = [
        replace(tokens(conversation()), trial_id=f"a{n}", arm="A", role="solo") for n in range(3)
    ]
    other = replace(alone[0], trial_id="x9", arm=HOSTILE, task="T2", rate=None)
    return [*led, *alone, other]


def times() -> list[TimeRow]:
    """Measured seconds for A, none for B."""
    return [
        *(TimeRow(f"a{n}", "A", "T1", 250.0 + 30 * n, 100.0, 60.0, 50.0, 5.0) for n in range(3)),
        TimeRow("b0", "B", "T1", 480.0, None, None, None, None),
    ]
