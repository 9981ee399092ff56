"""The built-in scripted models: what each says in each role, given a task's solution as data.

`oracle` solves; `nop` says DONE and has done nothing; `blunder` errs in every way a model
errs, mends it and solves.
"""

from collections.abc import Callable, Mapping, Sequence

from runner.config.solution import Solution
from runner.scripted.plans import (
    DELEGATE,
    EDITOR,
    bash,
    batches,
    failed_steps,
    harness,
    instruction_for,
    is_green,
    parts,
    scratch_path,
    steps_of,
)
from runner.scripted.script import Answer, Ask, Dialogue, Script, Turn
from runner.types import Role

# A persona in a role, with the task's reference solution, gives a script.
Persona = Callable[[Role, Solution], Script]

_SPOILT = "blunder: int = undefined_name\n"


def oracle(role: Role, solution: Solution) -> Script:
    """Looks at the harness, makes the edits, checks, and says DONE - or BLOCKED if it is red."""

    def script(dialogue: Dialogue) -> Turn:
        return _follow(_plan(role, solution, dialogue.instruction), role, solution, dialogue)

    return script


def nop(role: Role, solution: Solution) -> Script:
    """Says DONE at once."""
    del role, solution

    def script(dialogue: Dialogue) -> Turn:
        del dialogue
        return Turn("DONE")

    return script


def blunder(role: Role, solution: Solution) -> Script:
    """Errs first, then does what the oracle does."""

    def script(dialogue: Dialogue) -> Turn:
        mistakes = _mistakes(role, solution)
        plan = [*mistakes, *_plan(role, solution, dialogue.instruction)]
        return _follow(plan, role, solution, dialogue)

    return script


PERSONAS: Mapping[str, Persona] = {"oracle": oracle, "nop": nop, "blunder": blunder}


def _plan(role: Role, solution: Solution, instruction: str) -> list[Turn]:
    """Every turn before the last words."""
    look = Turn("I look at where things stand.", (harness(quick=True),))
    if role == "orchestrator":
        work = [_delegation(solution, first, last) for first, last in parts(solution)]
        return [look, *work, _final_check(quick=False)]
    if role == "executor":
        steps, _ = steps_of(instruction, solution)
        return [*_edits(steps), _final_check(quick=True)]
    return [look, *_edits(solution), _final_check(quick=False)]


def _edits(steps: Solution) -> list[Turn]:
    return [Turn("I make the next changes.", asks) for asks in batches(steps)]


def _delegation(solution: Solution, first: int, last: int) -> Turn:
    instruction = instruction_for(solution, first, last)
    return Turn("I hand over the next part.", (Ask(DELEGATE, {"instruction": instruction}),))


def _final_check(*, quick: bool) -> Turn:
    return Turn("I check the result.", (harness(quick=quick),))


def _follow(plan: Sequence[Turn], role: Role, solution: Solution, dialogue: Dialogue) -> Turn:
    if dialogue.turn < len(plan):
        return plan[dialogue.turn]
    return Turn(_last_words(role, solution, dialogue))


def _last_words(role: Role, solution: Solution, dialogue: Dialogue) -> str:
    """DONE, or BLOCKED with what the tools said."""
    steps, complete = solution, True
    if role == "executor":
        steps, complete = steps_of(dialogue.instruction, solution)
    # Half of a plan may leave the harness red; then the edits alone tell.
    if complete and not is_green(_last_answer(dialogue)):
        return "BLOCKED: the harness is not green after the last change."
    failed = [] if role == "orchestrator" else failed_steps(dialogue, steps)
    if failed and not complete:
        return f"BLOCKED: these edits did not apply: {', '.join(failed)}"
    if role == "executor":
        return f"DONE: {len(steps)} changes made in {len({step.path for step in steps})} files."
    return "DONE"


def _last_answer(dialogue: Dialogue) -> Answer:
    answers = dialogue.exchanges[-1].answers if dialogue.exchanges else ()
    return answers[-1] if answers else Answer("", is_error=True)


def _mistakes(role: Role, solution: Solution) -> list[Turn]:
    """One turn for each way to err; what they spoil they mend."""
    turns = [
        Turn("I list the files.", (Ask("list_files", {"path": "."}),)),
        Turn("I run a command.", (Ask("bash", {}),)),
        Turn("I run it once more.", (Ask("bash", "ls"),)),
        Turn("I run something that fails.", (bash("ls no-such-file; exit 3"),)),
    ]
    if role == "orchestrator":
        return [*turns, Turn("I hand over the work.", (Ask(DELEGATE, {"task": "all of it"}),))]
    path = scratch_path(solution)
    if path is None:
        return turns
    nothing: dict[str, object] = {
        "command": "str_replace",
        "path": path,
        "old_str": "no such text in this file\n",
        "new_str": "",
    }
    spoil = {"command": "insert", "path": path, "insert_line": 0, "new_str": _SPOILT}
    mend = {"command": "str_replace", "path": path, "old_str": _SPOILT, "new_str": ""}
    return [
        *turns,
        Turn("I change a line.", (Ask(EDITOR, nothing),)),
        Turn("I add a line.", (Ask(EDITOR, spoil), harness(quick=True))),
        Turn("That broke the harness; I take it back.", (Ask(EDITOR, mend),)),
    ]
