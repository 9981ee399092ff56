"""A task's reference solution as the tool calls of an agent that knows it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from runner.config.solution import Create, Edit, Solution
from runner.scripted.script import Answer, Ask, Dialogue

EDITOR = "str_replace_editor"
DELEGATE = "delegate_to_executor"
BATCH = 5  # edits in one reply
PART = 10  # edits in one delegation
HARNESS_TIMEOUT_S = 600  # the whole harness; `--quick` is done in seconds

_PARTS = re.compile(r"edits (\d+)-(\d+) of the plan")
_EXIT = re.compile(r"^\[exit (-?\d+)\]$", re.M)


def bash(command: str, timeout_s: int | None = None) -> Ask:
    """A `bash` call."""
    arguments: dict[str, object] = {"command": command}
    if timeout_s is not None:
        arguments["timeout_s"] = timeout_s
    return Ask("bash", arguments)


def harness(*, quick: bool) -> Ask:
    """A look at the harness, the whole one or the quick one."""
    return bash("harness --quick") if quick else bash("harness", HARNESS_TIMEOUT_S)


def edit_ask(step: Edit | Create) -> Ask:
    """The editor call that takes one step of a solution."""
    if isinstance(step, Create):
        return Ask(EDITOR, {"command": "create", "path": step.path, "file_text": step.text})
    return Ask(
        EDITOR,
        {"command": "str_replace", "path": step.path, "old_str": step.old, "new_str": step.new},
    )


def batches(steps: Sequence[Edit | Create], size: int = BATCH) -> Iterator[tuple[Ask, ...]]:
    """The steps in their order, at most `size` calls at a time."""
    for start in range(0, len(steps), size):
        yield tuple(edit_ask(step) for step in steps[start : start + size])


def parts(solution: Solution, size: int = PART) -> list[tuple[int, int]]:
    """The steps split for delegation: first and last number, from 1."""
    count = len(solution)
    return [(start, min(start + size - 1, count)) for start in range(1, count + 1, size)]


def instruction_for(solution: Solution, first: int, last: int) -> str:
    """What an orchestrator tells its executor: words for a reader, a tail for a script."""
    lines = [_in_words(step) for step in solution[first - 1 : last]]
    return "\n".join(
        [
            "Make these changes, then check with `harness --quick` and report:",
            *lines,
            f"(edits {first}-{last} of the plan)",
        ]
    )


def steps_of(instruction: str, solution: Solution) -> tuple[Solution, bool]:
    """The steps an instruction names, and whether the last of the plan is among them.

    An instruction that names none asks for all.
    """
    match = _PARTS.search(instruction)
    if match is None:
        return solution, True
    first, last = int(match[1]), int(match[2])
    return solution[first - 1 : last], last >= len(solution)


def is_green(answer: Answer) -> bool:
    """Whether a `bash` answer says that the command ended well."""
    exits = _EXIT.findall(answer.text)
    return not answer.is_error and bool(exits) and exits[-1] == "0"


def failed_steps(dialogue: Dialogue, steps: Sequence[Edit | Create]) -> list[str]:
    """Paths of the steps whose edit came back as an error."""
    wanted = [edit_ask(step) for step in steps]
    failed = []
    for exchange in dialogue.exchanges:
        for ask, answer in zip(exchange.asks, exchange.answers, strict=False):
            if answer.is_error and ask in wanted:
                failed.append(_path_of(ask))
    return failed


def _path_of(ask: Ask) -> str:
    return str(ask.arguments.get("path")) if isinstance(ask.arguments, dict) else ask.name


def _in_words(step: Edit | Create) -> str:
    if isinstance(step, Create):
        return f"- create {step.path} ({len(step.text.splitlines())} lines)"
    old = _glimpse(step.old)
    if not step.new.strip():
        return f"- {step.path}: take out the lines about `{old}`"
    return f"- {step.path}: replace `{old}` by `{_glimpse(step.new)}`"


def _glimpse(text: str) -> str:
    """The first line that says something, at most 60 characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line[:60]


def scratch_path(solution: Solution) -> str | None:
    """A file of the task that exists from the start, to be spoilt and mended; None if none."""
    edits = [step for step in solution if isinstance(step, Edit)]
    created = {step.path for step in solution if isinstance(step, Create)}
    kept = [step.path for step in edits if step.path not in created]
    return next((path for path in kept if PurePosixPath(path).suffix == ".py"), None)
