"""The naive side of every kind of attack: a careless container, executor, collector and judge."""

import time
from collections.abc import Callable, Mapping

from runner.attack.box import NaiveBox, open_box
from runner.attack.catalogue import Trick
from runner.attack.naive import collect_naively, judge_naively, wears_out
from runner.attack.ours import found
from runner.attack.outcome import Side
from runner.attack.plans import box_plan, with_files
from runner.attack.play import play
from runner.attack.stage import Arena
from runner.errors import RunnerError, SandboxFailure
from runner.image.states import apply_solution
from runner.scripted.cheats import mended, turns_of
from runner.scripted.script import Ask

_REROLL_WAIT_S = 15.0
# Through a pipe: written to /dev/null itself, tar reads no file.
_EXPORT = "set -o pipefail; tar -cf - -C /work repo | cat >/dev/null"


def against_naive(arena: Arena, trick: Trick, trial_id: str) -> Side:
    """Play it on the naive side and see whether it wins there."""
    began = time.monotonic()
    tiny, way = arena.tiny, trick.variant.naive
    solved = arena.solved
    changed = frozenset(path for path in solved if solved[path] != tiny.starting.get(path))
    plan = box_plan(way, solved, changed, arena.secret)
    honest = tiny.task.solution if trick.attack.kind in ("forgery", "transfer") else ()
    steps = mended(trick.variant, tiny.task.id, honest)
    # Laid out beforehand: a call of its own for each would take most of the time.
    plan = with_files(plan, apply_solution(tiny.starting, steps), {step.path for step in steps})
    turns = turns_of(trick.variant, tiny.task.id, (), canary=str(arena.secret.path))
    with open_box(arena.engine, arena.image, plan, run_id=arena.run_id, trial_id=trial_id) as box:
        side = _KINDS[trick.attack.kind](arena, trick, box, turns)
    return Side(side.won, side.why, time.monotonic() - began)


Turns = tuple[tuple[Ask, ...], ...]


def _forged(arena: Arena, trick: Trick, box: NaiveBox, turns: Turns) -> Side:
    played = play(box, turns)
    side = judge_naively(box, trick.variant.naive, arena.tiny)
    return side if side.won else Side(False, f"{side.why}\nplayed: {played.text[-1500:]}")


def _carried(arena: Arena, trick: Trick, box: NaiveBox, turns: Turns) -> Side:
    play(box, turns)
    return collect_naively(box, trick.variant.naive, arena.secret.value)


def _looked(arena: Arena, trick: Trick, box: NaiveBox, turns: Turns) -> Side:
    return found(trick, play(box, turns), arena.secret.value, 0.0)


def _worn(_arena: Arena, trick: Trick, box: NaiveBox, turns: Turns) -> Side:
    try:
        played = play(box, turns)
    except SandboxFailure as broken:
        return Side(trick.variant.naive == "dead", f"the container is lost: {str(broken)[:200]}")
    return wears_out(box, trick.variant.naive, played)


def _called(_arena: Arena, _trick: Trick, box: NaiveBox, turns: Turns) -> Side:
    """An executor that takes every call for what it should be."""
    for ask in (ask for turn in turns for ask in turn):
        try:
            _TOOLS[ask.name](box, ask.arguments)
        except (KeyError, TypeError, AttributeError, ValueError, OSError, RunnerError) as problem:
            return Side(True, f"the executor broke: {type(problem).__name__}: {str(problem)[:150]}")
    return Side(False, "every call was run")


def _bash(box: NaiveBox, arguments: object) -> None:
    box.run(("bash", "-c", arguments["command"]), timeout_s=20)  # type: ignore[index]


def _edit(box: NaiveBox, arguments: object) -> None:
    given: Mapping[str, str] = arguments  # type: ignore[assignment]
    box.write(given["path"], given["file_text"].encode())


_TOOLS: Mapping[str, Callable[[NaiveBox, object], None]] = {
    "bash": _bash,
    "str_replace_editor": _edit,
}


def _rerolled(arena: Arena, _trick: Trick, box: NaiveBox, turns: Turns) -> Side:
    """A harness to which whatever breaks is its own failure: tried again, not counted."""
    try:
        play(box, turns)
        exported = box.run(("bash", "-c", _EXPORT), timeout_s=30)
        tests = box.run(("python", "-m", "pytest", "-q"), timeout_s=_REROLL_WAIT_S)
    except SandboxFailure as broken:
        return Side(True, f"counted as infra: {str(broken)[:200]}")
    if exported.exit_code != 0 or tests.timed_out or tests.exit_code in (126, 127):
        why = exported.output[-200:].decode("utf-8", "replace") or "the tests never end"
        return Side(True, f"counted as infra: {why}")
    return Side(False, f"judged: pytest exits with {tests.exit_code}")


_KINDS: Mapping[str, Callable[[Arena, Trick, NaiveBox, Turns], Side]] = {
    "forgery": _forged,
    "transfer": _carried,
    "leak": _looked,
    "probe": _looked,
    "bomb": _worn,
    "calls": _called,
    "reroll": _rerolled,
}
