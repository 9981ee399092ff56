"""What a run of the suite came to: the table, and the same as data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from runner.attack.outcome import Control, Honesty, Outcome
from runner.attack.probes import ProbeResult

_FORM = "{row:>3}  {name:<24}{kind:<10}{variants:>8}{naive:>11}{ours:>10}"
_SHOWN = 400


@dataclass(frozen=True)
class Row:
    """One class of attacks: its row in the list of known ones, and how its variants fared."""

    row: int
    name: str
    kind: str
    variants: int
    naive: int
    ours: int


@dataclass(frozen=True)
class Totals:
    """The figures under the table. `refused` is honest work, `let_through` is none at all."""

    classes: int
    variants: int
    naive: int
    ours: int
    controls: int
    controls_won: int
    honest: int
    heard: int
    refused: int
    nothing: int
    let_through: int
    probes: int
    probes_open: int


@dataclass
class Results:
    """All that came of a run so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    honest: list[Honesty] = field(default_factory=list)
    probes: list[ProbeResult] = field(default_factory=list)

    def add(self, result: Outcome | Control | Honesty | ProbeResult) -> None:
        """Take one more result."""
        match result:
            case Outcome():
                self.outcomes.append(result)
            case Control():
                self.controls.append(result)
            case Honesty():
                self.honest.append(result)
            case ProbeResult():
                self.probes.append(result)


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """A row for each class, by the number it has among the known ones."""
    classes: dict[tuple[int, str, str], list[Outcome]] = {}
    for each in outcomes:
        classes.setdefault((each.row, each.attack, each.kind), []).append(each)
    return [
        Row(
            *key,
            len(found),
            sum(each.naive.won for each in found),
            sum(each.ours.won for each in found),
        )
        for key, found in sorted(classes.items())
    ]


def totals(results: Results) -> Totals:
    """The figures under the table."""
    honest = [each for each in results.honest if each.solved]
    nothing = [each for each in results.honest if not each.solved]
    table = rows(results.outcomes)
    return Totals(
        classes=len(table),
        variants=len(results.outcomes),
        naive=sum(row.naive for row in table),
        ours=sum(row.ours for row in table),
        controls=len(results.controls),
        controls_won=sum(each.naive.won for each in results.controls),
        honest=len(honest),
        heard=sum(each.heard for each in honest),
        refused=sum(not each.passed for each in honest),
        nothing=len(nothing),
        let_through=sum(each.passed for each in nothing),
        probes=len(results.probes),
        probes_open=sum(not each.held for each in results.probes),
    )


def table_text(table: Sequence[Row], total: Totals) -> str:
    """The table as it is printed."""
    head = {"row": "row", "name": "class", "kind": "kind", "variants": "variants"}
    lines = [_FORM.format(**head, naive="won naive", ours="won ours")]
    lines += [_FORM.format(**asdict(row)) for row in table]
    whole = {"row": "", "name": f"{total.classes} classes", "kind": "", "variants": total.variants}
    lines.append(_FORM.format(**whole, naive=total.naive, ours=total.ours))
    lines += [
        "",
        f"won against the naive side without an attack: {total.controls_won} of {total.controls}",
        f"honest work refused: {total.refused} of {total.honest}, "
        f"{total.heard} of them by the whole judge",
        f"nothing done, and let through: {total.let_through} of {total.nothing}",
        f"probes that succeeded: {total.probes_open} of {total.probes}",
    ]
    return "\n".join(line.rstrip() for line in lines)


def faults(results: Results) -> list[str]:
    """Everything that must not be, one line each; empty when all is well."""
    found = []
    for each in sorted(results.outcomes, key=lambda each: each.name):
        if each.ours.won:
            found.append(f"{each.name} WON against ours: {each.ours.why}")
        if not each.naive.won:
            found.append(f"{each.name} did not win against the naive side: {each.naive.why}")
    for control in results.controls:
        if control.naive.won:
            found.append(f"the naive side falls for no attack ({control.name})")
    for work in results.honest:
        if not work.good:
            what = "honest work was refused" if work.solved else "no work was let through"
            found.append(f"{what}: {work.name}: {work.why}")
    found += [f"probe {each.name}: {each.said}" for each in results.probes if not each.held]
    return [line if len(line) <= _SHOWN else f"{line[:_SHOWN]} …" for line in found]


def as_json(results: Results, seconds: float) -> Mapping[str, object]:
    """The whole run as data."""
    return {
        "seconds": round(seconds, 1),
        "totals": asdict(totals(results)),
        "classes": [asdict(row) for row in rows(results.outcomes)],
        "attacks": [asdict(each) for each in sorted(results.outcomes, key=lambda e: e.name)],
        "controls": [asdict(each) for each in results.controls],
        "honest": [asdict(each) for each in results.honest],
        "probes": [asdict(each) for each in results.probes],
        "faults": faults(results),
    }
