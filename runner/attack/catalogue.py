"""The attacks of the suite: which there are, which were asked for, and how each is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import UsageError
from runner.scripted.cheats import FOLDER, Attack, Variant, load_attacks

ROWS = frozenset(range(1, 48)) - {31}  # 31 is honest work refused, which is no attack

KINDS: Mapping[str, str] = {
    "forgery": "a result is forged: the naive judge believes it",
    "transfer": "what travels to the judge does harm on its way: to a naive collector it does",
    "leak": "an answer lies around: in a naive container it is found",
    "probe": "a way out: in a naive container it stands open",
    "bomb": "the machine is worn out: a naive executor does not stop it",
    "calls": "a tool call is none: a naive executor breaks at it",
    "reroll": "the trial is broken off: a naive harness takes that for its own failure and retries",
}
# How a variant fools the naive side; see `runner.attack.naive`.
WAYS = frozenset(
    {
        "admin",
        "bridge",
        "calls",
        "copies",
        "daemons",
        "dead",
        "exit",
        "fingerprint",
        "flood",
        "folder",
        "hang",
        "held",
        "history",
        "junit",
        "keys",
        "log",
        "names",
        "plain",
        "processes",
        "reading",
        "reroll",
        "result",
        "rights",
        "set-uid",
        "size",
        "stdout",
    }
)
FEWEST_VARIANTS = 3


@dataclass(frozen=True)
class Trick:
    """One variant of one attack: what is tried."""

    attack: Attack
    variant: Variant

    @property
    def name(self) -> str:
        """As `cheat:NAME` spells it."""
        return f"{self.attack.id}.{self.variant.name}"


def load_tricks(only: Sequence[str] = (), folder: Path = FOLDER) -> tuple[Trick, ...]:
    """Every variant of every attack, or of those that `only` names (`ID` or `ID.VARIANT`).

    Raises:
        UsageError: there is no such attack; an attack's kind or way is none we know.
    """
    attacks = load_attacks(folder)
    tricks = tuple(
        Trick(attack, variant)
        for attack in attacks.values()
        for variant in attack.variants
        if _known(attack, variant)
    )
    for name in only:
        if not any(name in (trick.attack.id, trick.name) for trick in tricks):
            known = ", ".join(attacks)
            raise UsageError(f"--only '{name}': there is no such attack; there are: {known}")
    return tuple(t for t in tricks if not only or t.attack.id in only or t.name in only)


def _known(attack: Attack, variant: Variant) -> bool:
    if attack.kind not in KINDS:
        raise UsageError(f"attack '{attack.id}': kind '{attack.kind}' is not {', '.join(KINDS)}")
    if variant.naive not in WAYS:
        raise UsageError(f"attack '{attack.id}': '{variant.naive}' fools nobody we know")
    return True
