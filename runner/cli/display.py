"""A trial while it runs: a line for each thing done, and on a terminal a line that lives."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from runner.config.rates import RateCard
from runner.events import CallReserved, CallSettled, Event, Phase, ToolUsed, TrialStarted
from runner.types import Role

PHASES = {
    "sandbox": "starting a fresh container",
    "agent": "the model is at work",
    "harness": "running the harness on the agent's own tree",
    "judge": "the judge runs mypy, ruff and pytest in a second container",
}
COLOURS: dict[Role, str] = {"solo": "cyan", "orchestrator": "cyan", "executor": "magenta"}


class TrialDisplay:
    """Shows events as they come. Call it with each event; it keeps only what it shows."""

    def __init__(self, console: Console, card: RateCard, max_turns: int) -> None:
        self._console = console
        self._card = card
        self._max_turns = max_turns
        self._status: Status | None = None
        self._usd = 0.0
        self._turn = 0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the living line while the trial runs; nothing of the sort when piped."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status("") as status:
            self._status = status
            yield
        self._status = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Phase(name=name, seconds=None):
                self._living(PHASES[name])
                if name in ("harness", "judge"):
                    self._console.print(Text(f"  {PHASES[name]}", style="dim"))
            case CallReserved(role=role, iteration=turn, model=model):
                self._turn = self._turn if role == "executor" else turn
                self._living(f"waiting for {model} ({role})")
            case CallSettled():
                self._settled(event)
            case ToolUsed():
                self._console.print(tool_line(event))
            case TrialStarted():
                self._living(PHASES["sandbox"])

    def _settled(self, event: CallSettled) -> None:
        self._usd += self._card.settled_usd(event)
        if event.error:
            self._console.print(Text(f"  {event.role:<12} {event.error}", style="red"))
        self._living("running its tools")

    def _living(self, what: str) -> None:
        if self._status:
            turn = f"turn {self._turn}/{self._max_turns} · " if self._turn else ""
            self._status.update(f"{turn}${self._usd:.4f} · {what}")


def tool_line(event: ToolUsed) -> Text:
    """`  3 executor     bash   harness --quick   exit 1  3.1 s`."""
    if event.is_error:
        ending, style = "refused", "yellow"
    elif event.timed_out:
        ending, style = "timed out", "red"
    elif event.exit_code:
        ending, style = f"exit {event.exit_code}", "yellow"
    else:
        ending, style = "ok", "green"
    line = Text(f"  {event.iteration:>3} ")
    line.append(f"{event.role:<12} ", style=COLOURS[event.role])
    line.append(f"{event.tool:<20} ", style="bold")
    line.append(f"{event.summary[:70]:<70} ")
    line.append(f"{ending:<10}", style=style)
    line.append(f"{event.seconds:7.1f} s", style="dim")
    return line
