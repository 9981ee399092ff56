"""The `str_replace_editor` tool."""

from io import StringIO
from typing import Literal, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.agent.arguments import parse, schema_of
from runner.agent.text import TOOL_OUTPUT_CHARS, cut_middle
from runner.config.loading import STRICT
from runner.errors import ToolError
from runner.types import Files, JsonObject, Tool, ToolOutput, ToolSpec

NAME = "str_replace_editor"

T = TypeVar("T")


@strict_dataclass(frozen=True, config=STRICT)
class EditorArguments:
    """What a model passes to `str_replace_editor`."""

    command: Literal["view", "create", "str_replace", "insert"]
    path: str = Field(description="The file, relative to the repository's root.")
    file_text: str | None = Field(default=None, description="create: the whole text.")
    old_str: str | None = Field(
        default=None, description="str_replace: the text to replace; it must occur exactly once."
    )
    new_str: str | None = Field(
        default=None, description="str_replace: what to put there; insert: the lines to insert."
    )
    insert_line: int | None = Field(
        default=None, description="insert: the line to insert after; 0 is the top."
    )
    view_range: list[int] | None = Field(
        default=None, description="view: [first, last] line from 1; last -1 is the end."
    )


def editor_tool(files: Files) -> Tool:
    """The tool over a sandbox's files."""
    commands = {"view": view, "create": create, "str_replace": str_replace, "insert": insert}

    def run(arguments: JsonObject) -> ToolOutput:
        given = parse(EditorArguments, arguments, NAME)
        return commands[given.command](files, given)

    spec = ToolSpec(
        name=NAME,
        description=(
            "View and edit files. `view` shows a file with line numbers, or a directory's names; "
            "`create` writes a whole file; `str_replace` replaces a text that occurs exactly "
            "once; `insert` puts lines after a line number."
        ),
        parameters=schema_of(EditorArguments),
    )
    return Tool(spec, run)


def view(files: Files, given: EditorArguments) -> ToolOutput:
    """Show a file's lines with their numbers, or a directory's names."""
    try:
        data = files.read(given.path)
    except ToolError:
        names = _names(files, given.path)
        if names is None:
            raise
        return _shown("\n".join(names) or "(empty directory)")
    lines = _lines(_decoded(data, given.path))
    first, last = _range(given.view_range, len(lines))
    numbered = (f"{n:6}  {lines[n - 1]}" for n in range(first, last + 1))
    return _shown("".join(numbered) or "(empty file)")


def create(files: Files, given: EditorArguments) -> ToolOutput:
    """Write a whole file."""
    text = _needed(given.file_text, given, "file_text")
    files.write(given.path, _bytes(text))
    return ToolOutput(f"wrote {given.path} ({len(text)} characters)")


def str_replace(files: Files, given: EditorArguments) -> ToolOutput:
    """Replace the one occurrence of a text."""
    old = _needed(given.old_str, given, "old_str")
    if not old:
        raise ToolError(f"{NAME}: old_str is empty; use insert or create")
    text = _text(files, given.path)
    found = text.count(old)
    if found != 1:
        hint = "copy it exactly, with its spaces" if not found else "add lines around it"
        raise ToolError(f"{NAME}: old_str occurs {found} times in {given.path}; {hint}")
    start = text.index(old)
    changed = text[:start] + (given.new_str or "") + text[start + len(old) :]
    files.write(given.path, _bytes(changed))
    line = text.count("\n", 0, start) + 1
    return ToolOutput(f"replaced the text at line {line} of {given.path}")


def insert(files: Files, given: EditorArguments) -> ToolOutput:
    """Put lines after a line number."""
    new = _needed(given.new_str, given, "new_str")
    after = _needed(given.insert_line, given, "insert_line")
    lines = _lines(_text(files, given.path))
    if not 0 <= after <= len(lines):
        raise ToolError(f"{NAME}: insert_line is {after}; {given.path} has {len(lines)} lines")
    if after and not lines[after - 1].endswith("\n"):
        lines[after - 1] += "\n"
    lines.insert(after, new if new.endswith("\n") else new + "\n")
    files.write(given.path, _bytes("".join(lines)))
    return ToolOutput(f"inserted after line {after} of {given.path}")


def _needed(value: T | None, given: EditorArguments, name: str) -> T:
    if value is None:
        raise ToolError(f"{NAME}: {given.command} needs {name}")
    return value


def _names(files: Files, path: str) -> tuple[str, ...] | None:
    """The names in a directory; None when `path` is none."""
    try:
        return files.listing(path)
    except ToolError:
        return None


def _text(files: Files, path: str) -> str:
    return _decoded(files.read(path), path)


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError(f"{NAME}: {path} is not UTF-8 text ({error.reason})") from error


def _lines(text: str) -> list[str]:
    # Not splitlines(): compilers and tools do not count form feeds and the like as line ends.
    return StringIO(text, newline="\n").readlines()


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ToolError(f"{NAME}: the text is not valid Unicode: {error}") from error


def _range(asked: list[int] | None, lines: int) -> tuple[int, int]:
    if asked is None:
        return 1, lines
    if len(asked) != 2:
        raise ToolError(f"{NAME}: view_range is two numbers, [first, last]")
    first, last = asked[0], lines if asked[1] == -1 else min(asked[1], lines)
    if not lines and first == 1:
        return 1, 0
    if not 1 <= first <= last:
        raise ToolError(f"{NAME}: view_range {asked} is outside the file's {lines} lines")
    return first, last


def _shown(text: str) -> ToolOutput:
    return ToolOutput(cut_middle(text, TOOL_OUTPUT_CHARS), truncated=len(text) > TOOL_OUTPUT_CHARS)
