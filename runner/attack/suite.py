"""The suite: every attack against both sides, side by side on the machine's processors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from runner.attack import ours, theirs
from runner.attack.catalogue import Trick
from runner.attack.outcome import Outcome, Side
from runner.attack.stage import Arena

_OURS: Mapping[str, Callable[[Arena, Trick, str], Side]] = {
    "forgery": ours.judged,
    "transfer": ours.judged,
    "leak": ours.looked,
    "probe": ours.looked,
    "bomb": ours.worn,
    "calls": ours.tried,
    "reroll": ours.tried,
}
# What weighs on the machine goes first, so that nothing long is left for the end.
_FIRST = ("reroll", "calls", "bomb")


def run_attacks(arena: Arena, tricks: Sequence[Trick], workers: int) -> Iterator[Outcome]:
    """Every attack's fate, as it becomes known. A container each, and one for each judging.

    Raises:
        SandboxFailure: the naive side's container cannot be had: the machine is at fault.
    """
    ordered = sorted(tricks, key=lambda trick: trick.attack.kind not in _FIRST)
    with ThreadPoolExecutor(workers, "attack") as pool:
        begun = [pool.submit(fate, arena, trick) for trick in ordered]
        try:
            for future in as_completed(begun):
                yield future.result()
        finally:
            for future in begun:
                future.cancel()


def fate(arena: Arena, trick: Trick) -> Outcome:
    """One attack: first where it must win, then where it must lose."""
    attack = trick.attack
    trial_id = f"attack-{trick.name}"
    naive = theirs.against_naive(arena, trick, f"{trial_id}-naive")
    mine = _OURS[attack.kind](arena, trick, trial_id)
    return Outcome(trick.name, attack.id, attack.row, attack.kind, naive, mine)
