"""The chapter on what "free" costs: at which price of its GPU a local model breaks even."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from analysis.answers import money
from analysis.calls import TokenRow
from analysis.report.figures import NONE, usd
from analysis.report.method import nested
from analysis.report.parts import Column, Section, Table, columns
from analysis.report.rows import Trial
from analysis.stats.breakeven import BreakEven, Hours, Outlay, Side, break_evens
from analysis.stats.estimates import TOO_SMALL

HOURS_FROM: Mapping[Hours, str] = {
    "measured": "GPU-seconds, measured",
    "in part": "GPU-seconds where measured, else the seconds of its calls",
    "calls": "the seconds of its calls",
    "unknown": "not on record",
}
UNTOLD = "n too small to tell"
HOW = (
    "Break-even is (USD per solved task of the other arm - USD per solved task of this one without "
    "its local model's hours) / hours of the local model per solved task; 95 % bootstrap. Between "
    "two arms with a local model it is the hours that one takes more than the other."
)


def breakeven_section(trials: Sequence[Trial], tokens: Iterable[TokenRow]) -> Section | None:
    """Sentences and a table; None where no arm has a local model."""
    found = break_evens(outlays(trials, tuple(tokens)))
    if not found:
        return None
    table = Table(
        "GPU-hour price at which an arm with a local model costs what another does",
        (
            *columns("task", "arm"),
            Column("paid, USD per solved", "number", "without the hours of its local model"),
            Column("GPU-hours per solved", "number", "of its local model"),
            Column("against", "arm"),
            Column("paid by that", "number", "USD per solved task"),
            Column("break-even, USD per GPU-hour", "number", "95 % bootstrap"),
            Column("hours from"),
        ),
        tuple(line(each) for each in found),
        (HOW, *notes(found)),
    )
    return Section("breakeven", "What free costs", tuple(map(said, found)), (table,))


def outlays(trials: Sequence[Trial], tokens: Sequence[TokenRow]) -> list[Outlay]:
    """Each trial with a result as money and hours."""
    local = local_models(trials, tokens)
    used: dict[str, list[TokenRow]] = {}
    for row in tokens:
        used.setdefault(row.trial_id, []).append(row)
    return [outlay(each, used.get(each.row.trial_id, []), local) for each in trials
            if not each.row.void]  # fmt: skip


def local_models(trials: Sequence[Trial], tokens: Sequence[TokenRow]) -> frozenset[str]:
    """Models that Ollama serves, by the manifests, and those whose tokens cost nothing.

    Imported trials have no manifest that says it; a model that a card gives for nothing runs on
    a machine of somebody's own.
    """
    free = {row.model for row in tokens if row.model and row.rate and row.rate.free_tokens}
    return frozenset(free.union(*(seated(trial) for trial in trials)))


def seated(trial: Trial) -> set[str]:
    """The models of the trial's arm that Ollama serves."""
    arm = nested(trial.manifest, "arm")
    seats = (nested(arm, "lead"), nested(arm, "executor"))
    return {str(seat.get("model")) for seat in seats if seat.get("provider") == "ollama"}


def outlay(trial: Trial, used: Sequence[TokenRow], local: frozenset[str]) -> Outlay:
    """One trial."""
    mine = [row for row in used if row.model in local]
    seconds = [row.seconds for row in mine]
    paid = [without_hours(row) if row.model in local else row.usd for row in used]
    known = [each for each in paid if each is not None]
    return Outlay(
        trial.row.arm,
        trial.row.task,
        trial.row.success,
        paid_usd=sum(known) if len(known) == len(paid) else None,
        local_s=None if None in seconds else sum(each or 0.0 for each in seconds),
        wall_s=trial.row.wall_s,
        calls=sum(row.calls for row in mine),
        gpu_calls=sum(row.gpu_calls for row in mine),
        seated=bool(mine) or bool(seated(trial)),
    )


def without_hours(row: TokenRow) -> float | None:
    """What a local model's calls cost but for their hours: energy, and tokens if they cost."""
    return replace(row, rate=replace(row.rate, gpu_hour=0.0)).usd if row.rate else row.usd


