"""Why a free executor is not free, drawn: from what it returns to what the orchestrator costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.answers import money
from analysis.calls import GrowthRow, TokenRow
from analysis.charts.bars import short
from analysis.charts.drawing import drawn, message, words
from analysis.charts.picture import Picture
from analysis.colours import INK, MUTED, Colour, arm_colours
from analysis.mechanism import Mechanism, ReadRatio
from analysis.stats.samples import TrialRow

STEPS = ("executor returns", "context grows", "read every turn", "read from cache", "USD")
UNKNOWN = "not on record"
BOX, GAP, LEFT, TOP, ROW = 124, 122, 16, 66, 132  # pixels
WIDTH = LEFT * 2 + len(STEPS) * BOX + (len(STEPS) - 1) * GAP
TITLE = "Why delegating costs what it costs"
HOW = "Mean of a trial. Over the arrows: what was measured."

Said = tuple[str, str]  # two short lines


@dataclass(frozen=True)
class Chain:
    """One arm's chain: a heading, what stands over each arrow, and what it comes to."""

    arm: str
    heading: str
    arrows: tuple[Said, Said, Said, Said]
    usd: Said


def chain_picture(
    task: str, chains: Sequence[Chain], arms: Iterable[str], *, simulated: bool
) -> Picture:
    """The picture of a task; says so where nobody delegates."""
    title = f"{TITLE}, {task}"
    if not chains:
        text = f"No arm with an executor has tried {task}: there is no chain to show."
        return message(title, text, simulated=simulated)
    colours = arm_colours(arms)
    parts = [words(LEFT, 48, HOW, size=12, colour=MUTED.light)]
    for n, chain in enumerate(chains):
        parts += row(chain, TOP + n * ROW, colours[chain.arm])
    text = f"{title}. {HOW} {' '.join(in_words(chain) for chain in chains)}"
    return drawn(title, text, parts, (WIDTH, TOP + len(chains) * ROW), simulated=simulated)


def chains_of(
    task: str,
    found: Sequence[Mechanism],
    growth: Iterable[GrowthRow],
    tokens: Sequence[TokenRow],
    rows: Sequence[TrialRow],
    ratios: Sequence[ReadRatio],
) -> tuple[Chain, ...]:
    """The chains of a task's orchestrating arms; from totals where calls are not on record.

    Trials that are no result are for the caller to leave out.
    """
    led = {each.arm for each in tokens if each.task == task and each.role == "orchestrator"}
    cells = {cell.arm: cell for cell in found if cell.task == task}
    calls = [call for call in growth if call.task == task]
    times = {
        each.arm: f"{each.ratio:.2f} times {each.solo}"
        for each in ratios
        if each.task == task and each.ratio is not None
    }
    chains = []
    for arm in sorted(led):
        if arm in cells:
            ends = [call for call in calls if call.arm == arm]
            chains.append(by_call(cells[arm], ends, times.get(arm, "")))
        else:
            mine = [each for each in tokens if (each.task, each.arm) == (task, arm)]
            turns = [row.iterations for row in rows if (row.task, row.arm) == (task, arm)]
            chains.append(by_totals(arm, mine, turns, times.get(arm, "")))
    return tuple(chains)


def by_call(cell: Mechanism, calls: Sequence[GrowthRow], times: str) -> Chain:
    """The chain of an arm whose calls are on record one by one."""
    n = cell.trials
    first: dict[str, GrowthRow] = {}
    last: dict[str, GrowthRow] = {}
    for call in sorted(calls, key=lambda call: call.seq):
        first.setdefault(call.trial_id, call)
        last[call.trial_id] = call
    begun, ended = (
        short(sum(call.usage.context_tokens for call in ends.values()) / n)
        for ends in (first, last)
    )
    again = "not known" if cell.again_usd is None else f"${money(cell.again_usd / n)}"
    whole = "" if cell.usd is None else f"of ${money(cell.usd / n)}"
    share = cell.cache_read_tokens / cell.read_tokens if cell.read_tokens else 0.0
    return Chain(
        cell.arm,
        f"{cell.again_percent} of what the orchestrator read was executor returns read again",
        (
            (f"{short(cell.first_tokens / n)} tokens", "returned"),
            (f"{begun} to {ended}", "tokens a turn"),
            (f"{cell.calls / n:.0f} turns", f"{short(cell.again_tokens / n)} read again"),
            (f"{short(cell.cache_read_tokens / n)} tokens", times or f"{share:.0%} of reading"),
        ),
        (again, whole),
    )


