"""One conversation, played to its end."""

from collections.abc import Sequence

from fakes import PlayedModel, meter

from runner.agent.loop import Outcome, Seated, run_agent
from runner.agent.meter import Meter
from runner.events import Event, ToolUsed
from runner.ledger.transcript import Entry
from runner.types import Reply, Tool, ToolOutput, ToolResult, ToolSpec, UserText


def echo(output: ToolOutput | Exception | None = None) -> Tool:
    """A tool named `bash` that answers with its command, or as it is told."""

    def run(arguments: dict[str, object]) -> ToolOutput:
        if isinstance(output, Exception):
            raise output
        return output or ToolOutput(f"ran {arguments['command']}", exit_code=0)

    return Tool(ToolSpec("bash", "Runs.", {"type": "object"}), run)  # type: ignore[arg-type]


class Run:
    """One conversation, played; everything it left behind."""

    def __init__(
        self,
        replies: Sequence[Reply | Exception],
        tools: Sequence[Tool] = (echo(),),
        max_turns: int = 10,
        counted_by: Meter | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.meter = counted_by or meter(self.events)
        self.model = PlayedModel("big", list(replies))
        self.entries: list[Entry] = []
        self.seated = Seated(self.model, "solo", 0, "You mend.", tools, max_turns, 4096)

    def __call__(self) -> Outcome:
        return run_agent(self.seated, "Mend it.", self.meter, self.entries.append)

    @property
    def told(self) -> list[ToolResult | UserText]:
        """What the model was told on its last call, after its last reply."""
        sent = self.model.seen[-1]
        replies = [index for index, message in enumerate(sent) if isinstance(message, Reply)]
        return [each for each in sent[replies[-1] + 1 :] if not isinstance(each, Reply)]

    @property
    def used(self) -> list[ToolUsed]:
        return [event for event in self.events if isinstance(event, ToolUsed)]