def line(found: BreakEven) -> tuple[str, ...]:
    """A row of the table."""
    side, other = found.side, found.other
    return (
        side.task,
        side.arm,
        paid(side),
        NONE if side.hours is None else hours(side.hours),
        other.arm,
        paid(other),
        price(found),
        HOURS_FROM[side.hours_from] if side.calls else "no call of its local model",
    )


def paid(side: Side) -> str:
    """USD per solved task, or why there is none."""
    amount = side.per_solved("paid")
    return usd(amount) if amount is not None or side.solved else "none solved"


def hours(value: float) -> str:
    """Hours with three digits that say something."""
    return f"{value:.3g}"


def price(found: BreakEven) -> str:
    """The break-even price as a cell of the table."""
    match found.outcome:
        case "below":
            return f"${money(found.price.value or 0.0)}{ends(found)}"
        case "never":
            return f"dearer even at $0{ends(found)}"
        case "always":
            return f"cheaper at any price{ends(found)}"
        case "same":
            return "the same at any price"
        case "at least":
            return f"at least ${money(found.price.value or 0.0)}{ends(found)}"
    return found.price.note.split(";")[0]


def ends(found: BreakEven) -> str:
    """The interval behind a space, or how sure it is without one; a price below 0 is none."""
    low, high = found.price.low, found.price.high
    if low is not None and high is not None:
        return f" [{end(low)}, {end(high)}]"
    if TOO_SMALL in found.less.note:
        return f" ({TOO_SMALL})"
    return f" ({UNTOLD})" if doubt(found) else ""


def doubt(found: BreakEven) -> str:
    """What is said where the arm may as well pay more as less than the other."""
    return "" if found.told or found.less.low is None else f"; {UNTOLD}"


def saved(found: BreakEven, sign: int = 1) -> str:
    """How much less it pays (or with -1: more), with its interval and how sure that is."""
    less = found.less
    amount = f"${money(abs(less.value or 0.0))} {'less' if sign > 0 else 'more'}"
    if less.low is None or less.high is None:
        return f"{amount} ({TOO_SMALL})" if TOO_SMALL in less.note else amount
    low, high = sorted((sign * less.low, sign * less.high))
    return f"{amount} [{signed(low)}, {signed(high)}]{doubt(found)}"


def signed(value: float) -> str:
    """An amount that may be below 0."""
    return f"-{money(-value)}" if -math.inf < value < 0 else money(value)


def end(value: float) -> str:
    """An end of an interval."""
    return "below 0" if value < 0 else money(value)


def said(found: BreakEven) -> str:
    """The pair in words."""
    side, other = found.side, found.other
    on = f"On {side.task}, {side.arm}"
    match found.outcome:
        case "below":
            return (
                f"{on} costs less per solved task than {other.arm} while an hour of its GPU costs "
                f"less than ${money(found.price.value or 0.0)}{ends(found)}{doubt(found)}."
            )
        case "never":
            return (
                f"{on} is dearer than {other.arm} even at $0 a GPU-hour: it pays {paid(side)} per "
                f"solved task beside its local model, {other.arm} {paid(other)}. That is "
                f"{saved(found, -1)}."
            )
        case "always":
            return (
                f"{on} never called its local model and costs less than {other.arm} whatever a "
                f"GPU-hour costs: {saved(found)}."
            )
        case "same":
            return f"{on} costs what {other.arm} does, whatever a GPU-hour costs."
        case "at least":
            return (
                f"{on} costs less than {other.arm} at least while a GPU-hour costs less than "
                f"${money(found.price.value or 0.0)}. Beside its local model it pays "
                f"{saved(found)}. {found.price.note}."
            )
    return f"{on} has no break-even with {other.arm}: {found.price.note}."


def notes(found: Sequence[BreakEven]) -> list[str]:
    """What to beware of, each said once with the pairs it holds for."""
    pairs: dict[str, list[str]] = {}
    for each in found:
        said_of = f"{each.price.note}; {each.less.note}".split("; ")
        for note in filter(None, dict.fromkeys(said_of)):
            pairs.setdefault(note, []).append(
                f"{each.side.arm}-{each.other.arm} on {each.side.task}"
            )
    return [
        f"{'Every pair' if len(names) == len(found) > 1 else ', '.join(names)}: {note}."
        for note, names in pairs.items()
    ]
