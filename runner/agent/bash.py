"""The `bash` tool."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.agent.arguments import parse, schema_of
from runner.agent.text import TOOL_OUTPUT_CHARS, cut_middle
from runner.config.loading import STRICT
from runner.errors import ToolError
from runner.types import ExecResult, JsonObject, Shell, Tool, ToolOutput, ToolSpec

# The kernel takes at most 128 KiB for one argument; a longer script belongs in a file.
COMMAND_BYTES = 120_000

# These keep the processors busy for many seconds, so they wait for a place: trials side by side
# must not slow each other. A rule by name, because nothing else is known before they run.
HEAVY = re.compile(r"\b(harness|pytest|mypy|coverage|tox|nox)\b")

# HOME is the model's to write, so no start-up file of the shell is read; after `--` a command
# that begins with a dash is a command still.
BASH = ("bash", "--noprofile", "--norc", "-c", "--")


@strict_dataclass(frozen=True, config=STRICT)
class BashArguments:
    """What a model passes to `bash`."""

    command: str = Field(description="The shell command to run in the repository's root.")
    timeout_s: int | None = Field(default=None, description="Seconds until it is stopped.")


def bash_tool(
    shell: Shell,
    *,
    timeout_s: float,
    timeout_max_s: float,
    place: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Tool:
    """The tool over a sandbox; times in seconds, the default and the most a model may ask.

    `place()` is held while a command runs that is heavy on the processors.
    """

    def run(arguments: JsonObject) -> ToolOutput:
        given = parse(BashArguments, arguments, "bash")
        asked = timeout_s if given.timeout_s is None else float(given.timeout_s)
        if not 0 < asked <= timeout_max_s:
            raise ToolError(f"bash: timeout_s must be between 1 and {timeout_max_s:g}")
        command = checked(given.command)
        with place() if HEAVY.search(command) else nullcontext():
            result = shell.run((*BASH, command), timeout_s=asked)
        return ToolOutput(
            text=shown(result, asked),
            exit_code=result.exit_code if result.signal is None else 128 + result.signal,
            timed_out=result.timed_out,
            truncated=result.truncated or len(result.output) > TOOL_OUTPUT_CHARS,
        )

    spec = ToolSpec(
        name="bash",
        description=(
            "Run a shell command in the repository's root, in a fresh shell. Shows stdout and "
            f"stderr together and the exit code. Stopped after {timeout_s:g} seconds unless "
            f"timeout_s says otherwise (at most {timeout_max_s:g}). No network."
        ),
        parameters=schema_of(BashArguments),
    )
    return Tool(spec, run)


def checked(command: str) -> str:
    """The command when a shell can take it; `ToolError` says what is wrong with it."""
    if not command.strip():
        raise ToolError("bash: command is empty")
    if "\0" in command:
        raise ToolError("bash: command holds a NUL character")
    try:
        size = len(command.encode())
    except UnicodeEncodeError as error:
        raise ToolError(f"bash: command is not valid Unicode: {error}") from error
    if size > COMMAND_BYTES:
        raise ToolError(
            f"bash: command has {size} bytes, the most is {COMMAND_BYTES}; "
            "write a file with str_replace_editor and run that"
        )
    return command


def shown(result: ExecResult, timeout_s: float) -> str:
    """What the model sees: the output, cut to size, and how the command ended."""
    text = result.output.decode("utf-8", "replace")
    if result.timed_out:
        ending = f"[stopped after {timeout_s:g} s, with everything it started; output so far above]"
    elif result.signal is not None:
        ending = f"[killed by signal {result.signal}]"
    else:
        ending = f"[exit {result.exit_code}]"
    body = cut_middle(text, TOOL_OUTPUT_CHARS - len(ending) - 1)
    return f"{body.rstrip()}\n{ending}" if body.strip() else ending
