"""A run in words, one line each: shared by the board on a terminal and by a piped log."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from rich.text import Text

from runner.agent.text import first_line
from runner.events import (
    Event,
    RunStarted,
    SessionEnded,
    SessionStarted,
    TrialEnded,
    TrialStarted,
    Waited,
)
from runner.matrix.board import Board
from runner.matrix.board_view import BoardView, EndedView, FlightView, Money
from runner.matrix.engine import Attempt
from runner.types import ProviderKind

MARKS: Mapping[ProviderKind, str] = {"scripted": "simulated", "replayed": "replayed"}
LONG_ENOUGH_S = 5.0  # from here on it is worth saying since when a trial does what it does
LONG_WAIT_S = 10.0  # a shorter wait is not worth a second line of a log


def label(attempt: Attempt) -> str:
    """A short name within its run: `B T2 0.1` is arm, task, trial and attempt."""
    return f"{attempt.cell.arm} {attempt.cell.task} {attempt.trial}.{attempt.attempt}"


def usd(amount: float, fine: bool = True) -> str:
    """Money, to a hundredth of a cent when `fine`."""
    return f"${amount:,.4f}" if fine else f"${amount:,.2f}"


def span(seconds: float) -> str:
    """`0:07`, `12:34` or `3:02:11`."""
    whole = int(seconds)
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def goal_words(view: BoardView) -> str:
    """What the run goes for."""
    if view.goal is None:
        return ""
    n, most = view.goal.n, view.goal.most
    if view.goal.fixed:
        return f"{n} result{'s' * (n > 1)} in each cell"
    return f"{n} success{'es' * (n > 1)} in each cell, at most {most} results"


def state_words(view: BoardView) -> Text:
    """How the run stands, in colour."""
    if view.state == "stopping":
        calls, others = view.calls_in_flight, len(view.in_flight)
        text = f"stopping: {calls} call{'s' * (calls != 1)} in flight"
        text += f", {others} trial{'s' * (others != 1)} to close · {first_line(view.reason)}"
        return Text(text, style="bold yellow")
    if view.state == "running":
        return Text("running", style="bold green")
    style = "bold green" if view.state == "complete" else "bold yellow"
    return Text(f"{view.state}: {first_line(view.reason, 200)}", style=style)


def money_words(money: Money) -> str:
    """`$1.20 spent, $0.40 reserved, limit $5.00`."""
    words = f"{usd(money.spent)} spent, {usd(money.reserved)} reserved"
    return words if money.limit is None else f"{words}, limit {usd(money.limit, fine=False)}"


def now_words(flight: FlightView) -> Text:
    """What a trial does at this moment, and since when."""
    if flight.waits_for:
        text, style = f"waits: {flight.waits_for}", "yellow"
    elif flight.asked:
        text, style = f"{flight.asked.role}: {short_model(flight.asked.model)}", ""
    elif flight.phase == "agent":
        text, style = "runs its tools", "dim"
    else:
        text, style = {"": "issued", "sandbox": "container"}.get(flight.phase, flight.phase), "blue"
    return Text(text, style=style)


def short_model(model: str) -> str:
    """A model's id without the vendor's name and date, which tell nothing in a narrow table."""
    head, _, tail = first_line(model, 60).rpartition("-")
    named = head if len(tail) == 8 and tail.isdigit() else first_line(model, 60)
    return named.removeprefix("claude-")


def slot_words(view: BoardView) -> str:
    """Slots in use and who waits for one."""
    slots = view.slots
    words = f"slots {slots.taken}" + (f"/{slots.count}" if slots.count else " in use")
    return words + (f", {slots.waiting} wait" if slots.waiting else "")


def wait_words(view: BoardView) -> str:
    """Who stands still for a rate limit, a local model or money; empty when nobody does."""
    parts = []
    for what in ("rate limit", "local model", "money"):
        if waiting := view.waiting(what):
            longest = max(flight.since_s for flight in waiting)
            since = f" ({span(longest)})" if longest >= LONG_ENOUGH_S else ""
            parts.append(f"{what}: {len(waiting)} wait{since}")
    return " · ".join(parts)


def end_words(view: BoardView, now: datetime) -> str:
    """When the run may end, as a rough time of day; `now` is the reader's own."""
    if view.goal is None or view.state != "running":
        return ""
    if view.left_s is None or view.left_usd is None:
        return "end not yet known"
    step = 60 if view.left_s < 1200 else 300 if view.left_s < 7200 else 1800
    # Rounded up to whole steps since the epoch, so that the words stay still between refreshes.
    at = -(-(now.timestamp() + view.left_s) // step) * step
    then = datetime.fromtimestamp(at, now.tzinfo)
    day = "" if then.date() == now.date() else f"{then:%a} "
    if then - now > timedelta(days=6):
        day = f"{then:%d %b} "
    return f"end roughly {day}{then:%H:%M} and {rough_usd(view.left_usd)} more"


def rough_usd(amount: float) -> str:
    """Two significant digits at most: a guess must not look sure."""
    if amount < 0.01:
        return "under $0.01"
    return f"${amount:.2f}" if amount < 1 else f"${amount:.1f}" if amount < 10 else f"${amount:.0f}"


def short_of_money(view: BoardView) -> bool:
    """Whether what is still to come may not fit under the run's limit."""
    money = view.money
    return (
        money.limit is not None
        and view.left_usd is not None
        and view.state == "running"
        and money.spent + view.left_usd > money.limit
    )


def ended_words(ended: EndedView) -> str:
    """One line about a trial that ended."""
    return (
        f"{label(ended.attempt):<10} {ended.status:<8} {ended.turns:>3} turns "
        f"{span(ended.own_s):>7}  {usd(ended.usd)}  {first_line(ended.reason)}"
    )


def progress_words(view: BoardView, now: datetime) -> str:
    """One line about the whole run."""
    done = sum(cell.done for cell in view.cells)
    results = sum(cell.results for cell in view.cells)
    solved = sum(cell.successes for cell in view.cells)
    infra = sum(cell.infra for cell in view.cells)
    parts = [
        f"{done}/{len(view.cells)} cells done",
        f"{solved}/{results} solved" + (f", {infra} infra" if infra else ""),
        money_words(view.money),
        f"{len(view.in_flight)} in flight",
        slot_words(view),
        wait_words(view),
        end_words(view, now),
    ]
    return " · ".join(part for part in parts if part)


def log_lines(event: Event, board: Board) -> Iterator[str]:
    """What a piped log says of an event that the board has taken in: mostly nothing."""
    match event:
        case RunStarted(run_id=run_id):
            yield f"run      {run_id}"
        case SessionStarted(jobs=jobs):
            view = board.view()
            limit = view.money.limit
            words = "no limit" if limit is None else f"limit {usd(limit, fine=False)}"
            yield f"session  {view.session}: {goal_words(view)}, {jobs} jobs, {words}"
        case SessionEnded():
            yield state_words(board.view()).plain
        case Waited(what="slot", seconds=None):
            return  # there are too many to tell each
        case TrialStarted() | Waited():
            flights = board.view().in_flight
            name = next((label(f.attempt) for f in flights if f.trial_id == event.trial_id), "?")
            yield from _begun(event, name)
        case TrialEnded():
            ended = next((e for e in board.view().ended if e.trial_id == event.trial_id), None)
            yield f"ended    {ended_words(ended) if ended else event.trial_id}"


def _begun(event: TrialStarted | Waited, name: str) -> Iterator[str]:
    match event:
        case TrialStarted():
            yield f"started  {name:<10} {event.trial_id}"
        case Waited(what=what, seconds=None):
            yield f"waits    {name:<10} {what}"
        case Waited(what=what, seconds=float(seconds)) if seconds >= LONG_WAIT_S:
            yield f"waited   {name:<10} {what} {span(seconds)}"
