"""Plays an attack's tool calls with the agent's own tools, without a model between."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from runner.agent.bash import bash_tool
from runner.agent.editor import editor_tool
from runner.attack.outcome import Played
from runner.errors import ToolError
from runner.scripted.script import Ask
from runner.types import ExecResult, Files, Shell, Tool

TIMEOUT_S = 60.0
TIMEOUT_MAX_S = 119.0


class Hands(Shell, Files, Protocol):
    """What commands run in and files lie in."""


class _Watched:
    """A shell that keeps what its commands came to."""

    def __init__(self, shell: Shell, played: Played) -> None:
        self._shell = shell
        self._played = played

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        output_cap: int = 65_536,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """See `Shell.run`."""
        result = self._shell.run(
            argv, timeout_s=timeout_s, output_cap=output_cap, stdin=stdin, env=env
        )
        self._played.results.append(result)
        return result


def play(hands: Hands, turns: Sequence[Sequence[Ask]]) -> Played:
    """Make every call; what a tool refuses is an answer too. Raises `SandboxFailure`."""
    played = Played()
    shell = _Watched(hands, played)
    offered = (
        bash_tool(shell, timeout_s=TIMEOUT_S, timeout_max_s=TIMEOUT_MAX_S),
        editor_tool(hands),
    )
    tools: Mapping[str, Tool] = {tool.spec.name: tool for tool in offered}
    for ask in (ask for turn in turns for ask in turn):
        assert isinstance(ask.arguments, dict)
        try:
            played.texts.append(tools[ask.name].run(ask.arguments).text)
        except ToolError as error:
            played.texts.append(f"[{ask.name} refused: {error}]")
    return played