def by_totals(
    arm: str, tokens: Sequence[TokenRow], turns: Sequence[float | None], times: str
) -> Chain:
    """The chain of an arm of which only sums are on record."""
    lead = [each for each in tokens if each.role == "orchestrator"]
    trials = len({each.trial_id for each in lead})
    known = [each for each in turns if each is not None]
    reads = sum(each.usage.cache_read_tokens for each in lead) / trials
    paid = [each.usd for each in lead]
    usd = "not known"
    if None not in paid:
        usd = f"${money(sum(each or 0.0 for each in paid) / trials)}"
    return Chain(
        arm,
        "how much of it is executor returns is not on record call by call",
        (
            (UNKNOWN, ""),
            (UNKNOWN, ""),
            (f"{sum(known) / len(known):.0f} turns" if known else UNKNOWN, ""),
            (f"{short(reads)} tokens", times),
        ),
        (usd, "the orchestrator"),
    )


def row(chain: Chain, top: int, colour: Colour) -> list[str]:
    """One arm's boxes and arrows."""
    name = words(LEFT, top + 22, f"Arm {chain.arm}", size=14, colour=colour.light, bold=True)
    at = LEFT + 16 + 9 * len(f"Arm {chain.arm}")
    parts = [name, words(at, top + 22, chain.heading, size=12, colour=INK.light)]
    for n, step in enumerate(STEPS):
        x = LEFT + n * (BOX + GAP)
        parts.append(box(x, top + 52, step, chain.usd if n == len(STEPS) - 1 else None, colour))
        if n < len(chain.arrows):
            parts.append(arrow(x + BOX, top + 79, chain.arrows[n]))
    return parts


def box(x: int, y: int, step: str, figure: Said | None, colour: Colour) -> str:
    """One step; the last holds its figure."""
    middle = x + BOX / 2
    lines = (
        words(middle, y + 31, step, size=12, colour=INK.light, middle=True)
        if figure is None
        else words(middle, y + 24, figure[0], size=15, colour=INK.light, bold=True, middle=True)
        + words(middle, y + 42, figure[1], size=11, colour=INK.light, middle=True)
    )
    return (
        f'<rect class="step" x="{x}" y="{y}" width="{BOX}" height="54" rx="6" fill="none" '
        f'stroke="{colour.light}" stroke-width="2"/>{lines}'
    )


def arrow(x: int, y: int, said: Said) -> str:
    """An arrow to the next step with its figures over and under it."""
    start, end, middle = x + 6, x + GAP - 6, x + GAP / 2
    bold = said[0] != UNKNOWN
    tone = INK.light if bold else MUTED.light
    return (
        f'<path class="arrow" d="M{start} {y}H{end - 6}" stroke="{MUTED.light}" stroke-width="2" '
        f'fill="none"/><path d="M{end - 9} {y - 5}L{end} {y}L{end - 9} {y + 5}Z" '
        f'fill="{MUTED.light}"/>'
        f"{words(middle, y - 9, said[0], size=11, colour=tone, bold=bold, middle=True)}"
        f"{words(middle, y + 19, said[1], size=11, colour=INK.light, middle=True)}"
    )


def in_words(chain: Chain) -> str:
    """The chain in words."""
    steps: Mapping[str, Said] = dict(zip(STEPS, (*chain.arrows, chain.usd), strict=True))
    said = "; ".join(f"{step}: {' '.join(figures).strip()}" for step, figures in steps.items())
    return f"Arm {chain.arm}: {chain.heading}. {said}."
